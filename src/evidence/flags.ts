/**
 * Flags and constants by their C names, from the values that the ABI test proves.
 *
 * Owns families of constants by prefix: bits are joined with `|`, what has no name stays a hexadecimal number.
 */
import * as fcntl from "../sys/uapi/fcntl.ts";
import * as mman from "../sys/uapi/mman.ts";
import * as socket from "../sys/uapi/socket.ts";

const CONSTANTS: Readonly<Record<string, unknown>> = { ...fcntl, ...mman, ...socket };
/** Families whose values are a choice, not bits. */
const CHOICES = new Set(["SEEK", "MADV", "POSIX_FADV", "AF"]);
/** Low bits of a family that are a choice: the access mode of open(2), the type of socket(2). */
const LOW_MASK: Readonly<Record<string, number>> = { open: 3, SOCK: 15 };
/** Families that are called otherwise than their constants: only open(2) has an access mode among its O_* flags. */
const PREFIX: Readonly<Record<string, string>> = { open: "O" };

function family(prefix: string): [string, number][] {
  return Object.entries(CONSTANTS).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number" && entry[0].startsWith(`${prefix}_`),
  );
}

export function flagsText(kind: string, value: number): string {
  if (kind === "octal") return `0${value.toString(8)}`;
  const names = family(PREFIX[kind] ?? kind);
  if (CHOICES.has(kind)) return names.find(([, number]) => number === value)?.[0] ?? String(value);
  const mask = LOW_MASK[kind] ?? 0;
  const chosen = mask === 0 ? [] : names.filter(([, number]) => number <= mask && number === (value & mask));
  const found = chosen.slice(0, 1).map(([name]) => name);
  let rest = value & ~mask;
  // Constants of several bits come first: O_TMPFILE holds O_DIRECTORY.
  for (const [name, number] of names.toSorted((a, b) => b[1] - a[1])) {
    if (number <= mask || (rest & number) !== number || number === 0) continue;
    found.push(name);
    rest &= ~number;
  }
  if (rest !== 0) found.push(`0x${(rest >>> 0).toString(16)}`);
  // PROT_NONE.
  if (found.length === 0) return names.find(([, number]) => number === 0)?.[0] ?? "0";
  return found.join("|");
}
