/**
 * Constant bytes: one value, or a few in turn, from the first byte of the stream to the last (badblocks' 0xaa, 0x55,
 * 0xff, fio's --buffer_pattern, memory poison).
 *
 * Owns the rule "byte i is bytes[i modulo their number]". Such bytes do not say where they belong, so neither a lost nor
 * a repeated range of a whole number of periods can be seen; values in place, and the length, can be judged. Zeros have a
 * pattern of their own (zero.ts), because holes are made of them.
 */
import { fillRepeated, mismatchByFilling } from "./expected.ts";
import { assertStreamOffset, type Pattern } from "./pattern.ts";
import { firstWordMismatch } from "./words.ts";

/** As many bytes as `constant` takes. */
export const CONSTANT_BYTES_MAX = 512;

class Constant implements Pattern {
  readonly name = "byte";
  readonly label: string;
  readonly wordBytes = 8;
  /** Other data holds a few equal bytes by chance; only a longer run of right ones ends a damaged range. */
  readonly resumeBytes = 64;
  readonly proofBytes = 0;
  readonly reachBytes = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    if (bytes.length === 0 || bytes.length > CONSTANT_BYTES_MAX) {
      throw new RangeError(`a constant pattern has 1 to ${CONSTANT_BYTES_MAX} bytes, not ${bytes.length}`);
    }
    this.#bytes = bytes.slice();
    this.label = `bytes 0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    assertStreamOffset(streamOffsetBytes);
    fillRepeated(block, this.#bytes, streamOffsetBytes);
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    assertStreamOffset(streamOffsetBytes);
    const period = this.#bytes.length;
    if (8 % period === 0) return this.#mismatchInWords(block, streamOffsetBytes);
    return mismatchByFilling(block, streamOffsetBytes, (expected, at) => fillRepeated(expected, this.#bytes, at));
  }

  /** The period divides a word, so every whole word of the block is the same one. */
  #mismatchInWords(block: Uint8Array, streamOffsetBytes: number): number {
    const word = new Uint8Array(8);
    fillRepeated(word, this.#bytes, streamOffsetBytes);
    const halves = new DataView(word.buffer);
    const start = { lo: halves.getUint32(0, true), hi: halves.getUint32(4, true) };
    const words = block.length >>> 3;
    const bad = firstWordMismatch(block, { atIndex: 0, words, start, step: { lo: 0, hi: 0 } });
    const from = (bad >= 0 ? bad : words) * 8;
    for (let i = from; i < Math.min(block.length, from + 8); i += 1) if (block[i] !== word[i % 8]) return i;
    return -1;
  }

  locate(): undefined {
    return undefined;
  }
}

/** `constant([0xaa])`: every byte is 0xaa; `constant([0xde, 0xad])`: the two in turn, the first at stream offset 0. */
export function constant(bytes: ArrayLike<number>): Pattern {
  return new Constant(Uint8Array.from(bytes));
}
