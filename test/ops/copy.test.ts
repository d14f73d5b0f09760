/** Copies inside the kernel: the bytes against read(2) of the same file, the positions against /proc/self/fdinfo. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { copyFileRange, sendFile, tryCopyFileRange, trySendFile } from "../../src/ops/copy.ts";
import type { Fd } from "../../src/ops/fd.ts";
import { IoVectors, openFile, openMemfd, read, readFully, writeAll } from "../../src/ops/file.ts";
import { allocate } from "../../src/ops/memory.ts";
import { openPipe } from "../../src/ops/pipe.ts";
import { seek } from "../../src/ops/space.ts";
import { splice, spliceExactly, tryVmsplice, vmsplice } from "../../src/ops/splice.ts";
import { sizeOf } from "../../src/ops/stat.ts";
import { readWhole } from "../../src/ops/whole.ts";
import { ERRNO } from "../../src/sys/errno.ts";
import { O_RDONLY, O_RDWR, O_TMPFILE, SEEK_SET } from "../../src/sys/uapi/fcntl.ts";

const LENGTH = 300_000;

/** The kernel's own word on a position. proc(5). */
function positionOf(fd: Fd): number {
  return Number(/^pos:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd.number}`, "utf8"))?.[1]);
}

function files() {
  const input = openFile(tmpdir(), { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  const output = openFile(tmpdir(), { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  const bytes = allocate(LENGTH);
  for (let index = 0; index < LENGTH; index += 1) bytes.bytes[index] = (index * 13 + (index >> 8)) & 0xff;
  writeAll(input, bytes);
  seek(input, { offsetBytes: 0, whence: SEEK_SET });
  return { input, output, bytes, [Symbol.dispose]: () => [input, output].forEach((fd) => void fd.close()) };
}

function content(fd: Fd): Buffer {
  using back = allocate(sizeOf(fd));
  let done = 0;
  while (done < back.lengthBytes) {
    done += read(fd, back, { offsetBytes: done, bufferOffsetBytes: done, lengthBytes: back.lengthBytes - done });
  }
  return Buffer.from(back.bytes);
}

test.each([
  ["copy_file_range", copyFileRange],
  ["sendfile", sendFile],
])("%s at the descriptors' positions moves both", (_, copy) => {
  using f = files();
  let done = 0;
  while (done < LENGTH) {
    const got = copy(f.input, f.output, { lengthBytes: Math.min(100_000, LENGTH - done) });
    expect(got).toBeGreaterThan(0);
    done += got;
    expect([positionOf(f.input), positionOf(f.output)]).toEqual([done, done]);
  }
  expect(copy(f.input, f.output, { lengthBytes: 1 })).toBe(0);
  expect(content(f.output).equals(Buffer.from(f.bytes.bytes))).toBe(true);
});

test("copy_file_range with offsets moves no position, also beyond 4 GiB", () => {
  using f = files();
  const far = 5 * 2 ** 30 + 7;
  expect(copyFileRange(f.input, f.output, { lengthBytes: 1000, fromOffsetBytes: 4096, toOffsetBytes: far })).toBe(1000);
  expect([positionOf(f.input), positionOf(f.output), sizeOf(f.output)]).toEqual([0, 0, far + 1000]);
  using back = allocate(1000);
  expect(read(f.output, back, { offsetBytes: far })).toBe(1000);
  expect(Buffer.compare(back.bytes, f.bytes.bytes.subarray(4096, 5096))).toBe(0);
});

test("sendfile from an offset goes to the output's position", () => {
  using f = files();
  expect(sendFile(f.input, f.output, { lengthBytes: 10, fromOffsetBytes: 299_995 })).toBe(5);
  expect([positionOf(f.input), positionOf(f.output)]).toEqual([0, 5]);
  expect(content(f.output).equals(Buffer.from(f.bytes.bytes.subarray(299_995)))).toBe(true);
});

test("refusals are errnos, and nonsense never crosses", () => {
  using f = files();
  using pipe = openPipe();
  expect(tryCopyFileRange(pipe.readEnd, f.output, { lengthBytes: 1 })).toBe(-ERRNO.EINVAL);
  using readOnly = openFile("/proc/self/exe", { flags: O_RDONLY });
  expect(trySendFile(f.input, readOnly, { lengthBytes: 1 })).toBe(-ERRNO.EBADF);
  expect(() => copyFileRange(pipe.readEnd, f.output, { lengthBytes: 1 })).toThrow("copy_file_range");
  for (const bad of [-2, 1.5, Number.NaN, 2 ** 53]) {
    expect(() => tryCopyFileRange(f.input, f.output, { lengthBytes: 1, toOffsetBytes: bad })).toThrow(RangeError);
    expect(() => trySendFile(f.input, f.output, { lengthBytes: bad })).toThrow(RangeError);
  }
});

test("splice with offsets reads and writes there and moves no position", () => {
  using f = files();
  using pipe = openPipe();
  expect(splice(f.input, pipe.writeEnd, { lengthBytes: 4000, flags: 0, fromOffsetBytes: 1000 })).toBe(4000);
  expect(spliceExactly(pipe.readEnd, f.output, { lengthBytes: 4000, flags: 0, toOffsetBytes: 96 })).toBe(4000);
  expect([positionOf(f.input), positionOf(f.output), sizeOf(f.output)]).toEqual([0, 0, 4096]);
  expect(
    content(f.output)
      .subarray(96)
      .equals(Buffer.from(f.bytes.bytes.subarray(1000, 5000))),
  ).toBe(true);
});

test("vmsplice gives the pipe the buffers' own pages", () => {
  using pipe = openPipe();
  using one = allocate(4096);
  using two = allocate(4096);
  one.bytes.fill(1);
  two.bytes.fill(2);
  using vectors = new IoVectors(2).add(one).add(two, { lengthBytes: 100 });
  expect(vmsplice(pipe.writeEnd, vectors, { flags: 0 })).toBe(4196);
  one.bytes[0] = 9; // stored after the call, seen by the reader: no copy was made
  using back = allocate(4196);
  expect(readFully(pipe.readEnd, back)).toBe(4196);
  expect([back.bytes[0], back.bytes[1], back.bytes[4096], back.bytes[4195]]).toEqual([9, 1, 2, 2]);
  using f = files();
  expect(tryVmsplice(f.output, vectors, { flags: 0 })).toBe(-ERRNO.EBADF);
});

test("a memfd is a file of its own, without a name in any directory", () => {
  using fd = openMemfd("notes");
  using bytes = allocate(100);
  bytes.bytes.fill(0x6e);
  writeAll(fd, bytes);
  expect(readFileSync(`/proc/self/fd/${fd.number}`).equals(Buffer.alloc(100, 0x6e))).toBe(true);
  const link = Bun.spawnSync(["readlink", `/proc/${process.pid}/fd/${fd.number}`]).stdout.toString();
  expect(link.trim()).toBe("/memfd:notes (deleted)");
  expect(() => openMemfd("x".repeat(250))).toThrow("EINVAL");
});

test("a whole file in one buffer, wherever its position is", () => {
  using f = files();
  seek(f.input, { offsetBytes: 5, whence: SEEK_SET });
  using whole = readWhole(f.input);
  expect([Buffer.from(whole.bytes).equals(Buffer.from(f.bytes.bytes)), positionOf(f.input)]).toEqual([true, 5]);
  using empty = readWhole(f.output);
  expect([empty.lengthBytes, empty.bytes.length]).toEqual([0, 0]);
});
