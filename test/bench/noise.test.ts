/** What may be concluded from made-up samples: quiet ones, noisy ones, too few, and outliers. */
import { expect, test } from "bun:test";
import { answerTo, compare, comparison, comparisonText, exitOf, goalText } from "../../src/bench/noise.ts";

test("a clear difference is a number with its interval", () => {
  const found = comparison([1.3, 1.31, 1.28, 1.33, 1.3, 1.29, 1.32]);
  expect(found).toEqual({ ratio: 1.3, low: 1.28, high: 1.33 });
  expect(comparisonText(found)).toBe("1.30 (1.28 to 1.33)");
  expect(goalText(found, { atLeast: 1.2 })).toBe("goal >= 1.2: reached");
  expect(goalText(found, { atLeast: 1.35 })).toBe("goal >= 1.35: NOT reached");
  expect(goalText(found, { atMost: 1.35 })).toBe("goal <= 1.35: reached");
  expect(goalText(found, { atMost: 1.2 })).toBe("goal <= 1.2: NOT reached");
});

test("a spread that is larger than the difference is too noisy, and no number is given", () => {
  const found = comparison([0.73, 1.46, 0.9, 1.1, 0.8, 1.3, 0.95]);
  expect(comparisonText(found)).toBe("too noisy to tell (0.73 to 1.46)");
  expect(answerTo(found, { atLeast: 1.2 })).toBe("too noisy to tell");
  expect(answerTo(found, { atMost: 0.8 })).toBe("too noisy to tell");
  // Clearly more than 1, and yet on both sides of the goal.
  expect(answerTo(comparison([1.1, 1.3, 1.15, 1.25, 1.2, 1.22, 1.18]), { atLeast: 1.2 })).toBe("too noisy to tell");
});

test("a narrow interval around 1 is not a difference", () => {
  expect(comparisonText(comparison([0.99, 1.01, 1, 1.02, 0.98]))).toBe("no difference (0.98 to 1.02)");
});

test("too few rounds prove nothing", () => {
  for (const ratios of [[2], [2, 2], [2, 2, 2], [2, 2, 2, 2]]) {
    const found = comparison(ratios);
    expect([comparisonText(found), answerTo(found, { atLeast: 1.2 })]).toEqual([
      "too few turns to tell",
      "too noisy to tell",
    ]);
  }
});

test("with more rounds one outlier on each side counts no more", () => {
  const ratios = [0.1, 1.3, 1.31, 1.29, 1.3, 1.32, 1.28, 1.3, 9];
  expect(comparison(ratios)).toEqual({ ratio: 1.3, low: 1.28, high: 1.32 });
});

test("the interval holds the true median in nine of ten experiments, whatever the distribution", () => {
  let state = 12345;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  for (const rounds of [5, 7, 9, 15]) {
    let held = 0;
    for (let experiment = 0; experiment < 2000; experiment += 1) {
      // Skewed: the median of 1 / u is 2.
      const { low, high } = comparison(Array.from({ length: rounds }, () => 1 / (next() + 1e-9)));
      if (low <= 2 && high >= 2) held += 1;
    }
    expect(held / 2000).toBeGreaterThan(0.88);
  }
});

test("rounds are compared with each other, not all with all: what slows both slows no ratio", () => {
  const ours = { name: "ours", figures: { rate: [12, 6, 24, 3, 12] } };
  const theirs = { name: "theirs", figures: { rate: [10, 5, 20, 2.5, 10] } };
  expect(compare(ours, theirs, "rate")).toEqual({ ratio: 1.2, low: 1.2, high: 1.2 });
});

test("only goals that were reached end 0, and nothing ends 1", () => {
  expect([exitOf([]), exitOf(["reached"])]).toEqual([0, 0]);
  expect([exitOf(["reached", "NOT reached"]), exitOf(["too noisy to tell"])]).toEqual([125, 125]);
});
