/** How much the judge does for files made to keep it busy: counted in bytes of the pattern, not in seconds; and breathing. */
import { expect, test } from "bun:test";
import { accountRecords, recordsInTurns } from "../../src/judge/gone-records.ts";
import { Judge, judgeBytes } from "../../src/judge/judge.ts";
import { judgeRecordLog, recordLogInTurns } from "../../src/judge/record-log.ts";
import { counter } from "../../src/pattern/counter.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { fillRecord } from "../../src/pattern/record.ts";
import { reference } from "../../src/pattern/reference.ts";
import { Dice } from "./cases.ts";

const BYTES = 1 << 20;

/** A pattern that counts the bytes that it makes, compares and searches. */
function counting(pattern: Pattern): { pattern: Pattern; work: () => number } {
  let bytes = 0;
  const counted: Pattern = {
    ...pattern,
    name: pattern.name,
    fill: (block, at) => {
      bytes += block.length;
      pattern.fill(block, at);
    },
    firstMismatch: (block, at) => {
      const bad = pattern.firstMismatch(block, at);
      bytes += bad < 0 ? block.length : bad + 1;
      return bad;
    },
    locate: (block, range) => {
      const found = pattern.locate(block, range);
      bytes += (found?.index ?? Math.min(range.toIndex, block.length)) - range.fromIndex + pattern.proofBytes;
      return found === undefined ? undefined : { ...found, stream: found.stream === pattern ? counted : found.stream };
    },
  };
  return { pattern: counted, work: () => bytes };
}

function stream(generation = 0): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  counter({ generation }).fill(bytes, 0);
  return bytes;
}

/** Every `stride` bytes something else for `length` bytes. */
function every(stride: number, length: number, change: (piece: Uint8Array, at: number) => void): Uint8Array {
  const bytes = stream();
  for (let at = 0; at + stride <= BYTES; at += stride) change(bytes.subarray(at, at + length), at);
  return bytes;
}

const dice = new Dice(11);
const old = stream(3);
const good = stream();
const WRECKS: Readonly<Record<string, () => Uint8Array>> = {
  "every other word noise": () =>
    every(16, 8, (piece) => piece.set(Uint8Array.from({ length: 8 }, () => dice.below(256)))),
  "every other word reversed": () => every(16, 8, (piece) => piece.reverse()),
  "every other word zero": () => every(16, 8, (piece) => piece.fill(0)),
  "every other four words of another place": () =>
    every(64, 32, (piece) => {
      const from = 8 * dice.below(BYTES / 8 - 8);
      piece.set(good.subarray(from, from + 32));
    }),
  "every other four words old": () => every(64, 32, (piece, at) => piece.set(old.subarray(at, at + 32))),
  "a word lost in every five": () => {
    const bytes = new Uint8Array(BYTES);
    for (let at = 0, from = 0; at + 32 <= BYTES; at += 32, from += 40)
      counter().fill(bytes.subarray(at, at + 32), from);
    return bytes;
  },
  "another generation, a flip in each cache line": () => {
    const bytes = old.slice();
    for (let at = 3; at < BYTES; at += 64) bytes[at] = (bytes[at] as number) ^ 16;
    return bytes;
  },
};

