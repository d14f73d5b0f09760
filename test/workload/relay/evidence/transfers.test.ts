/** The journal: what was recorded comes back, old calls give way, damage is preserved, questions find their calls. */
import { expect, test } from "bun:test";
import type { Journal } from "../../../../src/workload/journal.ts";
import {
  callsAround,
  firstCalls,
  relayJournal,
  SPLICE_IN,
  SPLICE_OUT,
  transfersOf,
  WAIT,
} from "../../../../src/workload/relay/evidence/transfers.ts";

/** `count` chunks of 100 bytes on channel 0, each brought and sent by one call; another channel's calls in between. */
function chunks(journal: Journal, count: number): void {
  for (let index = 0; index < count; index++) {
    journal.record(SPLICE_IN, 0, index * 10, index * 10 + 1, 4096, 100, index + 1, index * 100);
    journal.record(SPLICE_IN, 2, index * 10 + 1, index * 10 + 2, 4096, 100, index + 1, index * 100);
    journal.record(SPLICE_OUT, 0, index * 10 + 2, index * 10 + 3, 100, 100, index + 1, index * 100);
  }
}

test("a call comes back as it was recorded", () => {
  const journal = relayJournal(8);
  journal.record(SPLICE_OUT, 5, 123_456, 123_457, 1632, -11, 0, 14_164);
  expect(journal.get(0)).toEqual({
    what: "splice-out",
    channel: 5,
    ordinal: 0,
    sequence: 0,
    atNs: 123_456,
    endNs: 123_457,
    requestedBytes: 1632,
    result: -11,
    streamOffsetBytes: 14_164,
    sizeBeforeBytes: 0,
    sizeAfterBytes: 0,
  });
});

test("the capacity is a power of two, and what does not fit is dropped from the old end", () => {
  const journal = relayJournal(5);
  expect(journal.capacityCount).toBe(8);
  chunks(journal, 4);
  expect([journal.count, journal.dropped]).toEqual([12, 4]);
  expect(
    transfersOf(journal, 0, { startBytes: 0, endBytes: 400, touching: false }).map((call) => call.sequence),
  ).toEqual([5, 6, 8, 9, 11].filter((sequence) => sequence % 3 !== 1));
});

test("a journal of nothing records nothing", () => {
  const journal = relayJournal(0);
  chunks(journal, 2);
  expect([journal.count, journal.capacityCount, journal.dropped]).toEqual([0, 0, 0]);
});

test("transfers are found by overlap; by touch where a place is asked for", () => {
  const journal = relayJournal(64);
  chunks(journal, 5);
  const found = (startBytes: number, endBytes: number, touching: boolean) =>
    transfersOf(journal, 0, { startBytes, endBytes, touching })
      .filter((call) => call.what === "splice-in")
      .map((call) => call.ordinal);
  expect(found(100, 200, false)).toEqual([2]);
  expect(found(199, 201, false)).toEqual([2, 3]);
  expect(found(200, 200, false)).toEqual([]);
  expect(found(200, 200, true)).toEqual([2, 3]);
  expect(found(250, 250, true)).toEqual([3]);
});

test("refused calls are never the bringer of bytes", () => {
  const journal = relayJournal(8);
  journal.record(SPLICE_IN, 0, 1, 2, 4096, -11, 0, 50);
  journal.record(SPLICE_IN, 0, 2, 3, 4096, 0, 0, 50);
  expect(transfersOf(journal, 0, { startBytes: 0, endBytes: 100, touching: true })).toEqual([]);
});

test("after damage the calls around it stay, whatever comes later", () => {
  const journal = relayJournal(16);
  chunks(journal, 10);
  journal.preserve();
  chunks(journal, 100);
  const kept = Array.from({ length: 16 }, (_, index) => journal.get(journal.dropped + index)?.sequence);
  expect(kept).toEqual(Array.from({ length: 16 }, (_, index) => 26 + index));
  expect(journal.count).toBe(42);
});

test("around: one channel's calls before, during and after", () => {
  const journal = relayJournal(64);
  journal.record(WAIT, 0, 0, 1, 1, 1, 0, 0);
  chunks(journal, 6);
  const calls = callsAround(journal, 0, { first: 7, last: 9, beforeCount: 2, afterCount: 1 });
  expect(calls.map((call) => call.sequence)).toEqual([4, 6, 7, 9, 10]);
  expect(firstCalls(journal, 0, 3).map((call) => call.what)).toEqual(["wait", "splice-in", "splice-out"]);
});
