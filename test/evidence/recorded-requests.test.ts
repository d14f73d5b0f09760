/** What no function is called for, and what moves memory: requests of a ring, mappings. Recorded from real calls. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import os from "node:os";
import { callLines } from "../../src/evidence/lines.ts";
import { type TraceEvent, traceOf } from "../../src/evidence/perfetto.ts";
import { Recorder } from "../../src/evidence/recorder.ts";
import {
  allocate,
  counter,
  type Fd,
  madvise,
  mapAnonymous,
  mapFile,
  mprotect,
  mremap,
  msync,
  munmap,
  openFile,
  openPipe,
  Ring,
  sqe,
  write,
} from "../../src/index.ts";
import { MADV_DONTNEED, O_CREAT, O_EXCL, O_RDWR, PROT_READ } from "../../src/uapi.ts";

const directory = mkdtempSync(`${os.tmpdir()}/requests-`);
afterAll(() => rmSync(directory, { recursive: true }));

const newFile = (name: string): Fd => openFile(`${directory}/${name}`, { flags: O_RDWR | O_CREAT | O_EXCL });
/** Lines without their times and the calls that set up memory and rings. */
const linesOf = (recorder: Recorder) =>
  callLines(recorder.allCalls)
    .map((line) => line.replaceAll(/[\d.]+ ms/g, "T"))
    .filter((line) => !/ (mmap|munmap|close|open|pipe2|io_uring_\w+)\(/.test(line));
const slicesOf = (recorder: Recorder): TraceEvent[] =>
  traceOf(recorder.allCalls, { tool: "x", findings: [], dropped: 0 }).traceEvents.filter(({ ph }) => ph === "X");

test("a request is a call with its descriptor, contents, offset, flags and result, both ends of it known", () => {
  using file = newFile("request");
  using buffer = allocate(4096);
  counter().fill(buffer.bytes, 8192);
  using recorder = new Recorder();
  using ring = new Ring();
  expect(ring.run(sqe.write(file, buffer, { offsetBytes: 4096 }))).toBe(4096);
  buffer.bytes.fill(0);
  expect(ring.run(sqe.read(file, buffer, { offsetBytes: 6144 }))).toBe(2048);
  expect(ring.run(sqe.read(file, buffer, { offsetBytes: 6144, flags: 0x4000_0000 }))).toBeLessThan(0);
  const lines = linesOf(recorder).map((line) => line.replace(/\(\d+,/, "(fd,"));
  expect(lines.slice(0, 2)).toEqual([
    "T  main      io_uring write(fd, {words from 1024}, 4096, 4096, 0) = 4096 <T>",
    "T  main      io_uring read(fd, {words from 1280}, 4096, 6144, 0) = 2048 <T>",
  ]);
  expect(lines[2]).toMatch(/io_uring read\(fd, .*, 4096, 6144, 0x40000000\) = -1 E\w+ </);
  const requests = recorder.calls.filter(({ call }) => call.startsWith("io_uring "));
  for (const { startNs, endNs } of requests) expect(endNs).toBeGreaterThan(startNs);
  // Handed over by the call that entered the ring, and complete no earlier.
  const entered = recorder.calls.filter(({ call }) => call === "io_uring_submit_and_wait");
  for (const [index, { startNs, endNs }] of requests.entries()) {
    expect(entered[index]?.startNs).toBeGreaterThanOrEqual(startNs);
    expect(entered[index]?.endNs).toBeLessThanOrEqual(endNs);
  }
});

test("requests that overlap are in the order in which they began, on tracks side by side, with an arrow between them", () => {
  using pipe = openPipe({ label: "p" });
  using other = openPipe({ label: "q" });
  using buffers = allocate(3 * 64);
  buffers.bytes.fill(0x41, 0, 64);
  const part = (index: number) => ({ bufferOffsetBytes: 64 * index, lengthBytes: 64, offsetBytes: -1 });
  using recorder = new Recorder();
  using ring = new Ring();
  ring.queue(sqe.read(pipe.readEnd, buffers, part(1)), { tag: 1 });
  ring.queue(sqe.read(other.readEnd, buffers, part(2)), { tag: 2 });
  ring.queue(sqe.read(pipe.readEnd, buffers, part(2)), { tag: 3 });
  ring.submit();
  const done: number[] = [];
  const take = () => {
    ring.submitAndWait(1);
    done.push(...ring.completions().map(({ tag }) => tag));
  };
  for (const end of [pipe, other, pipe]) {
    write(end.writeEnd, buffers, { lengthBytes: 64 });
    take();
  }
  expect(done.toSorted()).toEqual([1, 2, 3]);
  const reads = recorder.calls.filter(({ call }) => call === "io_uring read");
  expect(reads.map(({ args }) => args[0])).toEqual([pipe, other, pipe].map(({ readEnd }) => readEnd.number));
  expect(recorder.calls.map(({ index }) => index)).toEqual(recorder.calls.map((_, index) => index));

  const { traceEvents } = traceOf(recorder.calls, { tool: "x", findings: [], dropped: 0 });
  const tracks = traceEvents.flatMap(({ name, args }) => (name === "thread_name" ? [String(args?.name)] : []));
  const number = pipe.readEnd.number;
  expect(tracks).toContain(`io_uring: ${number}`);
  expect(tracks).toContain(`io_uring: ${number} (2)`);
  // No two slices of one track overlap in part.
  for (const one of slicesOf(recorder)) {
    for (const two of slicesOf(recorder)) {
      if (one.tid !== two.tid) continue;
      const [from, to] = [two.ts as number, (two.ts as number) + (two.dur as number)];
      const end = (one.ts as number) + (one.dur as number);
      const within = from < (one.ts as number) && (one.ts as number) < to && to < end;
      expect(within).toBe(false);
    }
  }
});

test("a chain is recorded in its order", () => {
  using recorder = new Recorder();
  using file = newFile("chain");
  using buffer = allocate(64);
  buffer.bytes.fill(0);
  using ring = new Ring();
  ring.queueChain([
    { request: sqe.write(file, buffer, { offsetBytes: 0 }) },
    { request: sqe.fsync(file) },
    { request: sqe.write(file, buffer, { offsetBytes: 64 }) },
  ]);
  ring.submitAndWait(3);
  expect(ring.completions().map(({ result }) => result)).toEqual([64, 0, 64]);
  expect(linesOf(recorder).filter((line) => line.includes("io_uring "))).toEqual([
    "T  main      io_uring write(chain, {64 x 0x00}, 64, 0, 0) = 64 <T>",
    "T  main      io_uring fsync(chain, 0) = 0 <T>",
    "T  main      io_uring write(chain, {64 x 0x00}, 64, 64, 0) = 64 <T>",
  ]);
});

test("nothing of a ring is recorded before the recorder starts or after it ends, and a request in flight does no harm", () => {
  using pipe = openPipe();
  using buffer = allocate(64);
  using ring = new Ring();
  ring.queue(sqe.read(pipe.readEnd, buffer, { offsetBytes: -1 }));
  ring.submit();
  const recorder = new Recorder();
  write(pipe.writeEnd, buffer);
  ring.submitAndWait(1);
  expect(ring.completions().length).toBe(1);
  ring.queue(sqe.read(pipe.readEnd, buffer, { offsetBytes: -1 }));
  ring.submit();
  recorder[Symbol.dispose]();
  write(pipe.writeEnd, buffer);
  ring.submitAndWait(1);
  expect(ring.completions().length).toBe(1);
  expect(recorder.calls.filter(({ call }) => call.startsWith("io_uring "))).toEqual([]);
});

test("mappings have names: what is advised, protected, synchronised, moved and unmapped, and where in it", () => {
  using file = newFile("mapped");
  using buffer = allocate(8192);
  write(file, buffer);
  using recorder = new Recorder();
  {
    using mapping = mapFile(file, { lengthBytes: 8192 });
    mapping.bytes.fill(0x42);
    msync(mapping);
    madvise(mapping, { advice: MADV_DONTNEED, offsetBytes: 4096, lengthBytes: 4096 });
    mprotect(mapping, { protection: PROT_READ, offsetBytes: 4096, lengthBytes: 4096 });
    munmap(mapping, { offsetBytes: 4096, lengthBytes: 4096 });
  }
  {
    using over = mapAnonymous({ lengthBytes: 65_536 });
    using mapping = mapAnonymous({ lengthBytes: 4096 });
    using moved = mremap(mapping, { lengthBytes: 8192, place: { over, offsetBytes: 32_768 } });
    moved.bytes.fill(1);
  }
  const lines = callLines(recorder.calls).map((line) => line.replace(/, \d+, 0\) = map1$/, ", fd, 0) = map1"));
  expect(lines.filter((line) => /^m/.test(line))).toEqual([
    "mmap(NULL, 8192, PROT_WRITE|PROT_READ, MAP_SHARED, fd, 0) = map1",
    "msync(map1, 8192, MS_SYNC) = 0",
    "madvise(map1+4096, 4096, MADV_DONTNEED) = 0",
    "mprotect(map1+4096, 4096, PROT_READ) = 0",
    "munmap(map1+4096, 4096) = 0",
    "munmap(map1, 4096) = 0",
    expect.stringMatching(/^mmap\(NULL, 65536, .*\) = map2$/),
    expect.stringMatching(/^mmap\(NULL, 4096, .*\) = map3$/),
    "mremap(map3, 4096, 8192, MREMAP_FIXED|MREMAP_MAYMOVE, map2+32768) = map3",
    "munmap(map3, 8192) = 0",
    "munmap(map2, 32768) = 0",
    "munmap(map2+40960, 24576) = 0",
  ]);
});

test("stores into a small shared mapping are lines of their own; looking maps no page", () => {
  using file = newFile("stores");
  using buffer = allocate(8192);
  buffer.bytes.fill(0x41);
  write(file, buffer);
  using recorder = new Recorder();
  using mapping = mapFile(file, { lengthBytes: 8192 });
  msync(mapping);
  expect(isPresent(mapping.address)).toBe(false);
  mapping.bytes.fill(0x42, 100, 200);
  msync(mapping);
  expect(isPresent(mapping.address)).toBe(true);
  msync(mapping);
  mapping.bytes.set([9], 8191);
  recorder[Symbol.dispose]();
  const lines = callLines(recorder.calls).filter((line) => /^(store|msync)/.test(line));
  expect(lines).toEqual([
    "msync(map1, 8192, MS_SYNC) = 0",
    "store(map1+100, {100 x 0x42}, 100) = 0",
    "msync(map1, 8192, MS_SYNC) = 0",
    "msync(map1, 8192, MS_SYNC) = 0",
    "store(map1+8191, {1 x 0x09}, 1) = 0",
  ]);
});

/** Whether this process has a page at the address: bit 63 of its entry. */
function isPresent(address: number): boolean {
  const entry = new Uint8Array(8);
  const pagemap = openSync("/proc/self/pagemap", "r");
  readSync(pagemap, entry, 0, 8, (address / 4096) * 8);
  closeSync(pagemap);
  return ((entry[7] as number) & 0x80) !== 0;
}
