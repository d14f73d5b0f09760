/** Logs of several writers, made by hand: torn, lost, duplicated, foreign, and the promises that were never made. */
import { expect, test } from "bun:test";
import { judgeRecordLog } from "../../src/judge/record-log.ts";
import { selfTestRecordLog } from "../../src/judge/record-log-self-test.ts";
import { fillRecord } from "../../src/pattern/record.ts";

const BIG = 8192;
const SMALL = 128;
const GENERATION = 3;

function record(writer: number, sequence: number, lengthBytes: number): Uint8Array {
  const block = new Uint8Array(lengthBytes);
  fillRecord(block, { writer, generation: GENERATION, sequence, lengthBytes });
  return block;
}

const big = (sequence: number) => record(0, sequence, BIG);
const small = (sequence: number) => record(1, sequence, SMALL);

function tallies(bigs: number, smalls: number, partial: { sequence: number; result: number }[] = []) {
  return [
    { writer: 0, recordBytes: BIG, records: bigs, partial },
    { writer: 1, recordBytes: SMALL, records: smalls, partial: [] },
  ];
}

const judge = (parts: Uint8Array[], bigs: number, smalls: number, partial?: { sequence: number; result: number }[]) =>
  judgeRecordLog(Buffer.concat(parts), {
    generation: GENERATION,
    tallies: tallies(bigs, smalls, partial),
    file: "log",
  });

test("whole records in any order are intact", () => {
  const { findings, whole, verifiedBytes } = judge([small(0), big(0), big(1), small(1), small(2)], 2, 3);
  expect(findings).toEqual([]);
  expect(whole).toEqual([
    { writer: 0, records: 2, torn: 0 },
    { writer: 1, records: 3, torn: 0 },
  ]);
  expect(verifiedBytes).toBe(2 * BIG + 3 * SMALL);
});

test("a record with another writer's bytes inside is torn, once, however many pieces it has", () => {
  const torn = big(1);
  const parts = [big(0), torn.subarray(0, 4096), small(0), torn.subarray(4096, 6000), small(1), torn.subarray(6000)];
  const { findings, whole, pieces } = judge(parts, 2, 2);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  expect(findings).toEqual([
    {
      kind: "torn",
      file: "log",
      offsetBytes: BIG,
      lengthBytes: BIG,
      pageAligned: true,
      records: {
        ...{ writer: 0, first: 1, count: 1, recordBytes: BIG },
        ...{ piecesBytes: [4096, 1904, 2192], betweenBytes: 256 },
      },
      sample: {
        offsetBytes: 12_256,
        expectedHex: hex(torn.subarray(4064, 4128)),
        foundHex: hex(torn.subarray(4064, 4096)) + hex(small(0).subarray(0, 32)),
      },
    },
  ]);
  expect(whole[0]).toEqual({ writer: 0, records: 2, torn: 1 });
  expect(pieces.filter((piece) => piece.writer === 0).length).toBe(4);
});

test("a record that was reported short may lie in pieces: nothing was promised", () => {
  const torn = big(0);
  const parts = [torn.subarray(0, 4096), small(0), torn.subarray(4096)];
  expect(judge(parts, 1, 1, [{ sequence: 0, result: 4096 }]).findings).toEqual([]);
  expect(judge(parts, 1, 1).findings.length).toBe(1);
});

test("a record reported whole that is not there, or not all of it, is lost", () => {
  const details = (parts: Uint8Array[]) =>
    judge(parts, 2, 1).findings.map(({ kind, lengthBytes }) => [kind, lengthBytes]);
  expect(details([big(0), small(0)])).toEqual([["lost", BIG]]);
  expect(details([big(0), big(1).subarray(0, 4096), small(0)])).toEqual([["lost", 4096]]);
});

test("bytes that are repeated, and bytes that were never written", () => {
  const kinds = (parts: Uint8Array[]) =>
    judge(parts, 1, 1).findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes]);
  expect(kinds([big(0).subarray(0, 4096), big(0), small(0)])).toEqual([["duplicated", 4096, 4096]]);
  expect(kinds([big(0), new Uint8Array(64), small(0)])).toEqual([["zeroed", BIG, 64]]);
  expect(kinds([big(0), new Uint8Array(64).fill(7), small(0)])).toEqual([["foreign", BIG, 64]]);
});

test("records of another generation are not this log's", () => {
  const other = new Uint8Array(BIG);
  fillRecord(other, { writer: 0, generation: GENERATION + 1, sequence: 0, lengthBytes: BIG });
  expect(judge([other, small(0)], 1, 1).findings.map(({ kind }) => kind)).toEqual(["foreign", "lost"]);
});

test("the self-test that every race begins with passes", () => {
  expect(selfTestRecordLog()).toBeUndefined();
});

test("a lost range of records is one finding; records that were never reported are extra", () => {
  const facts = (parts: Uint8Array[], bigs: number, smalls: number) =>
    judge(parts, bigs, smalls).findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes]);
  expect(facts([big(0), big(40), small(0)], 41, 1)).toEqual([["lost", BIG, 39 * BIG]]);
  expect(facts([big(0), big(1), small(0)], 1, 1)).toEqual([["extra", BIG, BIG]]);
});

test("zeros in a log cost no more than reading them", () => {
  const cpu = process.cpuUsage().user;
  const { findings } = judge([big(0), new Uint8Array(16 << 20), small(0)], 1, 1);
  expect(findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])).toEqual([
    ["zeroed", BIG, 16 << 20],
  ]);
  // 9.5 s before.
  expect((process.cpuUsage().user - cpu) / 1e6).toBeLessThan(3);
});
