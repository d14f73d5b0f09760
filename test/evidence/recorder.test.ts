/** Recordings of real calls: what strace prints of the same process, and what a crash must not come of. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { contentHolds, contentOf } from "../../src/evidence/content.ts";
import { callLines } from "../../src/evidence/lines.ts";
import { traceOf } from "../../src/evidence/perfetto.ts";
import { Recorder } from "../../src/evidence/recorder.ts";
import { ThreadLog } from "../../src/evidence/thread-log.ts";
import {
  allocate,
  counter,
  IoVectors,
  mapAnonymous,
  munmap,
  openFile,
  openPipe,
  read,
  Thread,
  trySplice,
  write,
} from "../../src/index.ts";
import { libc } from "../../src/sys/libc.ts";
import { O_CREAT, O_EXCL, O_RDWR, SPLICE_F_NONBLOCK } from "../../src/uapi.ts";

const directory = mkdtempSync(`${os.tmpdir()}/recorder-`);
afterAll(() => rmSync(directory, { recursive: true }));

/** A file, a pipe, an error; each call once. */
function scenario(name: string): void {
  using file = openFile(`${directory}/${name}`, { flags: O_RDWR | O_CREAT | O_EXCL });
  using buffer = allocate(4096);
  buffer.bytes.fill(0x41);
  write(file, buffer);
  counter().fill(buffer.bytes, 8192);
  write(file, buffer, { offsetBytes: 4096 });
  using pipe = openPipe();
  trySplice(pipe.readEnd, file, { lengthBytes: 100, flags: SPLICE_F_NONBLOCK });
  buffer.bytes.set([1, 2, 3]);
  write(pipe.writeEnd, buffer, { lengthBytes: 3 });
  read(pipe.readEnd, buffer);
}

test("each call is a line with names, flags, contents and the answer, in order", () => {
  using recorder = new Recorder();
  scenario("lines");
  const lines = callLines(recorder.calls).filter((line) => !/^(fcntl|mmap|close)/.test(line));
  expect(lines).toEqual([
    `open("${directory}/lines", O_RDWR|O_CLOEXEC|O_EXCL|O_CREAT, 0644) = ${recorder.calls.find(({ call }) => call === "open")?.result}`,
    "write(lines, {4096 x 0x41}, 4096) = 4096",
    "pwrite(lines, {words from 1024}, 4096, 4096) = 4096",
    expect.stringMatching(/^pipe2\(\[\d+, \d+\], O_CLOEXEC\) = 0$/),
    "splice(pipe.read, NULL, lines, NULL, 100, SPLICE_F_NONBLOCK) = -1 EAGAIN",
    "write(pipe.write, {01 02 03}, 3) = 3",
    "read(pipe.read, {01 02 03}, 4096) = 3",
  ]);
});

test("nothing is recorded after the end, and errno survives the recorder", () => {
  const recorder = new Recorder();
  recorder[Symbol.dispose]();
  scenario("after");
  expect(recorder.calls).toEqual([]);
  using second = new Recorder();
  using pipe = openPipe();
  expect(trySplice(pipe.readEnd, pipe.writeEnd, { lengthBytes: 1, flags: SPLICE_F_NONBLOCK })).toBe(-22);
  expect(second.calls.at(-1)?.result).toBe(-22);
});

test("a function's address is the callee's, so that a second thread can be woken while a recorder watches", async () => {
  using recorder = new Recorder();
  using thread = await Thread.start();
  using pipe = openPipe();
  using file = openFile(`${directory}/thread`, { flags: O_RDWR | O_CREAT | O_EXCL });
  const asked = thread.call(trySplice, pipe.readEnd, file, { lengthBytes: 1, flags: 0 });
  expect(await thread.asleep("splice")).toBe(true);
  thread.interrupt();
  expect(await asked).toBe(-4);
  expect(recorder.otherThreads).toBe(1);
});

