/**
 * 64-bit words as two unsigned halves: arithmetic modulo 2^64, and reading one from any byte position.
 *
 * Owns the numbers; refuses blocks and patterns.
 */

/** A 64-bit number as two unsigned halves: BigInt is twenty times slower in the loops that matter. */
export interface U64 {
  readonly lo: number;
  readonly hi: number;
}

export const TWO_32 = 4294967296;

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
