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
  if (step.hi !== 0 || step.lo > 1) return compareSteps(found, { start, step, from: 0 });
  let done = 0;
  let word = start;
  while (done < words) {
    const untilCarry = step.lo === 0 ? words : TWO_32 - word.lo;
    const count = Math.min(words - done, untilCarry);
    const bad = compareRun(found, { first: done, count, lo: word.lo | 0, hi: word.hi | 0, step: step.lo });
    if (bad >= 0) return bad;
    done += count;
    word = advance(word, step, count);
  }
  return -1;
}

interface LowRun {
  readonly first: number;
  readonly count: number;
  readonly lo: number;
  readonly hi: number;
  readonly step: number;
}

/** Eight exclusive-ors per branch: the fastest of the TypeScript loops that were measured. The high half is constant. */
function compareRun(found: Int32Array, { first, count, lo, hi, step }: LowRun): number {
  const end = (first + count) * 2;
  const whole = first * 2 + (count & ~3) * 2;
  let i = first * 2;
  let e = lo;
  const a = found as unknown as number[];
  const step2 = step + step;
  const step3 = step2 + step;
  const step4 = step2 + step2;
  for (; i < whole; i += 8) {
    const low =
      ((a[i] as number) ^ e) |
      ((a[i + 2] as number) ^ (e + step)) |
      ((a[i + 4] as number) ^ (e + step2)) |
      ((a[i + 6] as number) ^ (e + step3));
    const high =
      ((a[i + 1] as number) ^ hi) |
      ((a[i + 3] as number) ^ hi) |
      ((a[i + 5] as number) ^ hi) |
      ((a[i + 7] as number) ^ hi);
    if ((low | high) !== 0) break;
    e = (e + step4) | 0;
  }
  for (; i < end; i += 2) {
    if ((a[i] as number) !== e || (a[i + 1] as number) !== hi) return i >>> 1;
    e = (e + step) | 0;
  }
  return -1;
}

function compareSteps(found: Int32Array, { start, step }: { start: U64; step: U64; from: number }): number {
  let lo = start.lo;
  let hi = start.hi;
  const a = found as unknown as number[];
  for (let i = 0; i + 1 < found.length; i += 2) {
    if ((a[i] as number) !== (lo | 0) || (a[i + 1] as number) !== (hi | 0)) return i >>> 1;
    lo += step.lo;
    hi += step.hi;
    if (lo >= TWO_32) {
      lo -= TWO_32;
      hi += 1;
    }
    hi >>>= 0;
  }
  return -1;
}
