/** Every integer is judged before it crosses: bun:ffi would turn each of these into some other number. */
import { expect, test } from "bun:test";
import * as C from "../../src/ops/integers.ts";

const NEVER = [
  Number.NaN,
  0.5,
  Number.POSITIVE_INFINITY,
  undefined,
  null,
  "3",
  {},
  [],
  true,
  3n,
] as unknown as number[];

const TABLE: [string, (value: number) => number, number[], number[]][] = [
  ["fd", C.checkFd, [0, 3, 0x7fffffff], [-1, 0x80000000]],
  ["int", (v) => C.checkInt("x", v), [-0x80000000, -1, 0, 0x7fffffff], [-0x80000001, 0x80000000]],
  ["uint", (v) => C.checkUint("x", v), [0, 0xffffffff], [-1, 0x100000000]],
  ["transfer", (v) => C.checkTransfer("x", v), [0, 1, 0x7ffff000], [-1, 0x7ffff001, 2 ** 32]],
  ["offset", (v) => C.checkOffset("x", v), [0, 2 ** 32, 2 ** 53 - 1], [-1, 2 ** 53, -(2 ** 31)]],
  ["address", (v) => C.checkAddress("x", v), [4096, 2 ** 47], [0, 4095, -1, 2 ** 53]],
  ["position", (v) => C.checkPosition("x", v), [C.AT_FILE_POSITION, 0, 2 ** 53 - 1], [-2, 2 ** 53]],
];

test.each(TABLE)("%s takes what it should and refuses the rest", (_name, check, good, bad) => {
  for (const value of good) expect(check(value)).toBe(value);
  for (const value of [...bad, ...NEVER]) expect(() => check(value)).toThrow(RangeError);
});

test("the message names the argument, what it wanted and what it got", () => {
  expect(() => C.checkOffset("offsetBytes", -5)).toThrow("offsetBytes must be an offset from 0 to 2^53 - 1, not -5");
  expect(() => C.checkUint("flags", "7" as unknown as number)).toThrow(
    'flags must be an unsigned 32-bit integer, not "7"',
  );
});
