/**
 * Comparing words in TypeScript alone, for machines where the loops of c/runtime/loops.c cannot be compiled.
 *
 * Words that count up by one are compared as doubles, one load per word instead of two: inside one binade the next
 * bit pattern is the next double, so `expected += ulp` is exact, and a sum of absolute differences is 0 only if every
 * one is (gradual underflow, IEEE 754; a NaN makes the sum NaN). The doubles only show how far all is well; the
 * exact place of damage, and everything that is not a plain double, is for the loop of integers.
 *
 * Owns the loops and the conditions under which doubles may be trusted. Refuses to choose between C and TypeScript.
 */
import { advance, type U64 } from "./u64.ts";

export interface Words {
  /** Index in the block of the first byte of the first word. */
  readonly atIndex: number;
  readonly words: number;
  readonly start: U64;
  readonly step: U64;
}

const SCRATCH_BYTES = 65536;
const WORDS_OF_A_BINADE = 2 ** 52;

let scratch: Uint8Array | undefined;

/** Index of the first word that differs, or -1. Blocks that are not 8-byte aligned are compared through a copy that is. */
export function compareWords(block: Uint8Array, { atIndex, words, start, step }: Words): number {
  if ((block.byteOffset + atIndex) % 8 === 0) {
    return compareAligned(block.buffer, { atIndex: block.byteOffset + atIndex, words, start, step });
  }
  scratch ??= new Uint8Array(new ArrayBuffer(SCRATCH_BYTES));
  for (let done = 0; done < words; done += SCRATCH_BYTES / 8) {
    const count = Math.min(words - done, SCRATCH_BYTES / 8);
    const from = atIndex + done * 8;
    scratch.set(block.subarray(from, from + count * 8));
    const bad = compareAligned(scratch.buffer, { atIndex: 0, words: count, start: advance(start, step, done), step });
    if (bad >= 0) return done + bad;
  }
  return -1;
}

/** `atIndex` is an index of the buffer here. */
function compareAligned(buffer: ArrayBufferLike, { atIndex, words, start, step }: Words): number {
  const right = step.lo === 1 && step.hi === 0 ? rightByDoubles(buffer, atIndex, words, start) : 0;
  if (right === words) return -1;
  const from = advance(start, step, right);
  return compareSteps(new Int32Array(buffer, atIndex, words * 2), right * 2, from, step);
}

const doubles = new Float64Array(new ArrayBuffer(2048));
const halves = new Int32Array(doubles.buffer);

/** False where the processor is set to round denormals to zero, in which most counters would look equal. */
const denormalsCount = (() => {
  halves.set([1, 0, 2, 0]);
  doubles[2] = (doubles[1] as number) - (doubles[0] as number);
  return halves[4] === 1 && halves[5] === 0;
})();

/** A multiple of four words that are certainly right; 0 where doubles cannot decide. */
function rightByDoubles(buffer: ArrayBufferLike, at: number, words: number, start: U64): number {
  const place = (start.hi & 0xfffff) * 2 ** 32 + start.lo;
  // 0 and -0 are equal as doubles; the next binade counts by another step. (Infinities and NaNs end the loop at once.)
  if (!denormalsCount || place + words >= WORDS_OF_A_BINADE) return 0;
  if (place === 0 && (start.hi !== 0 || !isZero(buffer, at))) return 0;
  const next = advance(start, { lo: 1, hi: 0 }, 1);
  halves.set([start.lo, start.hi, next.lo, next.hi]);
  const first = doubles[0] as number;
  return countRight(new Float64Array(buffer, at, words), first, (doubles[1] as number) - first);
}

/** Whether the word there has no bit set; -0 has one. */
function isZero(buffer: ArrayBufferLike, at: number): boolean {
  const [low, high] = new Int32Array(buffer, at, 2);
  return low === 0 && high === 0;
}

/** Four sums side by side: each addition waits for the one before it. Plain arguments: an object halves the speed; and no
 * calls: until this is compiled, which is most of a megabyte, each costs as much as the rest. */
function countRight(found: Float64Array, start: number, ulp: number): number {
  const whole = (found.length - 3) | 0;
  const stride = 4 * ulp;
  let e0 = start;
  let e1 = e0 + ulp;
  let e2 = e1 + ulp;
  let e3 = e2 + ulp;
  let i = 0;
  for (; i < whole; i = (i + 4) | 0) {
    const wrong =
      Math.abs((found[i + 3] as number) - e3) +
      Math.abs((found[i + 2] as number) - e2) +
      Math.abs((found[i + 1] as number) - e1) +
      Math.abs((found[i] as number) - e0);
    if (wrong !== 0) break;
    e0 += stride;
    e1 += stride;
    e2 += stride;
    e3 += stride;
  }
  return i;
}

const SIGN = -2147483648;

/** Index of the first word from `from` (an index of halves) that differs, or -1. */
function compareSteps(found: Int32Array, from: number, start: U64, step: U64): number {
  const stepLo = step.lo | 0;
  const stepHi = step.hi | 0;
  // Low halves are kept with their upper bit flipped: signed comparison of these numbers is unsigned comparison of the
  // halves, and a sum below the step carries. Number(a < b) carries without a branch.
  const carryBelow = stepLo ^ SIGN;
  let flipped = start.lo ^ SIGN;
  let hi = start.hi | 0;
  for (let i = from; i < found.length; i = (i + 2) | 0) {
    if (((found[i] as number) ^ flipped) !== SIGN || found[i + 1] !== hi) return i >>> 1;
    flipped = (flipped + stepLo) | 0;
    hi = (((hi + stepHi) | 0) + Number(flipped < carryBelow)) | 0;
  }
  return -1;
}
