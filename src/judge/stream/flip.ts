/** Finds flipped bits: owns the rule "one to three bits of one word", refuses anything wider. */
import type { Pattern } from "../../pattern/pattern.ts";

const BITS_MAX = 3;

export interface FlipPlace {
  readonly pattern: Pattern;
  readonly streamOffsetBytes: number;
  readonly fileOffsetBytes: number;
}

/** The flipped bits in words ("bit 3 of byte 4097"), or undefined when the bytes are not one word with 1 to 3 of them. */
export function flippedBits(found: readonly number[], place: FlipPlace): readonly string[] | undefined {
  const { pattern, streamOffsetBytes, fileOffsetBytes } = place;
  const lastByte = streamOffsetBytes + found.length - 1;
  if (Math.floor(streamOffsetBytes / pattern.wordBytes) !== Math.floor(lastByte / pattern.wordBytes)) return undefined;
  const expected = new Uint8Array(found.length);
  pattern.fill(expected, streamOffsetBytes);
  const bits: string[] = [];
  for (let i = 0; i < found.length; i += 1) {
    const difference = (found[i] as number) ^ (expected[i] as number);
    for (let bit = 0; bit < 8; bit += 1) {
      if ((difference >> bit) & 1) bits.push(`bit ${bit} of byte ${fileOffsetBytes + i}`);
    }
  }
  return bits.length >= 1 && bits.length <= BITS_MAX ? bits : undefined;
}
