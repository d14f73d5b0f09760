/** How quantities are written for people: one home for every room. Pure. */

/** 1,024 bytes. */
export const KiB = 1024;
/** 2^20 bytes. */
export const MiB = 1024 * KiB;
/** 2^30 bytes. */
export const GiB = 1024 * MiB;
/** Bytes of a small page, on x86-64 and aarch64 as this project builds for them. */
export const PAGE_BYTES = 4096;

/** 1937408 -> "1,937,408". */
export function grouped(value: number): string {
  const [whole = "", fraction] = value.toString().split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** "1 byte", "1,024 bytes". */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** 6 -> "0x06". */
export function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** 1536 -> 1.5 and "KiB": in the largest of the units that is not above it. */
function inUnit(bytes: number, units: readonly string[]): { readonly value: number; readonly unit: string } {
  const power = Math.max(
    0,
    units.findLastIndex((_, index) => bytes >= 1024 ** index),
  );
  return { value: bytes / 1024 ** power, unit: units[power] as string };
}

/** "1.50 GiB": three significant digits, binary units up to TiB. */
export function bytesText(bytes: number): string {
  const { value, unit } = inUnit(bytes, UNITS.slice(0, 5));
  return `${unit === "B" ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${unit}`;
}

/** 1937408 -> "1.8 MiB"; exact multiples have no fraction. */
export function size(bytes: number): string {
  const { value, unit } = inUnit(bytes, UNITS);
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}

/** "1m05s", "12.3s". */
export function secondsText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

/** Control characters, and those that turn the direction of a line around, as escapes; lines and tabs stay. */
export function visible(text: string): string {
  const escaped = (letter: string) => {
    const code = letter.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0")}`;
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, escaped);
}
