/**
 * Arithmetic progressions of 64-bit words: the rule "word i is start + i * step, little-endian, modulo 2^64".
 *
 * Owns comparing and filling words of this kind at any byte position, by the compiled loops where they exist and by
 * TypeScript otherwise. Refuses to know what a word means; patterns do.
 */
import { NATIVE_BYTES_MIN, nativeLoops, nativeLoopsFor } from "../sys/loops.ts";
import { compareWords, type Words } from "./compare.ts";
import { add, advance, readWord, TWO_32, type U64 } from "./u64.ts";

/** Index of the first word that differs, or -1. */
export function firstWordMismatch(block: Uint8Array, { atIndex, words, start, step }: Words): number {
  if (words <= 0) return -1;
  if (words * 8 >= NATIVE_BYTES_MIN && block.byteLength > NATIVE_BYTES_MIN) {
    const native = nativeLoopsFor(words * 8);
    if (native !== undefined) return native.mismatch(block, atIndex, words, start.lo, start.hi, step.lo, step.hi);
  }
  return compareWords(block, { atIndex, words, start, step });
}

export function fillWords(block: Uint8Array, { atIndex, words, start, step }: Words): void {
  if (words <= 0) return;
  if (words * 8 >= NATIVE_BYTES_MIN && block.byteLength > NATIVE_BYTES_MIN) {
    const native = nativeLoopsFor(words * 8);
    if (native !== undefined) {
      native.fill(block, atIndex, words, start.lo, start.hi, step.lo, step.hi);
      return;
    }
  }
  for (let done = 0; done < words; done += SCRATCH_WORDS) {
    const count = Math.min(SCRATCH_WORDS, words - done);
    fillPairs(count, done === 0 ? start : advance(start, step, done), step);
    const at = atIndex + done * 8;
    if (count === SCRATCH_WORDS) block.set(scratchBytes, at);
    else for (let i = 0; i < count * 8; i += 1) block[at + i] = scratchBytes[i] as number;
  }
}

/**
 * Words on their way into a block. A view of 32-bit numbers of the block itself would need its ArrayBuffer, and small typed
 * arrays have none until they are asked for it, which costs more than the words.
 */
const SCRATCH_WORDS = 512;
const scratch = new Int32Array(SCRATCH_WORDS * 2);
const scratchBytes = new Uint8Array(scratch.buffer);

function fillPairs(words: number, start: U64, step: U64): void {
  let lo = start.lo;
  let hi = start.hi;
  for (let i = 0; i < words * 2; i += 2) {
    scratch[i] = lo;
    scratch[i + 1] = hi;
    lo += step.lo;
    hi += step.hi;
    if (lo >= TWO_32) {
      lo -= TWO_32;
      hi += 1;
    }
    hi >>>= 0;
  }
}

/** As many bytes as one call of a compiled search looks at. */
export const NATIVE_SEARCH_BYTES_MAX = 2 ** 30;

/** First index in [from, to) whose word is followed, 8 bytes on, by itself plus step; -1 if none. */
export function firstSuccessor(
  block: Uint8Array,
  { fromIndex, toIndex, step }: { fromIndex: number; toIndex: number; step: U64 },
): number {
  const to = Math.min(toIndex, block.length - 15);
  if (to - fromIndex >= NATIVE_BYTES_MIN) {
    const native = nativeLoops();
    // The loop's numbers have 32 bits, its answer 31.
    for (let from = fromIndex; native !== undefined && from < to; from += NATIVE_SEARCH_BYTES_MAX) {
      const length = Math.min(NATIVE_SEARCH_BYTES_MAX, to - from);
      const index = native.successor(block, from, 0, length, step.lo, step.hi);
      if (index >= 0) return from + index;
    }
    if (native !== undefined) return -1;
  }
  const stepLow = step.lo & 0xff;
  for (let i = fromIndex; i < to; i += 1) {
    if ((((block[i + 8] as number) - (block[i] as number)) & 0xff) === stepLow && isSuccessor(block, i, step)) return i;
  }
  return -1;
}

/** True when the block holds 16 bytes at the index and the second word there is the first plus step. */
export function isSuccessor(block: Uint8Array, index: number, step: U64): boolean {
  if (index + 16 > block.length) return false;
  const next = add(readWord(block, index), step);
  const found = readWord(block, index + 8);
  return next.lo === found.lo && next.hi === found.hi;
}
