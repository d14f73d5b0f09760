/** The ladder of sizes: when it climbs, when it stays, and the headroom of sizes that the user chose. */
import { expect, test } from "bun:test";
import { KiB, MiB } from "../../src/ops/memory.ts";
import { Ladder, STEPS } from "../../src/workload/pressure/steps.ts";

const whole = { requestedBytes: 8 * MiB, result: 8 * MiB, grewBytes: 8 * MiB };

test("eight idle appends in a row climb one step, and the last step stays", () => {
  const ladder = new Ladder(false);
  const changes = Array.from({ length: 30 }, () => ladder.note(whole, 0));
  expect(changes.flatMap((changed, index) => (changed ? [index] : []))).toEqual([7, 15]);
  expect(ladder.step).toBe(STEPS[2] as never);
  expect({ appends: ladder.appends, stopped: ladder.stopped }).toEqual({ appends: 30, stopped: 0 });
});

test("one append that was stopped half-way keeps the step for good", () => {
  for (const [seen, inlineBytes] of [
    [whole, 3 * MiB],
    [{ ...whole, grewBytes: 11 * MiB }, 0],
  ] as const) {
    const ladder = new Ladder(false);
    ladder.note(seen, inlineBytes);
    for (let i = 0; i < 40; i++) ladder.note(whole, 0);
    expect({ step: ladder.stepNumber, stopped: ladder.stopped }).toEqual({ step: 1, stopped: 1 });
  }
});

test("an attempt that did all at once was not stopped", () => {
  const ladder = new Ladder(false);
  ladder.note(whole, 8 * MiB);
  expect(ladder.stopped).toBe(0);
});

test("the headroom is the step's, or a part of what the user chose", () => {
  const sizes = [64 * KiB, MiB, 8 * MiB, 50 * MiB];
  const ours = new Ladder(false);
  const fixed = new Ladder(true);
  expect(sizes.map((bytes) => ours.headroomBytes(bytes) / KiB)).toEqual([64, 640, 6144, 6144]);
  expect(sizes.map((bytes) => fixed.headroomBytes(bytes) / KiB)).toEqual([64, 640, 5120, 32000]);
  for (let i = 0; i < 40; i++) fixed.note(whole, 0);
  expect(fixed.stepNumber).toBe(1);
});
