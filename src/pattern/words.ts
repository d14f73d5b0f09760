/**
 * Arithmetic progressions of 64-bit words: the rule "word i is start + i * step, little-endian, modulo 2^64".
 *
 * Owns comparing and filling such words at any byte position, by the compiled loops where they exist and by
 * TypeScript otherwise. Refuses to know what a word means; patterns do.
 */
import { NATIVE_BYTES_MIN, nativeLoops } from "../sys/loops.ts";

/** A 64-bit number as two unsigned halves: BigInt is twenty times slower in the loops that matter. */
export interface U64 {
  readonly lo: number;
  readonly hi: number;
}

const TWO_32 = 4294967296;
const SCRATCH_BYTES = 65536;

export const U64_ZERO: U64 = { lo: 0, hi: 0 };
export const U64_ONE: U64 = { lo: 1, hi: 0 };

export function u64(value: bigint): U64 {
  return { lo: Number(value & 0xffffffffn), hi: Number((value >> 32n) & 0xffffffffn) };
}

/** start + count * step, modulo 2^64; count is a safe integer. */
export function advance(start: U64, step: U64, count: number): U64 {
  if (step.hi === 0 && step.lo <= 1) {
    const lo = start.lo + (step.lo === 0 ? 0 : count % TWO_32);
    const hi = start.hi + (step.lo === 0 ? 0 : Math.floor(count / TWO_32)) + (lo >= TWO_32 ? 1 : 0);
    return { lo: lo >>> 0, hi: (hi % TWO_32) >>> 0 };
  }
  const product = multiply(step, { lo: (count % TWO_32) >>> 0, hi: Math.floor(count / TWO_32) >>> 0 });
  return add(start, product);
}

export function add(a: U64, b: U64): U64 {
  const lo = a.lo + b.lo;
  return { lo: lo >>> 0, hi: (a.hi + b.hi + (lo >= TWO_32 ? 1 : 0)) >>> 0 };
}

/** The low 64 bits of a product, by 16-bit limbs. */
export function multiply(a: U64, b: U64): U64 {
  const a0 = a.lo & 0xffff;
  const a1 = a.lo >>> 16;
  const b0 = b.lo & 0xffff;
  const b1 = b.lo >>> 16;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >>> 16);
  const middle2 = a0 * b1 + (middle % 65536);
  const lo = ((middle2 << 16) | (low & 0xffff)) >>> 0;
  const carry = a1 * b1 + Math.floor(middle / 65536) + Math.floor(middle2 / 65536);
  const hi = (carry + Math.imul(a.lo, b.hi) + Math.imul(a.hi, b.lo)) % TWO_32;
  return { lo, hi: hi >>> 0 };
}

/** Byte `index` (0..7) of a word. */
export function byteOf(word: U64, index: number): number {
  return ((index < 4 ? word.lo >>> (8 * index) : word.hi >>> (8 * (index - 4))) & 0xff) >>> 0;
}

export interface Words {
  /** Index in the block of the first byte of the first word. */
  readonly atIndex: number;
  readonly words: number;
  readonly start: U64;
  readonly step: U64;
}

/** Index of the first word that differs, or -1. */
export function firstWordMismatch(block: Uint8Array, { atIndex, words, start, step }: Words): number {
  if (words <= 0) return -1;
  if (words * 8 >= NATIVE_BYTES_MIN && block.byteLength > NATIVE_BYTES_MIN) {
    const native = nativeLoops();
    if (native !== undefined) return native.mismatch(block, atIndex, words, start.lo, start.hi, step.lo, step.hi);
  }
  return slowMismatch(block, { atIndex, words, start, step });
}

export function fillWords(block: Uint8Array, { atIndex, words, start, step }: Words): void {
  if (words <= 0) return;
  if (words * 8 >= NATIVE_BYTES_MIN && block.byteLength > NATIVE_BYTES_MIN) {
    const native = nativeLoops();
    if (native !== undefined) {
      native.fill(block, atIndex, words, start.lo, start.hi, step.lo, step.hi);
      return;
    }
  }
  const aligned = (block.byteOffset + atIndex) % 4 === 0;
  const target = aligned
    ? new Int32Array(block.buffer, block.byteOffset + atIndex, words * 2)
    : new Int32Array(words * 2);
  fillPairs(target, start, step);
  if (!aligned) block.set(new Uint8Array(target.buffer), atIndex);
}

function fillPairs(target: Int32Array, start: U64, step: U64): void {
  let lo = start.lo;
  let hi = start.hi;
  for (let i = 0; i + 1 < target.length; i += 2) {
    target[i] = lo;
    target[i + 1] = hi;
    lo += step.lo;
    hi += step.hi;
    if (lo >= TWO_32) {
      lo -= TWO_32;
      hi += 1;
    }
    hi >>>= 0;
  }
}

