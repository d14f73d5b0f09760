/**
 * Words for numbers, shared by the renderers. Owns spelling of counts, sizes and alignments; refuses units that hide the
 * exact figure: a size always comes with its bytes.
 */
import type { SecondReading } from "../judge/finding.ts";
import { grouped, plural, size, visible } from "../units.ts";
import type { RunReport } from "./document.ts";

export { grouped, plural, size };

/** A value with the control characters of all its strings spelled out: names on a disk may hold anything. */
export function printable<Value>(value: Value): Value {
  if (typeof value === "string") return visible(value) as Value;
  if (Array.isArray(value)) return value.map(printable) as Value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, printable(inner)])) as Value;
}

/** Escapes what has a meaning in HTML and SVG, in text and in double-quoted attributes. */
export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** How often the run that a report is of was corrupt. */
export function howOften({ shrunk }: Pick<RunReport, "shrunk">): string {
  if (shrunk === undefined) return "one run was made, and it was corrupt";
  const { hits, runs } = shrunk;
  const were = hits === 1 ? "was" : "were";
  return `${hits} of ${plural(runs, "run")} of the command below ${were} corrupt; it is the smallest that was found`;
}

/** A setting of the environment: numbers of bytes as a size, too. */
export function settingText(name: string, value: unknown): string {
  const bytes = name.endsWith("Bytes") && typeof value === "number";
  return bytes ? `${size(value)} (${grouped(value)} bytes)` : String(value);
}

/** "97.9 KiB (100,200 bytes) verified in 2 files"; one file, or none, needs no mention. */
export function verifiedText({ bytesVerified, files }: { bytesVerified: number; files: number }): string {
  const bytes = plural(bytesVerified, "byte");
  const amount = bytesVerified < 1024 ? bytes : `${size(bytesVerified)} (${bytes})`;
  return `${amount} verified${files > 1 ? ` in ${plural(files, "file")}` : ""}`;
}

/** How an offset sits: what dt prints as "modulos", in words. */
export function alignment(offsetBytes: number): string {
  if (offsetBytes % 4096 === 0) return "page-aligned";
  if (offsetBytes % 512 === 0) return "sector-aligned (512)";
  if (offsetBytes % 8 === 0) return `8-byte aligned, ${offsetBytes % 4096} into its page`;
  return `not 8-byte aligned (${offsetBytes % 8} mod 8), ${offsetBytes % 4096} into its page`;
}

export function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} s`;
}

/** "-EAGAIN"-like results stay numbers here; names belong to who knows the call. */
export function milliseconds(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toFixed(3)} ms`;
}

const SECOND_READING_TEXTS: Readonly<Record<SecondReading, string>> = {
  same: "Read again past the page cache: the same damage, so it is in the file.",
  different: "Read again past the page cache: not this damage, so page cache and device disagree.",
  unavailable: "Not read again: there is no reading past the page cache here.",
};

/** What a second reading of a finding gave, as a sentence; none where there was no second reading. */
export function secondReadingLines(finding: { readonly secondReading?: SecondReading }): string[] {
  return finding.secondReading === undefined ? [] : [SECOND_READING_TEXTS[finding.secondReading]];
}
