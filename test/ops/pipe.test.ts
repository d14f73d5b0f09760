/** Pipes against the kernel's own answers: capacity, refusal, queued bytes, blocking. */
import { expect, test } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { setNonblocking, statusFlags } from "../../src/ops/fd.ts";
import { readFully, tryWrite, writeAll } from "../../src/ops/file.ts";
import { allocate, KiB, MiB } from "../../src/ops/memory.ts";
import { openPipe, PIPE_BYTES_DEFAULT, pipeCapacity, queuedBytes, trySetPipeCapacity } from "../../src/ops/pipe.ts";
import { ERRNO } from "../../src/sys/errno.ts";
import { O_NONBLOCK } from "../../src/sys/uapi/fcntl.ts";

test("a pipe has the default capacity, close-on-exec ends, and is one object", () => {
  using pipe = openPipe();
  expect(pipe.capacityBytes).toBe(PIPE_BYTES_DEFAULT);
  expect(pipe.refusal).toBe(0);
  const links = [pipe.readEnd, pipe.writeEnd].map((end) => readlinkSync(`/proc/self/fd/${end.number}`));
  expect(links[0]).toBe(links[1] as string);
  expect(links[0]).toStartWith("pipe:[");
  for (const end of [pipe.readEnd, pipe.writeEnd]) {
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${end.number}`, "utf8"))?.[1] ?? "0";
    expect(Number.parseInt(flags, 8) & 0o2000000).toBe(0o2000000);
  }
});

test("a capacity asked for is rounded up to pages by the kernel", () => {
  using small = openPipe({ capacityBytes: 4096 });
  expect(small.capacityBytes).toBe(4096);
  using odd = openPipe({ capacityBytes: 5000 });
  expect(odd.capacityBytes).toBe(8192);
  using large = openPipe({ capacityBytes: 1 * MiB });
  expect(large.capacityBytes).toBe(1 * MiB);
  expect(pipeCapacity(large.readEnd)).toBe(1 * MiB);
});

test("a refused capacity keeps the default and gives the reason", () => {
  using pipe = openPipe({ capacityBytes: 0x7ffff000 });
  expect(pipe.refusal).toBeLessThan(0);
  expect(pipe.capacityBytes).toBe(PIPE_BYTES_DEFAULT);
  expect(() => trySetPipeCapacity(pipe.writeEnd, -1)).toThrow(RangeError);
});

test("a pipe cannot shrink below what it holds", () => {
  using pipe = openPipe();
  using memory = allocate(32 * KiB);
  writeAll(pipe.writeEnd, memory);
  expect(trySetPipeCapacity(pipe.writeEnd, 4096)).toBe(-ERRNO.EBUSY);
  expect(queuedBytes(pipe.readEnd)).toBe(32 * KiB);
});

test("queued bytes are what was written and not read", () => {
  using pipe = openPipe();
  using memory = allocate(300);
  expect(queuedBytes(pipe.readEnd)).toBe(0);
  writeAll(pipe.writeEnd, memory);
  readFully(pipe.readEnd, memory, { lengthBytes: 100 });
  expect(queuedBytes(pipe.readEnd)).toBe(200);
});

test("a non-blocking pipe reports EAGAIN when it is full", () => {
  using pipe = openPipe({ capacityBytes: 4096, nonblocking: true });
  using memory = allocate(8192);
  expect(statusFlags(pipe.writeEnd) & O_NONBLOCK).toBe(O_NONBLOCK);
  expect(tryWrite(pipe.writeEnd, memory)).toBe(4096);
  expect(tryWrite(pipe.writeEnd, memory)).toBe(-ERRNO.EAGAIN);
  setNonblocking(pipe.writeEnd, false);
  expect(statusFlags(pipe.writeEnd) & O_NONBLOCK).toBe(0);
});