/** First index in [from, to) whose word is followed, 8 bytes on, by itself plus step; -1 if none. */
export function firstSuccessor(
  block: Uint8Array,
  { fromIndex, toIndex, step }: { fromIndex: number; toIndex: number; step: U64 },
): number {
  const to = Math.min(toIndex, block.length - 15);
  if (to - fromIndex >= NATIVE_BYTES_MIN) {
    const native = nativeLoops();
    if (native !== undefined) return native.successor(block, 0, fromIndex, to, step.lo, step.hi);
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

export function readWord(block: Uint8Array, index: number): U64 {
  return { lo: readHalf(block, index), hi: readHalf(block, index + 4) };
}

function readHalf(block: Uint8Array, index: number): number {
  const b = block as unknown as number[];
  return (
    ((b[index] as number) |
      ((b[index + 1] as number) << 8) |
      ((b[index + 2] as number) << 16) |
      ((b[index + 3] as number) << 24)) >>>
    0
  );
}

let scratch: Uint8Array | undefined;

/** Blocks whose memory is not 4-byte aligned are compared through an aligned copy: Int32Array needs alignment. */
function slowMismatch(block: Uint8Array, { atIndex, words, start, step }: Words): number {
  if ((block.byteOffset + atIndex) % 4 === 0) {
    return compareInt32(new Int32Array(block.buffer, block.byteOffset + atIndex, words * 2), start, step);
  }
  scratch ??= new Uint8Array(new ArrayBuffer(SCRATCH_BYTES));
  for (let done = 0; done < words; done += SCRATCH_BYTES / 8) {
    const count = Math.min(words - done, SCRATCH_BYTES / 8);
    const from = atIndex + done * 8;
    scratch.set(block.subarray(from, from + count * 8));
    const piece = new Int32Array(scratch.buffer, 0, count * 2);
    const bad = compareInt32(piece, advance(start, step, done), step);
    if (bad >= 0) return done + bad;
  }
  return -1;
}

function compareInt32(found: Int32Array, start: U64, step: U64): number {
  const words = found.length >>> 1;
  if (step.hi !== 0 || step.lo > 1) return compareSteps(found, { start, step });
  let done = 0;
  let word = start;
  while (done < words) {
    // The high half is constant until the low one wraps.
    const count = Math.min(words - done, step.lo === 0 ? words : TWO_32 - word.lo);
    const loop = step.lo === 0 ? compareConstant : compareCounter;
    const bad = loop(found, (done * 2) | 0, ((done + count) * 2) | 0, word.lo | 0, word.hi | 0);
    if (bad >= 0) return bad;
    done += count;
    word = advance(word, step, count);
  }
  return -1;
}

/**
 * One branch for four words, and `| 0` everywhere: the fastest of the TypeScript loops that were measured. All high
 * halves are right if both their OR and their AND are. Plain arguments: an options object halves the speed.
 */
function compareCounter(a: Int32Array, first: number, end: number, lo: number, hi: number): number {
  const whole = (end - 7) | 0;
  let e = lo;
  let i = first;
  for (; i < whole; i = (i + 8) | 0) {
    const low =
      (at(a, i) ^ e) |
      (at(a, (i + 2) | 0) ^ ((e + 1) | 0)) |
      (at(a, (i + 4) | 0) ^ ((e + 2) | 0)) |
      (at(a, (i + 6) | 0) ^ ((e + 3) | 0));
    const or = (at(a, (i + 1) | 0) | at(a, (i + 3) | 0) | at(a, (i + 5) | 0) | at(a, (i + 7) | 0)) ^ hi;
    const and = (at(a, (i + 1) | 0) & at(a, (i + 3) | 0) & at(a, (i + 5) | 0) & at(a, (i + 7) | 0)) ^ hi;
    if ((low | or | and) !== 0) break;
    e = (e + 4) | 0;
  }
  for (; i < end; i = (i + 2) | 0) {
    if (at(a, i) !== e || at(a, (i + 1) | 0) !== hi) return i >>> 1;
    e = (e + 1) | 0;
  }
  return -1;
}

/** The compiler cannot know that the index is inside; the loops' bounds say it. */
function at(a: Int32Array, index: number): number {
  return a[index] as number;
}

function compareConstant(a: Int32Array, first: number, end: number, lo: number, hi: number): number {
  const whole = (end - 7) | 0;
  let i = first;
  for (; i < whole; i = (i + 8) | 0) {
    const low = (at(a, i) ^ lo) | (at(a, (i + 2) | 0) ^ lo) | (at(a, (i + 4) | 0) ^ lo) | (at(a, (i + 6) | 0) ^ lo);
    const high =
      (at(a, (i + 1) | 0) ^ hi) | (at(a, (i + 3) | 0) ^ hi) | (at(a, (i + 5) | 0) ^ hi) | (at(a, (i + 7) | 0) ^ hi);
    if ((low | high) !== 0) break;
  }
  for (; i < end; i = (i + 2) | 0) if (at(a, i) !== lo || at(a, (i + 1) | 0) !== hi) return i >>> 1;
  return -1;
}

function compareSteps(a: Int32Array, { start, step }: { start: U64; step: U64 }): number {
  const stepLo = step.lo | 0;
  const stepHi = step.hi | 0;
  // Signed comparison of numbers shifted by 2^31 is unsigned comparison of the numbers.
  const carryBelow = stepLo ^ -2147483648;
  let lo = start.lo | 0;
  let hi = start.hi | 0;
  for (let i = 0; i < a.length; i = (i + 2) | 0) {
    if (((at(a, i) ^ lo) | (at(a, (i + 1) | 0) ^ hi)) !== 0) return i >>> 1;
    lo = (lo + stepLo) | 0;
    hi = (hi + stepHi + ((lo ^ -2147483648) < carryBelow ? 1 : 0)) | 0;
  }
  return -1;
}
