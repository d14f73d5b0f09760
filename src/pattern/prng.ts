/**
 * Bytes of a documented generator: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014; the public-domain splitmix64.c by Vigna; java.util.SplittableRandom).
 *
 * Word i of the stream, little-endian, is output i of the generator seeded with `seed`:
 * z = seed + (i + 1) * 0x9e3779b97f4a7c15; z = (z ^ z>>30) * 0xbf58476d1ce4e5b9; z = (z ^ z>>27) * 0x94d049bb133111eb;
 * z ^ z>>31, all modulo 2^64. Nothing compresses it, nothing deduplicates it, and every step can be turned back: three
 * words in a row whose states differ by the constant prove their place, so lost and repeated ranges are reported exactly.
 * Owns the arithmetic where no compiled loop exists. Seeds are whole numbers below 2^53; another seed's bytes are foreign.
 */
import { NATIVE_BYTES_MIN, nativeLoops } from "../sys/loops.ts";
import { mismatchByFilling } from "./expected.ts";
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";
import { add, advance, byteOf, multiply, readWord, TWO_32, type U64 } from "./u64.ts";
import { NATIVE_SEARCH_BYTES_MAX } from "./words.ts";

const STEP: U64 = { lo: 0x7f4a7c15, hi: 0x9e3779b9 };
const STEP_INVERSE: U64 = { lo: 0x9937733d, hi: 0xf1de83e1 };
const MIX_1: U64 = { lo: 0x1ce4e5b9, hi: 0xbf58476d };
const MIX_1_INVERSE: U64 = { lo: 0x3f119089, hi: 0x96de1b17 };
const MIX_2: U64 = { lo: 0x133111eb, hi: 0x94d049bb };
const MIX_2_INVERSE: U64 = { lo: 0xd24d8ec3, hi: 0x319642b2 };
const PROOF_BYTES = 24;

/** value >>> bits, for 1 to 63 bits. */
function shiftRight({ lo, hi }: U64, bits: number): U64 {
  if (bits >= 32) return { lo: hi >>> (bits - 32), hi: 0 };
  return { lo: ((lo >>> bits) | (hi << (32 - bits))) >>> 0, hi: hi >>> bits };
}

const xor = (a: U64, b: U64): U64 => ({ lo: (a.lo ^ b.lo) >>> 0, hi: (a.hi ^ b.hi) >>> 0 });

const foldRight = (value: U64, bits: number): U64 => xor(value, shiftRight(value, bits));

/** The value that `foldRight` made this from; shifts of 22 bits and more need no third turn. */
const unfoldRight = (folded: U64, bits: number): U64 => xor(foldRight(folded, bits), shiftRight(folded, bits * 2));

/** The generator's output for a state. */
function outputOf(state: U64): U64 {
  const first = multiply(foldRight(state, 30), MIX_1);
  return foldRight(multiply(foldRight(first, 27), MIX_2), 31);
}

/** The state that gives an output. */
function stateOf(output: U64): U64 {
  const second = multiply(unfoldRight(output, 31), MIX_2_INVERSE);
  return unfoldRight(multiply(unfoldRight(second, 27), MIX_1_INVERSE), 30);
}

export class Prng implements Pattern {
  readonly name = "prng";
  readonly label: string;
  readonly wordBytes = 8;
  readonly resumeBytes = 8;
  readonly proofBytes = PROOF_BYTES;
  readonly reachBytes = 8;
  readonly #seed: U64;

  constructor({ seed }: { readonly seed: number }) {
    assertStreamOffset(seed);
    this.#seed = { lo: seed % TWO_32, hi: Math.floor(seed / TWO_32) };
    this.label = `SplitMix64 of seed ${seed}`;
  }

  /** State of the word at an index: seed + (index + 1) * STEP. */
  #stateAt(wordIndex: number): U64 {
    return advance(this.#seed, STEP, wordIndex + 1);
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    assertStreamOffset(streamOffsetBytes);
    const head = Math.min(block.length, (8 - (streamOffsetBytes % 8)) % 8);
    const words = (block.length - head) >>> 3;
    const first = (streamOffsetBytes + head) / 8;
    this.#fillBytes(block, { from: 0, to: head, streamOffsetBytes });
    if (words > 0) this.#fillWords(block, { atIndex: head, words, first });
    this.#fillBytes(block, { from: head + words * 8, to: block.length, streamOffsetBytes });
  }