test("calls of other threads are recorded there, between those of this one, and have tracks of their own", async () => {
  using recorder = new Recorder();
  using thread = await Thread.start();
  using pipe = openPipe();
  using buffer = allocate(4096);
  buffer.bytes.fill(0x41);
  const asked = thread.call(read, pipe.readEnd, allocate(4096));
  expect(await thread.asleep("read")).toBe(true);
  write(pipe.writeEnd, buffer);
  expect(await asked).toBe(4096);
  const calls = recorder.allCalls.filter(({ call }) => call === "read" || call === "write");
  const [reading, writing] = calls;
  expect(calls.map(({ call, thread: by, result }) => [call, by, result])).toEqual([
    ["read", 1, 4096],
    ["write", undefined, 4096],
  ]);
  // It slept from before the write until the write.
  expect((reading?.startNs ?? 0) < (writing?.startNs ?? 0)).toBe(true);
  expect((reading?.endNs ?? 0) > (writing?.startNs ?? 0)).toBe(true);
  const lines = callLines(recorder.allCalls);
  expect(
    lines.filter((line) => / (read|write)\(/.test(line)).map((line) => line.replaceAll(/[\d.]+ ms/g, "T")),
  ).toEqual([
    "T  thread 1  read(pipe.read, {4096 bytes}, 4096) = 4096 <T>",
    "T  main      write(pipe.write, {4096 x 0x41}, 4096) = 4096 <T>",
  ]);
  const { traceEvents } = traceOf(recorder.allCalls, { tool: "x", findings: [], dropped: 0 });
  const tracks = traceEvents.filter(({ name }) => name === "thread_name").map(({ args }) => args?.name);
  expect(tracks).toContain("thread 1: pipe.read");
  expect(traceEvents.filter(({ ph }) => ph === "s" || ph === "f").length).toBe(2);
});

test("a thread's log keeps the newest calls and counts the others", () => {
  const log = new ThreadLog();
  const entry = { call: "read", args: [3, 4, 5], result: 0, endNs: 1, originMs: 0, pointed: [undefined] };
  const count = 20_000;
  for (let i = 0; i < count; i++) log.write({ ...entry, startNs: i });
  const entries = new ThreadLog(log.shared).entries();
  expect(entries.length + log.dropped).toBe(count);
  expect([log.dropped > 0, entries.at(-1)?.startNs, entries[0]?.startNs]).toEqual([true, count - 1, log.dropped]);
  expect(entries[0]?.pointed).toEqual([undefined]);
  log.close();
  log.write({ ...entry, startNs: count });
  expect(log.entries().length).toBe(entries.length);
});

test("a buffer that ends in memory that is not there is recorded as far as it goes", () => {
  using recorder = new Recorder();
  using mapping = mapAnonymous({ lengthBytes: 8192 });
  mapping.bytes.fill(0x42);
  using file = openFile(`${directory}/hole`, { flags: O_RDWR | O_CREAT | O_EXCL });
  munmap(mapping, { offsetBytes: 4096, lengthBytes: 4096 });
  // The safe verb would refuse the range; a reproducer that wants the fault makes the raw call.
  expect(libc.write(file.number, mapping.address, 8192)).toBe(4096);
  expect(callLines(recorder.calls).at(-1)).toBe("write(hole, {4096 x 0x42}, 8192) = 4096");
  using vectors = new IoVectors(2);
  const halves = [mapping.address, 4096, mapping.address + 4096, 4096];
  halves.forEach((value, at) => void vectors.memory.view.setBigUint64(8 * at, BigInt(value), true));
  expect(libc.writev(file.number, vectors.memory.address, 2)).toBe(4096);
  expect(callLines(recorder.calls).at(-1)).toBe(
    "writev(hole, [{4096 x 0x42}, {4096 bytes that cannot be read}], 2) = 4096",
  );
});

test("the trace has a slice for each call, a track for each descriptor and an arrow through the pipe", () => {
  using recorder = new Recorder();
  scenario("trace");
  const findings = [{ kind: "lost", offsetBytes: 1, lengthBytes: 2, pageAligned: false, detail: "gone" }] as const;
  const { traceEvents } = traceOf(recorder.calls, { tool: "x", findings, dropped: 0 });
  const slices = traceEvents.filter(({ ph }) => ph === "X");
  expect(slices.length).toBe(recorder.calls.length);
  for (const { ts = -1, dur = 0 } of slices) expect([ts >= 0, dur > 0]).toEqual([true, true]);
  const tracks = traceEvents.filter(({ name }) => name === "thread_name").map(({ args }) => args?.name);
  expect(tracks).toEqual(["process", "trace", "pipe.read", "pipe.write"]);
  const [start, end] = traceEvents.filter(({ ph }) => ph === "s" || ph === "f");
  expect([start?.id === end?.id, (start?.ts ?? 0) < (end?.ts ?? 0)]).toEqual([true, true]);
  expect(traceEvents.filter(({ ph }) => ph === "i").map(({ name }) => name)).toEqual(["finding 1: lost"]);
});

test.each([
  ["fill", new Uint8Array(100).fill(7)],
  ["bytes", new Uint8Array([1, 2, 3])],
  ["other", new Uint8Array(4096).map((_, i) => i * i)],
] as const)("contents of shape %s", (shape, bytes) => {
  expect(contentOf(bytes).shape).toBe(shape);
});

test("words that count up hold every piece of themselves, also across words, and nothing else", () => {
  const bytes = new Uint8Array(800);
  counter().fill(bytes, 8 * 1000);
  const content = contentOf(bytes);
  expect(content).toEqual({ shape: "words", first: 1000n, lengthBytes: 800 });
  for (const [from, to] of [
    [0, 64],
    [3, 67],
    [736, 800],
  ] as const)
    expect(contentHolds(content, Buffer.from(bytes.subarray(from, to)).toString("hex"))).toBe(true);
  const other = new Uint8Array(64);
  counter().fill(other, 8 * 1096);
  expect(contentHolds(content, Buffer.from(other).toString("hex"))).toBe(false);
});
