/**
 * Findings that repeat, in one sentence each, made of the group's fields: what, how large, how far apart, how often.
 *
 * Owns the wording, and what a stride is the size of: a hint, no more.
 */
import type { FindingGroup } from "../judge/finding.ts";
import { hexByte } from "../units.ts";
import type { ReportedGroup } from "./document.ts";
import { grouped, plural } from "./format.ts";

const SIZES: ReadonlyMap<number, string> = new Map([
  [64, "a cache line"],
  [512, "a sector"],
  [1448, "the payload of a TCP segment with timestamps"],
  [1460, "the payload of a TCP segment"],
  [4096, "a page"],
  [8192, "two pages"],
  [65536, "a page of 64 KiB, or a stripe"],
  [131072, "a stripe of 128 KiB"],
  [262144, "a stripe of 256 KiB"],
  [524288, "a stripe of 512 KiB"],
  [1048576, "a stripe of 1 MiB"],
  [2097152, "a huge page"],
]);

/** A group as a report has it, with its sentence. */
export function reportedGroup(group: FindingGroup): ReportedGroup {
  return { ...group, detail: groupText(group) };
}

/** The sentence of a group, without a full stop. */
export function groupText(group: FindingGroup): string {
  const { kind, count, offsetBytes, lastOffsetBytes, lengthBytes, strideBytes } = group;
  const size = strideBytes === null ? undefined : SIZES.get(strideBytes);
  const each = lengthBytes === null || kind === "bit-flipped" ? "" : ` of ${plural(lengthBytes, "byte")}`;
  const every = strideBytes === null ? "" : ` every ${plural(strideBytes, "byte")}`;
  const hint = size === undefined ? "" : ` (the size of ${size})`;
  const where = `from ${grouped(offsetBytes)} to ${grouped(lastOffsetBytes)}`;
  return `${whatRepeats(group)}${each}${every}${hint}: ${grouped(count)} times, ${where}`;
}

/** What a repeated finding is, without its place. */
function whatRepeats({ kind, bits, distanceBytes, value, wordBytes }: FindingGroup): string {
  if (kind === "bit-flipped") return bits === undefined ? "flipped bits" : `${bitsText(bits)} flipped`;
  if (kind === "filled" && value !== undefined) return `bytes ${hexByte(value)}`;
  if (kind === "zeroed") return "zeros";
  if (kind === "byte-swapped" && wordBytes !== undefined) return `${wordBytes * 8}-bit words in reversed byte order`;
  if (kind === "misplaced" && distanceBytes !== undefined) {
    return `the stream's bytes from ${grouped(Math.abs(distanceBytes))} ${distanceBytes < 0 ? "before" : "behind"}`;
  }
  return `${kind} bytes`;
}

/** "bit 4 of one byte", "bits 0 and 3 of one byte", "bit 0 of byte 0, bit 5 of byte 1 of one word". */
function bitsText(bits: readonly number[]): string {
  if (bits.every((bit) => bit < 8)) return `${bits.length === 1 ? "bit" : "bits"} ${bits.join(" and ")} of one byte`;
  return `${bits.map((bit) => `bit ${bit % 8} of byte ${Math.floor(bit / 8)}`).join(", ")} of one word`;
}
