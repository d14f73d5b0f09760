/** The sentences of findings: made of their fields, once, by the report and by no judge or workload. */
import { expect, test } from "bun:test";
import { judgeClaims, letters } from "../../src/judge/claims.ts";
import type { Finding } from "../../src/judge/finding.ts";
import { accountRecords } from "../../src/judge/gone-records.ts";
import { judgeBytes } from "../../src/judge/judge.ts";
import { applyEdits } from "../../src/judge/planted-damage.ts";
import { judgeRecordLog } from "../../src/judge/record-log.ts";
import { counter } from "../../src/pattern/counter.ts";
import { fillRecord } from "../../src/pattern/record.ts";
import { groupText } from "../../src/report/groups.ts";
import { reported, sentenceOf } from "../../src/report/sentence.ts";

const PAGE = 4096;
const LENGTH = 16 * PAGE;
const place = { offsetBytes: 8, lengthBytes: 4, pageAligned: false };

function sentences(...edits: Parameters<typeof applyEdits>[0]): string[] {
  const pattern = counter();
  const { bytes } = applyEdits(edits, { pattern, lengthBytes: LENGTH });
  return judgeBytes(bytes, { pattern, expectBytes: LENGTH }).findings.map(sentenceOf);
}

test("the judge gives fields, the report makes the sentence", () => {
  const { findings } = judgeBytes(new Uint8Array(PAGE), { pattern: counter(), expectBytes: PAGE });
  expect(findings.map(({ detail }) => detail)).toEqual([undefined]);
  expect(sentences({ kind: "duplicated", offsetBytes: 8 * PAGE, lengthBytes: 3 * PAGE })).toEqual([
    "12,288 bytes from 20,480 are repeated at 32,768, page-aligned; everything after is shifted by that much",
  ]);
  expect(sentences({ kind: "zeroed", offsetBytes: 3 * PAGE, lengthBytes: PAGE })).toEqual([
    "4,096 zero bytes are at 12,288 (page-aligned), in place of the stream's own",
  ]);
});

test("hop and cause end the sentence, and a finding out of another report keeps it as it is", () => {
  const finding: Finding = { kind: "lost", ...place, originBytes: 8, hop: "arrived damaged", cause: "why" };
  const text =
    "4 bytes from 8 are missing at 8 and appear nowhere; the tap saw it: it was damaged before or in the splice into " +
    "the pipe; why";
  const once = reported(finding);
  expect(once).toEqual({ ...finding, detail: text });
  expect(reported(once)).toEqual(once);
  expect(sentenceOf({ ...finding, detail: "the script's own words" })).toStartWith("the script's own words; the tap");
});

test("what a relay knows of its ends and of its pipe", () => {
  expect(sentenceOf({ kind: "truncated", ...place, sentBytes: 12 })).toBe(
    "the stream ends 4 bytes early: 12 were sent and nothing above explains it",
  );
  expect(sentenceOf({ kind: "extra", ...place, sentBytes: 8 })).toBe(
    "the stream goes on 4 bytes past the 8 that were sent",
  );
  expect(sentenceOf({ kind: "lost", ...place, counted: true })).toBe(
    "4 bytes that were spliced into the pipe were never spliced out: it was empty",
  );
  expect(sentenceOf({ kind: "foreign", ...place, callsOverwritten: true, detail: "wrong" })).toBe(
    "wrong; the journal no longer holds the calls",
  );
});

test("claims: what is there instead, or that the file ends", () => {
  const claims = [
    { name: "the first record", offsetBytes: 0, bytes: letters("A", 4) },
    { name: "the next write", offsetBytes: 8, bytes: letters("B", 4) },
  ];
  const text = (file: string) => judgeClaims(Buffer.from(file), claims, { cause: "a test" }).map(sentenceOf);
  const gone = "acknowledged at 0, are gone from 0";
  expect(text("BBBB....BBBB")).toEqual([
    `4 bytes of the first record, ${gone}; the next write's bytes are there; a test`,
  ]);
  expect(text("????....BBBB")).toEqual([
    `4 bytes of the first record, ${gone}; bytes that were never written are there; a test`,
  ]);
  expect(text("AAAA....BBB")).toEqual([
    "1 byte of the next write, acknowledged at 8, is gone from 11; the file ends at 11; a test",
  ]);
});

