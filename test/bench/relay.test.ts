/** The relay benchmark's arithmetic: which goals there are, and that noise is called noise. */
import { expect, test } from "bun:test";
import { resultLines } from "../../src/bench/relay.ts";

const side = (name: string, rate: readonly number[], cpu: readonly number[]) => ({
  name,
  figures: { "GB/s": rate, "CPU s/GB": cpu },
});
const five = (value: number) => [value, value * 1.01, value * 0.99, value, value];

test("the twin in C has goals, the others are compared", () => {
  const all = [
    side("bytewitness", five(2), five(0.2)),
    side("C twin", five(1.5), five(0.4)),
    side("socat", five(0.5), five(1)),
  ];
  const { lines, answers } = resultLines(all);
  expect(answers).toEqual(["reached", "reached"]);
  expect(lines.slice(3)).toEqual([
    "  against C twin: throughput 1.33 (1.33 to 1.33), goal >= 1.2: reached; CPU 0.50 (0.50 to 0.50), goal <= 0.8: reached",
    "  against socat: throughput 4.00 (4.00 to 4.00); CPU 0.20 (0.20 to 0.20)",
  ]);
});

test("a missed goal and one that noise hides are two answers", () => {
  const noisy = [1, 4, 2, 3, 1.5];
  const { lines, answers } = resultLines([
    side("bytewitness", noisy, five(0.3)),
    side("C twin", [2, 1, 2, 2, 2], five(0.3)),
  ]);
  expect(answers).toEqual(["too noisy to tell", "NOT reached"]);
  expect(lines.at(-1)).toContain("throughput too noisy to tell (0.50 to 4.00)");
});
