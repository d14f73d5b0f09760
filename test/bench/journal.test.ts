/** The share of a run that its journal takes, and that a record costs what the design allows. */
import { expect, test } from "bun:test";
import { journalShare, recordNs } from "../../src/bench/journal.ts";

test("the share is time of one record times the records", () => {
  expect(journalShare(50, { calls: 200_000, seconds: 1 })).toBeCloseTo(0.01, 10);
  expect(journalShare(50, { calls: 200_000, seconds: 2 })).toBeCloseTo(0.005, 10);
});

test("a record costs nanoseconds, not microseconds", () => {
  expect(recordNs(200_000)).toBeGreaterThan(0);
  expect(recordNs(200_000)).toBeLessThan(5000);
});
