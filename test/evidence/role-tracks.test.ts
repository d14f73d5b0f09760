/** A role's journal as tracks, and the whole trace against the documented format. */
import { expect, test } from "bun:test";
import { traceOf } from "../../src/evidence/perfetto.ts";
import type { RoleCall } from "../../src/evidence/role-tracks.ts";

let sequence = 0;
function call(what: string, atNs: number, result: number, streamOffsetBytes: number, channel = 0): RoleCall {
  sequence += 1;
  return { what, sequence, atNs, endNs: atNs + 400, requestedBytes: 65_536, result, streamOffsetBytes, channel };
}

/** Two chunks go in and leave together; a third leaves in two pieces; the other direction sees an end. */
const CALLS = [
  call("splice-in", 5000, 172, 0),
  call("splice-in", 6000, 1000, 172),
  call("splice-in", 6500, -11, 1172),
  call("splice-in", 6600, 0, 0, 1),
  call("splice-out", 7000, 1172, 0),
  call("splice-in", 8000, 100, 1172),
  call("splice-out", 9000, 60, 1172),
  call("splice-out", 9500, 40, 1232),
];
const finding = { kind: "foreign", offsetBytes: 20, lengthBytes: 172, pageAligned: false, detail: "x" } as const;
const about = { tool: "relay", findings: [finding], dropped: 3, roles: [{ role: "relay", calls: CALLS, dropped: 7 }] };

test("tracks for each kind and stream, an arrow from every splice-in to each splice-out that sent its bytes", () => {
  const { traceEvents, otherData } = traceOf([], about);
  const role = traceEvents.filter(({ pid }) => pid === 2);
  const tracks = role.filter(({ name }) => name === "thread_name").map(({ args }) => args?.name);
  expect(tracks).toEqual([
    "splice-in, down of connection 0",
    "splice-in, up of connection 0",
    "splice-out, down of connection 0",
  ]);
  const at = (ph: string) => role.flatMap(({ ph: own, id, ts = 0 }) => (own === ph ? [[id, ts]] : []));
  const [starts, ends] = [at("s"), at("f")];
  const arrows = starts.map(([id, ts]) => [ts, ends.find(([other]) => other === id)?.[1]]);
  // Both ends of every call, so none lasts until the next one.
  expect(new Set(role.filter(({ ph }) => ph === "X").map(({ dur }) => dur))).toEqual(new Set([0.4]));
  // In microseconds from the first call.
  expect(arrows).toEqual([
    [0, 2],
    [1, 2],
    [3, 4],
    [3, 4.5],
  ]);
  expect(role.filter(({ ph }) => ph === "i").map(({ name, ts }) => [name, ts])).toEqual([["finding 1: foreign", 2]]);
  expect(otherData).toEqual({ tool: "relay", droppedCalls: 3, droppedCallsOf_relay: 7 });
});

test("the format: what each phase must have, tracks that are named, arrows that begin and end inside a slice", () => {
  const { traceEvents } = traceOf([], about);
  const named = new Set(
    traceEvents.flatMap(({ ph, name, pid, tid }) => (ph === "M" && name === "thread_name" ? [`${pid}.${tid}`] : [])),
  );
  const slices = traceEvents.filter(({ ph }) => ph === "X");
  for (const event of traceEvents) {
    const { ph, ts = Number.NaN, dur, pid, tid, id, s } = event;
    expect([Number.isInteger(pid), Number.isInteger(tid)]).toEqual([true, true]);
    if (ph === "M") continue;
    expect(ts).toBeGreaterThanOrEqual(0);
    expect(named.has(`${pid}.${tid}`)).toBe(true);
    if (ph === "X") expect(dur).toBeGreaterThan(0);
    if (ph === "i") expect(["g", "t"]).toContain(s as string);
    if (ph !== "s" && ph !== "f") continue;
    expect(Number.isInteger(id)).toBe(true);
    const around = slices.find(
      (slice) =>
        slice.pid === pid &&
        slice.tid === tid &&
        (slice.ts as number) <= ts &&
        ts <= (slice.ts as number) + (slice.dur as number),
    );
    expect(around).toBeDefined();
  }
  // Tracks of roles are named once, and every arrow has two ends.
  const ids = traceEvents.flatMap(({ ph, id }) => (ph === "s" || ph === "f" ? [id] : []));
  for (const id of new Set(ids)) expect(ids.filter((other) => other === id).length).toBe(2);
  expect(JSON.parse(JSON.stringify(traceEvents))).toEqual(traceEvents as unknown as object[]);
});
