/** Whole records that are gone, or that came twice, on hand-made logs; a torn or cut record is neither. */
import { expect, test } from "bun:test";
import { accountRecords } from "../../src/judge/gone-records.ts";
import { fillRecord } from "../../src/pattern/record.ts";

const BYTES = 128;
const tallies = [1, 2].map((writer) => ({ writer, recordBytes: BYTES, records: 4, partial: [] }));
const OPTIONS = { generation: 3, tallies, file: "log", cause: "a reason" };

function record(writer: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  fillRecord(bytes, { writer, sequence, generation: 3, lengthBytes: BYTES });
  return bytes;
}

const all = (writer: number) => [0, 1, 2, 3].map((sequence) => record(writer, sequence));
const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

test("nothing is gone when every record is there, also interleaved and torn", () => {
  const [a0, a1, a2, a3] = all(1) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const [b0, b1, b2, b3] = all(2) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const log = joined(a0, b0, b1.subarray(0, 64), a1, b1.subarray(64), a2, b2, a3, b3);
  expect(accountRecords(log, { ...OPTIONS, lookFor: "gone" })).toEqual({
    verifiedBytes: 8 * BYTES,
    records: 8,
    bad: 0,
    findings: [],
  });
});

test("neighbours that are gone are one finding at the end of the record before them", () => {
  const log = joined(record(1, 0), ...all(2), record(1, 3));
  expect(accountRecords(log, { ...OPTIONS, lookFor: "gone" })).toEqual({
    ...{ verifiedBytes: 6 * BYTES, records: 8, bad: 2 },
    findings: [
      {
        ...{ kind: "lost", file: "log", offsetBytes: BYTES, lengthBytes: 2 * BYTES, originBytes: BYTES },
        pageAligned: false,
        records: { writer: 1, first: 1, count: 2, recordBytes: BYTES },
        cause: "a reason",
      },
    ],
  });
});

test("a record with a piece in the log is not gone", () => {
  const log = joined(record(1, 0).subarray(0, 64), ...all(2), record(1, 1), record(1, 2), record(1, 3));
  expect(accountRecords(log, { ...OPTIONS, lookFor: "gone" }).findings).toEqual([]);
});

test("an empty log has lost everything", () => {
  const { bad, findings } = accountRecords(new Uint8Array(0), { ...OPTIONS, lookFor: "gone" });
  expect([bad, findings.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])]).toEqual([
    8,
    [
      [0, 512],
      [0, 512],
    ],
  ]);
});

test("records that came twice, where the second ones are", () => {
  const only = { ...OPTIONS, tallies: tallies.slice(0, 1) };
  const whole = joined(...all(1));
  expect(accountRecords(whole, { ...only, lookFor: "repeated" }).findings).toEqual([]);
  const outputs = joined(whole, record(1, 1), record(1, 2));
  expect(accountRecords(outputs, { ...only, lookFor: "repeated" })).toEqual({
    ...{ verifiedBytes: 6 * BYTES, records: 4, bad: 2 },
    findings: [
      {
        ...{ kind: "duplicated", file: "log", offsetBytes: 4 * BYTES, lengthBytes: 2 * BYTES, originBytes: BYTES },
        pageAligned: false,
        records: { writer: 1, first: 1, count: 2, recordBytes: BYTES },
        cause: "a reason",
      },
    ],
  });
});
