/** The journal keeps both ends of every call and names those that wrote a range. */
import { expect, test } from "bun:test";
import { callsThatWrote } from "../../src/workload/append/written-file.ts";
import { Journal } from "../../src/workload/journal.ts";

function append(journal: Journal, call: { result: number; before: number; grew: number }): void {
  const { result, before, grew } = call;
  const atNs = journal.count * 10;
  journal.record(journal.kind("writev"), 0, atNs, atNs + 5, 100, result, 0, before, before, before + grew);
}

const ALL = { fromIndex: 0, toIndex: Infinity };

test("names the calls during which the file grew over a range", () => {
  const journal = new Journal(8);
  append(journal, { result: 100, before: 0, grew: 100 });
  append(journal, { result: 100, before: 100, grew: 140 });
  append(journal, { result: 100, before: 240, grew: 100 });
  const indices = (offsetBytes: number, lengthBytes: number) =>
    callsThatWrote(journal, { offsetBytes, lengthBytes }, ALL).map((call) => call.index);
  expect(indices(0, 1)).toEqual([0]);
  expect(indices(99, 2)).toEqual([0, 1]);
  expect(indices(150, 20)).toEqual([1]);
  expect(indices(100, 0)).toEqual([0, 1]);
  expect(indices(340, 10)).toEqual([]);
  const [call] = callsThatWrote(journal, { offsetBytes: 150, lengthBytes: 1 }, ALL);
  expect(call).toMatchObject({ result: 100, grewBytes: 140 });
  expect(call).not.toHaveProperty("detail");
});

test("indices count from the file's first call; a refused call keeps its -errno", () => {
  const journal = new Journal(8);
  append(journal, { result: 100, before: 0, grew: 100 });
  append(journal, { result: -11, before: 0, grew: 50 });
  const [call] = callsThatWrote(journal, { offsetBytes: 10, lengthBytes: 1 }, { fromIndex: 1, toIndex: 2 });
  expect(call).toMatchObject({ index: 0, result: -11, atNs: 10, endNs: 15 });
});

test("the oldest calls make room, and are counted", () => {
  const journal = new Journal(4);
  for (let i = 0; i < 10; i++) append(journal, { result: 100, before: i * 100, grew: 100 });
  expect({ count: journal.count, dropped: journal.dropped }).toEqual({ count: 10, dropped: 6 });
  expect(journal.get(5)).toBeUndefined();
  expect(journal.get(9)?.streamOffsetBytes).toBe(900);
  expect(callsThatWrote(journal, { offsetBytes: 0, lengthBytes: 50 }, ALL)).toEqual([]);
});

test("the calls of the next file are not this file's, although its bytes have the same offsets", () => {
  const journal = new Journal(8);
  append(journal, { result: 100, before: 0, grew: 100 });
  append(journal, { result: 100, before: 0, grew: 100 });
  const range = { offsetBytes: 10, lengthBytes: 5 };
  expect(callsThatWrote(journal, range, { fromIndex: 0, toIndex: 1 }).map((call) => call.index)).toEqual([0]);
});

test("names of calls are numbers while recording, and come back as names", () => {
  const journal = new Journal(4, ["read"]);
  const write = journal.kind("write");
  expect([journal.kind("read"), write, journal.kind("write")]).toEqual([0, 1, 1]);
  journal.record(write, 3, 1, 2, 10, 10, 1, 0);
  expect(journal.get(0)).toMatchObject({ what: "write", channel: 3, ordinal: 1 });
  for (let index = 2; index < 16; index++) journal.kind(`call ${index}`);
  expect(() => journal.kind("one more")).toThrow("16 kinds of call at most");
});

test("rows of several blocks keep their calls, also after the ring has begun anew", () => {
  const capacityCount = 1 << 14;
  const journal = new Journal(capacityCount, ["splice"]);
  const recorded = 2 * capacityCount + 5000;
  for (let call = 0; call < recorded; call++) journal.record(0, 3, call, call + 1, 7, call % 11, call, call * 100);
  expect(journal.dropped).toBe(recorded - capacityCount);
  expect(journal.get(journal.dropped - 1)).toBeUndefined();
  const all = journal.find(() => true);
  expect(all.length).toBe(capacityCount);
  for (const [index, call] of all.entries()) {
    const sequence = recorded - capacityCount + index;
    if (call.sequence !== sequence || call.atNs !== sequence || call.streamOffsetBytes !== sequence * 100) {
      throw new Error(`row ${sequence} holds call ${call.atNs} at ${call.streamOffsetBytes}`);
    }
  }
  expect(all.at(-1)).toMatchObject({ what: "splice", channel: 3, result: (recorded - 1) % 11 });
});
