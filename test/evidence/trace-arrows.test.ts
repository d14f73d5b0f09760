/** Which call an arrow of the trace comes from, where calls of two threads overlap. */
import { expect, test } from "bun:test";
import { traceOf } from "../../src/evidence/perfetto.ts";
import type { RecordedCall } from "../../src/evidence/recorder.ts";

/** One file for all: descriptor 5. */
function calls(
  ...made: readonly (readonly [call: "read" | "write", startNs: number, endNs: number])[]
): RecordedCall[] {
  return made.map(([call, startNs, endNs], index) => ({
    ...{ index, call, args: [5, 0, 64], result: 64, startNs, endNs, pointed: [] },
    ...(call === "read" ? { thread: 1 } : {}),
  }));
}

/** Each arrow as the calls (by number) at its two ends. */
function arrows(made: RecordedCall[]): string[] {
  const { traceEvents } = traceOf(made, { tool: "x", findings: [], dropped: 0 });
  const slices = traceEvents.filter(({ ph }) => ph === "X");
  const at = (ts: number, name: string) =>
    slices.findIndex((one) => one.name === name && (one.ts ?? 0) <= ts && ts < (one.ts ?? 0) + (one.dur ?? 0));
  return traceEvents
    .filter(({ ph }) => ph === "s")
    .map(({ id, ts = 0 }) => {
      const end = traceEvents.find((one) => one.ph === "f" && one.id === id)?.ts ?? -1;
      expect(end).toBeGreaterThanOrEqual(ts);
      return `${at(ts, "write")} to ${at(end, "read")}`;
    });
}

test.each([
  ["one after the other", calls(["write", 0, 1000], ["read", 2000, 3000]), ["0 to 1"]],
  ["a reader that slept since before the write", calls(["read", 0, 3000], ["write", 1000, 2000]), ["1 to 0"]],
  ["a read that returns before the write does", calls(["read", 0, 2000], ["write", 1000, 9000]), ["1 to 0"]],
  ["no write before the read returned", calls(["read", 0, 1000], ["write", 2000, 3000]), []],
  [
    "two writes, of which the second is still going on",
    calls(["write", 0, 1000], ["read", 500, 3000], ["write", 2000, 9000]),
    ["0 to 1"],
  ],
  ["each write feeds one read", calls(["write", 0, 1000], ["read", 2000, 3000], ["read", 4000, 5000]), ["0 to 1"]],
] as const)("%s", (_name, made, expected) => {
  expect(arrows([...made])).toEqual([...expected]);
});
