import { expect, test } from "bun:test";
import { compareWords } from "../../src/pattern/compare.ts";

/** Words of start + i, with one of them replaced. */
function words(start: bigint, count: number, bad?: { index: number; word: bigint }): Uint8Array {
  const view = new BigUint64Array(count);
  for (let i = 0; i < count; i += 1) view[i] = BigInt.asUintN(64, start + BigInt(i));
  if (bad !== undefined) view[bad.index] = bad.word;
  const bytes = new Uint8Array(new ArrayBuffer(count * 8));
  bytes.set(new Uint8Array(view.buffer));
  return bytes;
}

const half = (word: bigint) => ({ lo: Number(word & 0xffff_ffffn), hi: Number(word >> 32n) });

/** Around the words whose doubles are 0, -0, the first normal ones, infinite and NaN. */
const STARTS = [0n, 1n, 1n << 52n, 0x7ff0_0000_0000_0000n, 0x7ff0_0000_0000_0001n, 1n << 63n, (1n << 63n) - 2n];

test.each(STARTS)("words from %p are right, and a flipped bit of any of them is seen", (start) => {
  const step = { lo: 1, hi: 0 };
  const count = 37;
  const compare = (bytes: Uint8Array) => compareWords(bytes, { atIndex: 0, words: count, start: half(start), step });
  expect(compare(words(start, count))).toBe(-1);
  for (let index = 0; index < count; index += 1) {
    for (const bit of [0n, 31n, 32n, 51n, 52n, 62n, 63n]) {
      const word = BigInt.asUintN(64, start + BigInt(index)) ^ (1n << bit);
      expect([index, bit, compare(words(start, count, { index, word }))]).toEqual([index, bit, index]);
    }
  }
});
