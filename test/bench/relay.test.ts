/** The relay benchmark's arithmetic: what counts as reached, and that our own variant is no rival. */
import { expect, test } from "bun:test";
import { resultLines } from "../../src/bench/relay.ts";

const side = (name: string, rate: number, cpu: number) => ({
  name,
  figures: { "GB/s": [rate, rate * 1.1, rate * 0.9], "CPU s/GB": [cpu, cpu * 1.1, cpu * 0.9] },
});

test("reached: throughput of everybody at least, CPU within the goals", () => {
  const all = [
    side("bytewitness", 2, 0.2),
    side("bytewitness, no journal", 2.02, 0.199),
    side("C twin", 1.5, 0.4),
    side("haproxy", 1.9, 0.3),
    side("socat", 0.5, 1),
  ];
  const { lines, reached } = resultLines(all);
  expect(reached).toBe(true);
  expect(lines).toContain("  against C twin: throughput 1.33, CPU 0.50; goal GB/s >= 1, CPU <= 0.55: reached");
  expect(lines).toContain("  against bytewitness, no journal: throughput 0.990, CPU 1.005");
  expect(lines).toContain(
    "  bytewitness, no journal against C twin; haproxy; socat: throughput 1.35; 1.06; 4.04, CPU 0.50; 0.66; 0.20",
  );
});

test("not reached: slower than one, or dearer than a goal", () => {
  expect(resultLines([side("bytewitness", 2, 0.2), side("socat", 2.1, 1)]).reached).toBe(false);
  const dear = resultLines([side("bytewitness", 2, 0.3), side("C twin", 1, 0.5)]);
  expect(dear.reached).toBe(false);
  expect(dear.lines.at(-1)).toEndWith("CPU 0.60; goal GB/s >= 1, CPU <= 0.55: NOT reached");
});
