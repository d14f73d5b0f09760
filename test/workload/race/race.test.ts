/** The race itself on real files: what the writers were promised is what the file holds, in every door. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { judgeRecordLog } from "../../../src/judge/record-log.ts";
import { openFile } from "../../../src/ops/file.ts";
import { O_APPEND, O_CREAT, O_RDWR } from "../../../src/sys/uapi/fcntl.ts";
import { RecordRace, type WriterSpec } from "../../../src/workload/race/race.ts";

const KIB = 1024;

async function race(writers: readonly WriterSpec[], writebackEveryUs?: number) {
  const directory = mkdtempSync(`${os.tmpdir()}/record-race-`);
  const path = `${directory}/log`;
  await using threads = new RecordRace({ writers, writebackEveryUs });
  const open = () => openFile(path, { flags: O_RDWR | O_APPEND | O_CREAT });
  const round = await threads.round({ open, generation: 5, seconds: 5, bytesMax: 2048 * KIB });
  const log = readFileSync(path);
  rmSync(directory, { recursive: true });
  return { round, log, judgement: judgeRecordLog(log, { generation: 5, tallies: round.tallies }) };
}

test("plain writers: every record whole, the file as long as the sum of results, the round ended by its bytes", async () => {
  const { round, log, judgement } = await race([
    { door: "write", recordBytes: 64 * KIB },
    { door: "write", recordBytes: 4 * KIB, gapUs: 50 },
  ]);
  const [large, small] = round.tallies;
  expect(judgement.findings).toEqual([]);
  expect(round.tallies.flatMap((tally) => tally.partial)).toEqual([]);
  expect(log.length).toBe((large?.records ?? 0) * 64 * KIB + (small?.records ?? 0) * 4 * KIB);
  expect(large?.records).toBeGreaterThan(5);
  expect(small?.records).toBeGreaterThan(0);
  expect(log.length).toBeLessThan(4096 * KIB);
  expect(round.writebacks).toBe(0);
  expect(judgement.whole.map(({ records }) => records)).toEqual([large?.records, small?.records] as number[]);
});

test("a linked pair in one ring, and a writeback loop next to it", async () => {
  const second = { recordBytes: 4 * KIB, linked: true };
  const { round, judgement } = await race([{ door: "uring-async", recordBytes: 128 * KIB, prime: true, second }], 100);
  expect(round.tallies.map(({ writer, recordBytes }) => [writer, recordBytes])).toEqual([
    [0, 128 * KIB],
    [64, 4 * KIB],
  ]);
  expect(judgement.findings).toEqual([]);
  expect(round.writebacks).toBeGreaterThan(0);
});

test("a refusal of the first record is an error with the kernel's words, and threads are there for the next round", async () => {
  await using threads = new RecordRace({ writers: [{ door: "write", recordBytes: 4 * KIB }] });
  const limits = { generation: 0, seconds: 1, bytesMax: 16 * KIB };
  const refused = threads.round({ open: () => openFile("/proc/self/status", { flags: 0 }), ...limits });
  expect(await refused.catch((error: Error) => error.message)).toContain("EBADF");
  const path = `${os.tmpdir()}/record-race-${process.pid}`;
  const round = await threads.round({ open: () => openFile(path, { flags: O_RDWR | O_APPEND | O_CREAT }), ...limits });
  rmSync(path);
  expect(round.tallies[0]?.records).toBe(5);
});

test("a failing writer ends the round with its own error, though the writeback loop fails next to it", async () => {
  await using threads = new RecordRace({ writers: [{ door: "write", recordBytes: 4 * KIB }], writebackEveryUs: 100 });
  for (let round = 0; round < 10; round += 1) {
    const open = () => openFile("/proc/self/status", { flags: 0 });
    const refused = threads.round({ open, generation: 0, seconds: 1, bytesMax: 16 * KIB });
    expect(await refused.catch((error: Error) => error.message)).toContain("EBADF");
  }
});
