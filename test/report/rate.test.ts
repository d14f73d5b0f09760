/** Wilson's interval against published and hand-computed values. */
import { expect, test } from "bun:test";
import { rateOf, rateText } from "../../src/report/rate.ts";

test.each([
  // Newcombe, Stat. Med. 17 (1998), table I, method 3 (Wilson without continuity correction).
  [81, 263, 255.3, 366.2],
  [15, 148, 62.4, 160.5],
  [0, 20, 0, 161.1],
  [1, 29, 6.1, 171.8],
])("%p of %p lies between %p and %p per thousand", (hits, attempts, low, high) => {
  const rate = rateOf({ hits, attempts });
  expect(Math.abs(rate.lowPerThousand - low)).toBeLessThan(0.06);
  expect(Math.abs(rate.highPerThousand - high)).toBeLessThan(0.06);
});

test("the ends: nothing attempted proves nothing, none and all touch 0 and 1000", () => {
  expect(rateOf({ hits: 0, attempts: 0 })).toEqual({
    hits: 0,
    attempts: 0,
    perThousand: 0,
    lowPerThousand: 0,
    highPerThousand: 1000,
  });
  expect(rateOf({ hits: 0, attempts: 7 }).lowPerThousand).toBe(0);
  expect(rateOf({ hits: 7, attempts: 7 }).highPerThousand).toBe(1000);
  expect(() => rateOf({ hits: 3, attempts: 2 })).toThrow("3 of 2 is not a proportion");
});

test("a rate in words", () => {
  expect(rateText({ hits: 54, attempts: 79 })).toBe("54 of 79: 684 per thousand (575 to 776 with 95 % confidence)");
  expect(rateText({ hits: 0, attempts: 1000 })).toBe("0 of 1000: 0 per thousand (0 to 3.8 with 95 % confidence)");
});
