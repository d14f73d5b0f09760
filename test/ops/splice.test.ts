/** splice(2) and tee(2) move and duplicate bytes exactly, and refuse what the kernel refuses. */
import { expect, test } from "bun:test";
import { unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { isSyscallError } from "../../src/ops/errors.ts";
import { openFile, readFully, writeAll } from "../../src/ops/file.ts";
import { allocate } from "../../src/ops/memory.ts";
import { openPipe, queuedBytes } from "../../src/ops/pipe.ts";
import { socketPair, trySend } from "../../src/ops/socket.ts";
import {
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
  splice,
  spliceExactly,
  tee,
  trySplice,
  tryTee,
} from "../../src/ops/splice.ts";
import { ERRNO } from "../../src/sys/errno.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../src/sys/uapi/fcntl.ts";

const FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

function numbered(lengthBytes: number) {
  const memory = allocate(lengthBytes);
  for (let index = 0; index < lengthBytes; index++) memory.bytes[index] = (index * 7 + 3) & 0xff;
  return memory;
}

test("socket -> pipe -> socket delivers the very bytes", () => {
  const [a, b] = socketPair({ nonblocking: true });
  const [c, d] = socketPair({ nonblocking: true });
  using pipe = openPipe();
  using sent = numbered(5000);
  using got = allocate(5000);
  expect(trySend(a, sent, { lengthBytes: 5000 })).toBe(5000);
  expect(trySplice(b, pipe.writeEnd, { lengthBytes: 65_536, flags: FLAGS })).toBe(5000);
  expect(queuedBytes(pipe.readEnd)).toBe(5000);
  expect(trySplice(pipe.readEnd, c, { lengthBytes: 5000, flags: FLAGS })).toBe(5000);
  expect(readFully(d, got)).toBe(5000);
  expect(Buffer.compare(got.bytes, sent.bytes)).toBe(0);
  for (const fd of [a, b, c, d]) fd.close();
});

test("an empty socket is EAGAIN, a finished one is 0", () => {
  const [a, b] = socketPair({ nonblocking: true });
  using pipe = openPipe();
  expect(trySplice(b, pipe.writeEnd, { lengthBytes: 4096, flags: FLAGS })).toBe(-ERRNO.EAGAIN);
  a.close();
  expect(trySplice(b, pipe.writeEnd, { lengthBytes: 4096, flags: FLAGS })).toBe(0);
  b.close();
});

test("file -> pipe -> file at the descriptors' own positions", () => {
  const paths = ["in", "out"].map((name) => `${tmpdir()}/bytewitness-splice-${process.pid}.${name}`);
  using input = openFile(paths[0] as string, { flags: O_RDWR | O_CREAT | O_EXCL });
  using output = openFile(paths[1] as string, { flags: O_RDWR | O_CREAT | O_EXCL });
  for (const path of paths) unlinkSync(path);
  using bytes = numbered(100_000);
  writeAll(input, bytes);
  using again = openFile(`/proc/self/fd/${input.number}`, { flags: O_RDWR });
  using pipe = openPipe();
  let moved = 0;
  for (;;) {
    const got = splice(again, pipe.writeEnd, { lengthBytes: 65_536, flags: SPLICE_F_MOVE });
    if (got === 0) break;
    moved += spliceExactly(pipe.readEnd, output, { lengthBytes: got, flags: SPLICE_F_MOVE });
  }
  expect(moved).toBe(100_000);
  using check = openFile(`/proc/self/fd/${output.number}`, { flags: O_RDWR });
  using copy = allocate(100_000);
  expect(readFully(check, copy)).toBe(100_000);
  expect(Buffer.compare(copy.bytes, bytes.bytes)).toBe(0);
});

test("tee duplicates from the head and consumes nothing", () => {
  using one = openPipe();
  using two = openPipe();
  using bytes = numbered(3000);
  writeAll(one.writeEnd, bytes);
  expect(tee(one.readEnd, two.writeEnd, { lengthBytes: 2000, flags: 0 })).toBe(2000);
  expect(tryTee(one.readEnd, two.writeEnd, { lengthBytes: 65_536, flags: 0 })).toBe(3000);
  expect([queuedBytes(one.readEnd), queuedBytes(two.readEnd)]).toEqual([3000, 5000]);
  using got = allocate(5000);
  readFully(two.readEnd, got);
  expect(Buffer.compare(got.bytes.subarray(0, 2000), bytes.bytes.subarray(0, 2000))).toBe(0);
  expect(Buffer.compare(got.bytes.subarray(2000), bytes.bytes)).toBe(0);
});

test("two ends without a pipe are EINVAL, with a hint", () => {
  const [a, b] = socketPair({ nonblocking: true });
  let caught: unknown;
  try {
    splice(a, b, { lengthBytes: 10, flags: 0 });
  } catch (error) {
    caught = error;
  }
  expect(isSyscallError(caught, "EINVAL")).toBe(true);
  expect(String(caught)).toContain("one of the two must be a pipe");
  expect(tryTee(a, b, { lengthBytes: 10, flags: 0 })).toBe(-ERRNO.EINVAL);
  a.close();
  b.close();
});

test("lengths and flags are checked before they cross", () => {
  using pipe = openPipe();
  expect(() => splice(pipe.readEnd, pipe.writeEnd, { lengthBytes: -1, flags: 0 })).toThrow(RangeError);
  expect(() => splice(pipe.readEnd, pipe.writeEnd, { lengthBytes: 1, flags: -1 })).toThrow(RangeError);
});
