/** Files with so many findings as asked for, and what the curve shows. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findingLines, flippedFile, SCRIPT, verifies } from "../../src/bench/verify-process.ts";
import { Workshop } from "../../src/bench/workshop.ts";
import { judgeBytes } from "../../src/judge/judge.ts";
import { allocate, MiB } from "../../src/ops/memory.ts";
import { counter } from "../../src/pattern/counter.ts";

const BYTES = 2 ** 21;

test("a file has as many flipped words as asked for, each at a place of its own", () => {
  using workshop = new Workshop(join(tmpdir(), "bytewitness-bench-"));
  for (const flips of [0, 1, 2, 1000, 4099]) {
    const bytes = new Uint8Array(readFileSync(flippedFile(workshop, `flips-${flips}`, { bytes: BYTES, flips })));
    const { findings, findingsLeftOut } = judgeBytes(bytes, { pattern: counter(), expectBytes: BYTES });
    expect([flips, bytes.length, findings.length + findingsLeftOut]).toEqual([flips, BYTES, flips]);
  }
});

test("the memory of a measured process is its own, not what the benchmark had", async () => {
  using workshop = new Workshop(join(tmpdir(), "bytewitness-bench-"));
  const path = flippedFile(workshop, "clean", { bytes: BYTES, flips: 0 });
  using held = allocate(512 * MiB);
  held.bytes.fill(1);
  const { MB: megabytes = 0 } = await verifies("clean", SCRIPT, [path], 0).run(0);
  expect(megabytes).toBeGreaterThan(20);
  expect(megabytes).toBeLessThan(250);
}, 60_000);

test("the goal is the last row's", () => {
  const side = (name: string, seconds: number, megabytes: number) => ({
    name,
    figures: { s: Array.from({ length: 5 }, () => seconds), MB: Array.from({ length: 5 }, () => megabytes) },
  });
  const { lines, answers } = findingLines([side("clean", 0.5, 80), side("some", 0.6, 90), side("most", 2, 150)]);
  expect(answers).toEqual(["NOT reached", "reached"]);
  expect(lines.at(-1)).toEndWith("4.00 (4.00 to 4.00); goal <= 3: NOT reached; goal < 200 MB: reached");
});