test("records: lost, repeated, extra, torn", () => {
  const BYTES = 128;
  const record = (writer: number, sequence: number) => {
    const bytes = new Uint8Array(BYTES);
    fillRecord(bytes, { writer, sequence, generation: 3, lengthBytes: BYTES });
    return bytes;
  };
  const tally = { writer: 1, recordBytes: BYTES, records: 3, partial: [] };
  const options = { generation: 3, tallies: [tally], cause: "a reason" };
  const log = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  expect(accountRecords(log(record(1, 0)), { ...options, lookFor: "gone" }).findings.map(sentenceOf)).toEqual([
    "records 1 to 2 of writer 1 (256 bytes), acknowledged, appear nowhere; a reason",
  ]);
  const twice = log(record(1, 0), record(1, 1), record(1, 2), record(1, 1));
  expect(accountRecords(twice, { ...options, lookFor: "repeated" }).findings.map(sentenceOf)).toEqual([
    "record 1 of writer 1 (128 bytes) is repeated at 384; a reason",
  ]);
  const more = log(record(1, 0), record(1, 1), record(1, 2), record(1, 3));
  expect(judgeRecordLog(more, options).findings.map(sentenceOf)).toEqual([
    "record 3 of writer 1 (128 bytes) is there; the writer was acknowledged 3 records",
  ]);
  const cut = log(record(1, 0).subarray(0, 64), record(1, 1), record(1, 0).subarray(64), record(1, 2).subarray(0, 64));
  expect(judgeRecordLog(cut, options).findings.map(sentenceOf)).toEqual([
    "record 0 of writer 1, 128 bytes, reported whole, lies in 2 pieces (64 + 64) with 128 bytes of others between; " +
      "it was cut at 64",
    "64 of 128 bytes of record 2 of writer 1, acknowledged, appear nowhere",
  ]);
});

test("groups: what repeats, how large, how far apart, and what that is the size of", () => {
  const common = { count: 1000, offsetBytes: 8192, lastOffsetBytes: 1_048_576, alignmentBytes: 4096 };
  const pages = { ...common, lengthBytes: 4096, strideBytes: 8192 };
  const texts = [
    { kind: "misplaced", ...pages, distanceBytes: -4096 },
    { kind: "filled", ...pages, value: 6 },
    { kind: "byte-swapped", ...pages, wordBytes: 8 },
    { kind: "zeroed", ...common, lengthBytes: null, strideBytes: null },
    { kind: "bit-flipped", ...common, lengthBytes: 1, strideBytes: 64, bits: [0, 3] },
    { kind: "bit-flipped", ...common, lengthBytes: 2, strideBytes: 100, bits: [0, 13] },
    { kind: "bit-flipped", ...common, lengthBytes: 1, strideBytes: 100 },
  ] as const;
  expect(texts.map(groupText)).toEqual([
    "the stream's bytes from 4,096 before of 4,096 bytes every 8,192 bytes (the size of two pages): 1,000 times, " +
      "from 8,192 to 1,048,576",
    "bytes 0x06 of 4,096 bytes every 8,192 bytes (the size of two pages): 1,000 times, from 8,192 to 1,048,576",
    "64-bit words in reversed byte order of 4,096 bytes every 8,192 bytes (the size of two pages): 1,000 times, " +
      "from 8,192 to 1,048,576",
    "zeros: 1,000 times, from 8,192 to 1,048,576",
    "bits 0 and 3 of one byte flipped every 64 bytes (the size of a cache line): 1,000 times, from 8,192 to 1,048,576",
    "bit 0 of byte 0, bit 5 of byte 1 of one word flipped every 100 bytes: 1,000 times, from 8,192 to 1,048,576",
    "flipped bits every 100 bytes: 1,000 times, from 8,192 to 1,048,576",
  ]);
});

test("a call after which the file grew by more than was returned is described so, once", () => {
  const call = { what: "writev", index: 3, atNs: 5, requestedBytes: 200, result: 100 };
  const finding = { kind: "duplicated", offsetBytes: 8, lengthBytes: 40, originBytes: 0, pageAligned: false } as const;
  const { calls } = reported({ ...finding, calls: [call, { ...call, grewBytes: 140 }] });
  expect(calls?.map(({ detail }) => detail)).toEqual([undefined, "the file grew by 140, the call returned 100"]);
  expect(reported(reported({ ...finding, calls: calls ?? [] })).calls).toEqual(calls);
});