test.each(Object.entries(WRECKS))(
  "%s: a bounded amount of work for each wrong word",
  (_, make) => {
    const bytes = make();
    const { pattern, work } = counting(counter());
    const { segments } = judgeBytes(bytes, { pattern, expectBytes: BYTES });
    const wrong = new BigUint64Array(bytes.buffer).filter((word, i) => word !== BigInt(i)).length;
    expect(work() / wrong).toBeLessThan(1200);
    expect(segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(BYTES);
  },
  60_000,
);

test("the index of a reference is built in turns, and what is judged is the same", () => {
  const bytes = new Uint8Array(2 << 20);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = dice.below(256);
  const moved = bytes.slice();
  moved.set(bytes.subarray(1 << 20, (1 << 20) + 4096), 4096);
  let reads = 0;
  const made = () =>
    reference({
      lengthBytes: bytes.length,
      read: (block, at) => {
        reads += 1;
        block.set(bytes.subarray(at, at + block.length));
      },
    });
  const options = { pattern: made(), expectBytes: bytes.length };
  const judge = new Judge(options);
  expect(judge.prepare(bytes.subarray(0, 4096))).toBeUndefined();
  judge.push(moved.subarray(0, 4096));
  const work = [...(judge.prepare(moved.subarray(4096)) ?? [])];
  expect(work.length).toBe(2);
  reads = 0;
  judge.push(moved.subarray(4096));
  // The index is there: only comparing and the surroundings read the reference.
  expect(reads).toBeLessThan(64);
  expect(judge.finish()).toEqual(judgeBytes(moved, { ...options, pattern: made() }));
}, 60_000);

test("a log is judged in turns, in foreign bytes, zeros and records, and what is judged is the same", () => {
  const log = new Uint8Array(6 << 20);
  for (let i = 0; i < 2 << 20; i += 1) log[i] = dice.below(256);
  const records = (2 << 20) / 4096;
  for (let sequence = 0; sequence < records; sequence += 1)
    fillRecord(log.subarray((4 << 20) + sequence * 4096), { writer: 1, generation: 1, sequence, lengthBytes: 4096 });
  const expected = { generation: 1, tallies: [{ writer: 1, recordBytes: 4096, records, partial: [] }] };
  const work = recordLogInTurns(log, expected);
  let turns = 0;
  for (let turn = work.next(); ; turn = work.next()) {
    if (turn.done === true) {
      expect(turn.value).toEqual(judgeRecordLog(log, expected));
      break;
    }
    turns += 1;
  }
  // Every 256 KiB, but for zeros, which are passed over at once.
  expect(turns).toBeGreaterThanOrEqual(15);
}, 60_000);

test("an account of small records is made in turns to its end, and is the same", () => {
  const [records, recordBytes] = [100_000, 64];
  const log = new Uint8Array(records * recordBytes);
  for (let sequence = 0; sequence < records; sequence += 1) {
    const writer = 1 + (sequence % 20);
    const tag = { writer, generation: 1, sequence: Math.floor(sequence / 20), lengthBytes: recordBytes };
    fillRecord(log.subarray(sequence * recordBytes, (sequence + 1) * recordBytes), tag);
  }
  const tallies = Array.from({ length: 20 }, (_, i) => ({ writer: i + 1, recordBytes, records: 5010, partial: [] }));
  const options = { generation: 1, tallies, lookFor: "gone", cause: "a test" } as const;
  const work = recordsInTurns(log, options);
  let turns = 0;
  let turn = work.next();
  for (; turn.done !== true; turn = work.next()) turns += 1;
  expect(turn.value).toEqual(accountRecords(log, options));
  expect(turn.value).toMatchObject({ records: 100_200, bad: 200 });
  // Of the log one every 256 KiB, then one for so many records that are known: beyond what was reported, judged, listed, gone.
  expect(turns).toBeGreaterThanOrEqual(24 + 5 * 24);
}, 60_000);

test("many torn records cost no more for each byte than few", () => {
  const seconds = (records: number) => {
    const log = new Uint8Array(records * 8192);
    for (let i = 0; i < log.length; i += 1) log[i] = dice.below(256);
    for (let sequence = 0; sequence < records; sequence += 1) {
      const record = log.subarray(sequence * 8192);
      fillRecord(record, { writer: 1, generation: 1, sequence, lengthBytes: 4096 });
      record.fill(7, 2048, 4096);
    }
    const cpu = process.cpuUsage().user;
    const { findings } = judgeRecordLog(log, {
      generation: 1,
      tallies: [{ writer: 1, recordBytes: 4096, records, partial: [] }],
    });
    expect(findings.length).toBe(2 * records);
    return (process.cpuUsage().user - cpu) / 1e6;
  };
  seconds(32);
  // Eight times the records; it was sixty times the time.
  expect(seconds(256)).toBeLessThan(seconds(32) * 20 + 0.5);
}, 60_000);
