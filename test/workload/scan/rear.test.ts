/**
 * A file judged from both ends: what the second thread compares counts, what it finds wrong is explained by the judge, and
 * nothing is right that nobody compared. Limits are small, so that a thread is started for a small file on any machine.
 */
import { afterAll, expect, test } from "bun:test";
import { rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Judge } from "../../../src/judge/judge.ts";
import { counter } from "../../../src/pattern/counter.ts";
import { openInput } from "../../../src/workload/scan/input.ts";
import { Rear } from "../../../src/workload/scan/rear.ts";
import { judgeInOrder } from "../../../src/workload/scan/scan.ts";
import { temporaryDirectory } from "../../lab/temporary.ts";

const KiB = 1024;
const SIZE = 8 * KiB * KiB;
const LIMITS = { pieceBytes: 512 * KiB, watchedBytes: 0, bytesPerMsMin: 0, restBytesMin: 0 };
const ARGS = { pattern: "counter", generation: 0, writer: 0, recordBytes: 4096 };

const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

function fileOf(name: string, damage: (bytes: Uint8Array) => void = () => {}, sizeBytes = SIZE): string {
  const bytes = new Uint8Array(sizeBytes);
  counter().fill(bytes, 0);
  damage(bytes);
  const path = join(directory.path, name);
  writeFileSync(path, bytes);
  return path;
}

const flip = (place: number) => (bytes: Uint8Array) => {
  bytes[place] = (bytes[place] as number) ^ 0x10;
};

/** Judges after the other thread has claimed `rearBytes`, or after nothing when it is to be too late. */
async function judged(path: string, { rearBytes = SIZE / 2, sizeBytes = SIZE, before = () => {} } = {}) {
  const range = { from: 0, to: sizeBytes };
  const input = openInput(path);
  using _fd = input.fd;
  const rear = new Rear({ path, args: ARGS, reference: undefined, range }, LIMITS);
  before();
  expect(rear.mine(0)).toBe(LIMITS.pieceBytes);
  while (rear.takenBytes < rearBytes) await Bun.sleep(1);
  const judge = new Judge({ pattern: counter(), expectBytes: sizeBytes, file: "f" });
  const fed = await judgeInOrder(input, judge, range, async () => true, { rear });
  return { fed, judge };
}

test("the rest that another thread compared is right, and the front stops where it begins", async () => {
  const { fed, judge } = await judged(fileOf("right"));
  expect({ ...fed, endBytes: 0 }).toEqual({ endBytes: 0, stopped: false, restRight: true });
  expect(judge.intact).toBe(true);
  expect(fed.endBytes).toBeLessThanOrEqual(SIZE / 2);
  expect(fed.endBytes % LIMITS.pieceBytes).toBe(0);
}, 60_000);

test("an odd size: the last, short piece is compared as well", async () => {
  const sizeBytes = SIZE - 12_345;
  const { fed } = await judged(
    fileOf("odd", () => {}, sizeBytes),
    { sizeBytes },
  );
  expect(fed.restRight).toBe(true);
  const bad = fileOf("odd-bad", flip(sizeBytes - 1), sizeBytes);
  const { judge } = await judged(bad, { sizeBytes, rearBytes: 1 });
  expect(judge.finish().findings.map(({ offsetBytes }) => offsetBytes)).toEqual([sizeBytes - 1]);
}, 60_000);

test("one wrong byte anywhere is found and explained, whoever met it", async () => {
  const edge = LIMITS.pieceBytes;
  const places = [
    0,
    1,
    edge - 1,
    edge,
    SIZE / 2 - 1,
    SIZE / 2,
    SIZE - edge - 1,
    SIZE - edge,
    SIZE - edge + 1,
    SIZE - 1,
  ];
  for (const place of places) {
    const path = fileOf(`wrong-${place}`, flip(place));
    // The other thread stops at what is wrong: it never claims more than to there.
    const { fed, judge } = await judged(path, { rearBytes: 1 });
    expect(fed).toEqual({ endBytes: SIZE, stopped: false });
    const { findings, verifiedBytes } = judge.finish();
    expect(findings.map(({ kind, offsetBytes }) => [kind, offsetBytes])).toEqual([["bit-flipped", place]]);
    expect(verifiedBytes).toBe(SIZE);
    unlinkSync(path);
  }
}, 120_000);

test("a hole is not what the pattern has: it is explained in order", async () => {
  const path = fileOf("hole", () => {}, SIZE / 2);
  truncateSync(path, SIZE);
  const { fed, judge } = await judged(path, { rearBytes: 1 });
  expect(fed.restRight).toBeUndefined();
  expect(judge.finish().findings.map(({ kind, lengthBytes }) => [kind, lengthBytes])).toEqual([["zeroed", SIZE / 2]]);
}, 60_000);

test("a thread that cannot open the file proves nothing: the judge reads all of it", async () => {
  const path = fileOf("gone");
  const { fed, judge } = await judged(path, { rearBytes: 0, before: () => rmSync(path) });
  expect(fed).toEqual({ endBytes: SIZE, stopped: false });
  expect(judge.finish().verifiedBytes).toBe(SIZE);
}, 60_000);

test("a signal ends the wait for the other thread", async () => {
  const path = fileOf("stopped");
  const range = { from: 0, to: SIZE };
  const input = openInput(path);
  using _fd = input.fd;
  const rear = new Rear({ path, args: ARGS, reference: undefined, range }, LIMITS);
  rear.mine(0);
  while (rear.takenBytes < SIZE / 2) await Bun.sleep(1);
  const judge = new Judge({ pattern: counter(), expectBytes: SIZE });
  expect((await judgeInOrder(input, judge, range, async () => false, { rear })).stopped).toBe(true);
}, 60_000);

test("no thread for a slow file, a short rest, or before its rate is known", () => {
  const order = { path: "/nonexistent", args: ARGS, reference: undefined, range: { from: 0, to: SIZE } };
  const slow = new Rear(order, { ...LIMITS, watchedBytes: 1, bytesPerMsMin: Number.MAX_VALUE });
  const short = new Rear(order, { ...LIMITS, restBytesMin: SIZE });
  const early = new Rear(order, { ...LIMITS, watchedBytes: KiB });
  expect([slow.mine(1), short.mine(1), early.mine(1)]).toEqual([Infinity, Infinity, Infinity]);
});
