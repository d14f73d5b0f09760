/**
 * The counter pattern of report 1: the u64, little-endian, at byte offset 8j holds j: every word shows its own place.
 *
 * Owns the layout of a word and its self-location at any of the eight byte phases. A file that is written after another
 * one with the very same pattern would hide a stale page (old bytes at the right offset are the right bytes), so a
 * counter may carry a generation in the upper 24 bits: word = generation * 2^40 + j. Generation 0 is exactly the
 * report's pattern. A word then counts 2^40 words (8 TiB) of stream; generation 0 may run on beyond that.
 */
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";
import { byteOf, readWord, type U64, U64_ONE } from "./u64.ts";
import { fillWords, firstSuccessor, firstWordMismatch, isSuccessor } from "./words.ts";

export const GENERATION_MAX = 0xffffff;

const TWO_32 = 4294967296;

/** Which counter stream. */
export interface CounterOptions {
  /** 0 (default) is report 1's pattern; a run gives each file its own, so that stale bytes show. */
  readonly generation?: number;
}

export class Counter implements Pattern {
  readonly name = "counter";
  readonly label: string;
  readonly wordBytes = 8;
  readonly resumeBytes = 8;
  readonly proofBytes = 24;
  readonly reachBytes = 8;
  readonly generation: number;

  constructor({ generation = 0 }: CounterOptions = {}) {
    if (!Number.isInteger(generation) || generation < 0 || generation > GENERATION_MAX) {
      throw new RangeError(`counter generation ${generation} is not a whole number from 0 to ${GENERATION_MAX}`);
    }
    this.generation = generation;
    this.label = `generation ${generation}`;
  }

  /** The word whose first byte is at stream offset 8 * index. */
  wordAt(index: number): U64 {
    return { lo: (index % TWO_32) >>> 0, hi: (Math.floor(index / TWO_32) + this.generation * 256) >>> 0 };
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    assertStreamOffset(streamOffsetBytes);
    const head = Math.min(block.length, (8 - (streamOffsetBytes % 8)) % 8);
    const words = (block.length - head) >>> 3;
    this.#fillBytes(block, { from: 0, to: head, streamOffsetBytes });
    const start = this.wordAt((streamOffsetBytes + head) / 8);
    fillWords(block, { atIndex: head, words, start, step: U64_ONE });
    this.#fillBytes(block, { from: head + words * 8, to: block.length, streamOffsetBytes });
  }

  #fillBytes(block: Uint8Array, range: { from: number; to: number; streamOffsetBytes: number }): void {
    for (let i = range.from; i < range.to; i += 1) block[i] = this.#byteAt(range.streamOffsetBytes + i);
  }

  #byteAt(offsetBytes: number): number {
    return byteOf(this.wordAt(Math.floor(offsetBytes / 8)), offsetBytes % 8);
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    assertStreamOffset(streamOffsetBytes);
    const head = Math.min(block.length, (8 - (streamOffsetBytes % 8)) % 8);
    const words = (block.length - head) >>> 3;
    const inHead = this.#mismatchBytes(block, { from: 0, to: head, streamOffsetBytes });
    if (inHead >= 0) return inHead;
    const start = this.wordAt((streamOffsetBytes + head) / 8);
    const word = firstWordMismatch(block, { atIndex: head, words, start, step: U64_ONE });
    const from = head + (word >= 0 ? word : words) * 8;
    return this.#mismatchBytes(block, { from, to: Math.min(block.length, from + 8), streamOffsetBytes });
  }

  #mismatchBytes(block: Uint8Array, range: { from: number; to: number; streamOffsetBytes: number }): number {
    for (let i = range.from; i < range.to; i += 1) {
      if (block[i] !== this.#byteAt(range.streamOffsetBytes + i)) return i;
    }
    return -1;
  }

  /**
   * Three consecutive words prove a position. Two are not enough: a byte 0xff before a genuine word w reads, one byte out
   * of phase, as the words 256w + 255 and 256w + 256 of some other generation.
   */
  locate(block: Uint8Array, { fromIndex, toIndex, limitBytes }: LocateRange): Location | undefined {
    let from = fromIndex;
    for (;;) {
      const index = firstSuccessor(block, { fromIndex: from, toIndex, step: U64_ONE });
      if (index < 0) return undefined;
      if (isSuccessor(block, index + 8, U64_ONE)) {
        const location = this.#place(readWord(block, index), { index, limitBytes });
        if (location !== undefined) return location;
      }
      from = index + 1;
    }
  }

  #place(word: U64, { index, limitBytes }: { index: number; limitBytes: number }): Location | undefined {
    // Modulo 2^32: beyond 8 TiB the words of the last generations begin again at 0.
    const ownHigh = (word.hi - this.generation * 256) >>> 0;
    const own = (ownHigh * TWO_32 + word.lo) * 8;
    if (own + 24 <= limitBytes) return { index, streamOffsetBytes: own, provenBytes: 24, stream: this };
    const generation = word.hi >>> 8;
    // Beyond its limit the own stream is not believed, and no other generation looks like it.
    if (generation === this.generation) return undefined;
    const streamOffsetBytes = ((word.hi & 0xff) * TWO_32 + word.lo) * 8;
    return { index, streamOffsetBytes, provenBytes: 24, stream: new Counter({ generation }) };
  }
}

/** `counter()` is report 1's pattern; `counter({ generation })` marks every word with the file it was written to. */
export function counter(options: CounterOptions = {}): Counter {
  return new Counter(options);
}
