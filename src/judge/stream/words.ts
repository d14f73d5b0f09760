/** Words for numbers, bits and kinds, for damage that repeats. Owns spelling; knows nothing of damage. */
import { grouped, hexByte } from "../../units.ts";
import type { FindingKind } from "../finding.ts";

export { grouped };

export function byteCount(count: number): string {
  return count === 1 ? "1 byte" : `${grouped(count)} bytes`;
}

/** Bits of a difference, counted from its first byte: "bit 4 of one byte", "bits 0 and 3 of one byte". */
export function bitsText(lo: number, hi: number): string {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit += 1) if ((bit < 32 ? lo >>> bit : hi >>> (bit - 32)) & 1) bits.push(bit);
  if (bits.every((bit) => bit < 8))
    return `${bits.length === 1 ? "bit" : "bits"} ${bits.join(" and ")} of one byte flipped`;
  return `${bits.map((bit) => `bit ${bit % 8} of byte ${Math.floor(bit / 8)}`).join(", ")} of one word flipped`;
}

/** What a repeated finding is, without its place. */
export function kindPhrase(note: {
  readonly kind: FindingKind;
  readonly offsetBytes?: number;
  readonly originBytes?: number;
  readonly value?: number;
  readonly wordBytes?: number;
}): string {
  const { kind, offsetBytes, originBytes, value, wordBytes } = note;
  if (kind === "filled" && value !== undefined) return `bytes ${hexByte(value)}`;
  if (kind === "zeroed") return "zeros";
  if (kind === "byte-swapped" && wordBytes !== undefined) return `${wordBytes * 8}-bit words in reversed byte order`;
  if (kind === "misplaced" && originBytes !== undefined && offsetBytes !== undefined) {
    const away = originBytes - offsetBytes;
    return `the stream's bytes from ${grouped(Math.abs(away))} ${away < 0 ? "before" : "behind"}`;
  }
  return `${kind} bytes`;
}
