/** What a scan's outcome adds to its findings: the doubt about foreign bytes of a reference that is not indexed whole. */
import { expect, test } from "bun:test";
import { judgeBytes } from "../../../src/judge/judge.ts";
import { reference } from "../../../src/pattern/reference.ts";
import { scanOutcome } from "../../../src/workload/scan/outcome.ts";
import { noise } from "../../noise.ts";

const MiB = 2 ** 20;

/** A reference of noise, of which a piece at 4096 came back as something else. */
function reasonFor(foreignBytes: number, foundBytes: number): string | undefined {
  const good = noise(65536, "reference");
  const bytes = good.slice();
  bytes.set(noise(foreignBytes, "foreign"), 4096);
  const pattern = reference({
    lengthBytes: good.length,
    read: (block, at) => block.set(good.subarray(at, at + block.length)),
  });
  const judgement = judgeBytes(bytes, { pattern, expectBytes: good.length });
  expect(judgement.findings.map(({ kind }) => kind)).toEqual(["foreign"]);
  const { findings } = judgement;
  const state = { stopped: false, lengthChecked: true, lengthUnknown: false };
  return scanOutcome({ judgement, findings, ...state, foundBytes }).reason;
}

test("a piece too short to be surely found elsewhere in a large reference is reported with that doubt", () => {
  expect(reasonFor(1000, 2048)).toStartWith("foreign pieces shorter than 2.00 KiB may be the reference's own");
  expect(reasonFor(4096, 2048)).toBeUndefined();
  expect(reasonFor(1000, 64)).toBeUndefined();
  expect(reasonFor(4096, Infinity)).toContain("larger than 8 GiB");
});

test("the larger the reference, the longer are pieces that may be missed; behind its proof a piece is known that far back", () => {
  const of = (lengthBytes: number) => reference({ lengthBytes, read: () => {} });
  expect([MiB, 64 * MiB, 2048 * MiB, 8192 * MiB, 8193 * MiB].map((length) => of(length).foundBytes)).toEqual([
    ...[64, 256, 8192, 32768],
    Infinity,
  ]);
  expect(of(2048 * MiB).reachBytes).toBe(8192);
});
