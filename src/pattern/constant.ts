/**
 * Constant bytes: one value, or a few in turn, from the first byte of the stream to the last (badblocks' 0xaa, 0x55,
 * 0xff, fio's --buffer_pattern, memory poison).
 *
 * Owns the rule "byte i is bytes[i modulo their number]". These bytes record where in their cycle they belong and no more, so
 * neither a lost nor a repeated range of a whole number of cycles can be seen where it is; values in place, shifts, and the
 * length, can be judged. Zeros have a pattern of their own (zero.ts), because holes are made of them.
 */
import { fillRepeated, mismatchByFilling } from "./expected.ts";
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";
import { firstWordMismatch } from "./words.ts";

/** As many bytes as `constant` takes. */
export const CONSTANT_BYTES_MAX = 512;

class Constant implements Pattern {
  readonly name = "byte";
  readonly label: string;
  readonly wordBytes = 8;
  /** Other data holds a few equal bytes by chance; only a longer run of right ones ends a damaged range. */
  readonly resumeBytes = 64;
  readonly proofBytes: number;
  readonly reachBytes = 0;
  readonly holdsZeros: boolean;
  readonly periodBytes: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    if (bytes.length === 0 || bytes.length > CONSTANT_BYTES_MAX) {
      throw new RangeError(`a constant pattern has 1 to ${CONSTANT_BYTES_MAX} bytes, not ${bytes.length}`);
    }
    this.periodBytes = periodOf(bytes);
    this.#bytes = new Uint8Array(bytes).subarray(0, this.periodBytes);
    this.holdsZeros = bytes.includes(0);
    // A cycle of one byte is the same at every offset.
    this.proofBytes = this.periodBytes === 1 ? 0 : Math.max(this.resumeBytes, 2 * this.periodBytes);
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

  /** Bytes that go on as the cycle does prove their place in it; of the places in the stream, the nearest is meant. */
  locate(block: Uint8Array, { fromIndex, toIndex, limitBytes, nearBytes = 0 }: LocateRange): Location | undefined {
    const period = this.periodBytes;
    const proof = this.proofBytes;
    if (proof === 0) return undefined;
    const end = Math.min(block.length, toIndex + proof - 1);
    let from = fromIndex;
    for (let i = fromIndex + period; i < end; i += 1) {
      if (block[i] !== block[i - period]) from = i - period + 1;
      if (i + 1 - from < proof) continue;
      const phase = this.#phaseOf(block, from);
      const offset = phase === undefined ? undefined : this.#nearest(phase, nearBytes + from, limitBytes - proof);
      if (offset !== undefined) return { index: from, streamOffsetBytes: offset, provenBytes: proof, stream: this };
      from += 1;
    }
    return undefined;
  }

  #phaseOf(block: Uint8Array, index: number): number | undefined {
    for (let phase = 0; phase < this.periodBytes; phase += 1)
      if (this.#bytes.every((_, i) => block[index + i] === this.#bytes[(phase + i) % this.periodBytes])) return phase;
    return undefined;
  }

  #nearest(phase: number, expected: number, limit: number): number | undefined {
    const period = this.periodBytes;
    const nearest = phase + Math.round((expected - phase) / period) * period;
    const offset = nearest < 0 ? nearest + period : nearest > limit ? nearest - period : nearest;
    return offset >= 0 && offset <= limit ? offset : undefined;
  }
}

/** The shortest cycle that the bytes are whole turns of. */
function periodOf(bytes: Uint8Array): number {
  for (let period = 1; period < bytes.length; period += 1) {
    if (bytes.length % period === 0 && bytes.every((byte, i) => byte === bytes[i % period])) return period;
  }
  return bytes.length;
}

/** `constant([0xaa])`: every byte is 0xaa; `constant([0xde, 0xad])`: the two in turn, the first at stream offset 0. */
export function constant(bytes: ArrayLike<number>): Pattern {
  return new Constant(Uint8Array.from(bytes));
}