  #fillWords(block: Uint8Array, { atIndex, words, first }: { atIndex: number; words: number; first: number }): void {
    let state = this.#stateAt(first);
    if (words * 8 >= NATIVE_BYTES_MIN) {
      const native = nativeLoops();
      if (native !== undefined) {
        native.splitmix(block, atIndex, words, state.lo, state.hi);
        return;
      }
    }
    const view = new DataView(block.buffer, block.byteOffset + atIndex, words * 8);
    for (let at = 0; at < words * 8; at += 8) {
      const { lo, hi } = outputOf(state);
      view.setUint32(at, lo, true);
      view.setUint32(at + 4, hi, true);
      state = add(state, STEP);
    }
  }

  #fillBytes(block: Uint8Array, range: { from: number; to: number; streamOffsetBytes: number }): void {
    for (let i = range.from; i < range.to; i += 1) {
      const offset = range.streamOffsetBytes + i;
      block[i] = byteOf(outputOf(this.#stateAt(Math.floor(offset / 8))), offset % 8);
    }
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    assertStreamOffset(streamOffsetBytes);
    return mismatchByFilling(block, streamOffsetBytes, (expected, at) => this.fill(expected, at));
  }

  locate(block: Uint8Array, { fromIndex, toIndex, limitBytes }: LocateRange): Location | undefined {
    const to = Math.min(toIndex, block.length - PROOF_BYTES + 1);
    for (let from = fromIndex; from < to; ) {
      const index = this.#successor(block, from, to);
      if (index < 0) return undefined;
      const streamOffsetBytes = this.#offsetOf(block, index);
      if (streamOffsetBytes !== undefined && streamOffsetBytes + PROOF_BYTES <= limitBytes) {
        return { index, streamOffsetBytes, provenBytes: PROOF_BYTES, stream: this };
      }
      from = index + 1;
    }
    return undefined;
  }

  /** First index in [from, to) whose two words have states one step apart, or -1. */
  #successor(block: Uint8Array, from: number, to: number): number {
    if (to - from >= NATIVE_BYTES_MIN) {
      const native = nativeLoops();
      // The loop's numbers have 32 bits, its answer 31.
      for (let at = from; native !== undefined && at < to; at += NATIVE_SEARCH_BYTES_MAX) {
        const index = native.splitmixSuccessor(block, at, 0, Math.min(NATIVE_SEARCH_BYTES_MAX, to - at));
        if (index >= 0) return at + index;
      }
      if (native !== undefined) return -1;
    }
    for (let index = from; index < to; index += 1) {
      const next = add(stateOf(readWord(block, index)), STEP);
      const state = stateOf(readWord(block, index + 8));
      if (next.lo === state.lo && next.hi === state.hi) return index;
    }
    return -1;
  }

  /** Where the word at the index belongs, if the two words after it follow. */
  #offsetOf(block: Uint8Array, index: number): number | undefined {
    const state = stateOf(readWord(block, index));
    const third = stateOf(readWord(block, index + 16));
    const expected = advance(state, STEP, 2);
    if (third.lo !== expected.lo || third.hi !== expected.hi) return undefined;
    const minusSeed = add(state, {
      lo: -this.#seed.lo >>> 0,
      hi: (~this.#seed.hi + Number(this.#seed.lo === 0)) >>> 0,
    });
    const number = multiply(minusSeed, STEP_INVERSE);
    const wordIndex = number.hi * TWO_32 + number.lo - 1;
    return wordIndex >= 0 && wordIndex < 2 ** 50 ? wordIndex * 8 : undefined;
  }
}

/** `prng({ seed: 7 })`: the bytes of SplitMix64, where each word proves its own place. */
export function prng(options: { readonly seed: number }): Pattern {
  return new Prng(options);
}
