/** File offsets: the file position, the end of the file, beyond 2^32 and 2^53, by plain calls and by io_uring. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SyscallError } from "../../src/ops/errors.ts";
import type { Fd } from "../../src/ops/fd.ts";
import { IoVectors, openFile, read, tryWriteVectors, write } from "../../src/ops/file.ts";
import { AT_FILE_POSITION } from "../../src/ops/integers.ts";
import { allocate, type Memory } from "../../src/ops/memory.ts";
import * as sqe from "../../src/ops/ring/request.ts";
import { Ring } from "../../src/ops/ring/ring.ts";
import { nextData, seek, truncate } from "../../src/ops/space.ts";
import { sizeOf } from "../../src/ops/stat.ts";
import * as F from "../../src/sys/uapi/fcntl.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-offsets-"));
afterAll(() => rmSync(directory, { recursive: true }));

let count = 0;
const fresh = (flags = 0): Fd =>
  openFile(join(directory, `${count++}`), { flags: F.O_RDWR | F.O_CREAT | F.O_EXCL | flags });

const ring = new Ring();
afterAll(() => ring[Symbol.dispose]());

/** The four ways to write at an offset; each returns the count or -errno. */
const WRITERS: Record<string, (fd: Fd, memory: Memory, offsetBytes: number) => number> = {
  write: (fd, memory, offsetBytes) => {
    try {
      return write(fd, memory, { offsetBytes });
    } catch (error) {
      if (error instanceof SyscallError) return -error.errno;
      throw error;
    }
  },
  pwritev2: (fd, memory, offsetBytes) => {
    using list = new IoVectors(1).add(memory);
    return tryWriteVectors(fd, list, { offsetBytes });
  },
  "ring write": (fd, memory, offsetBytes) => ring.run(sqe.write(fd, memory, { offsetBytes })),
  "ring writev": (fd, memory, offsetBytes) => {
    using list = new IoVectors(1).add(memory);
    return ring.run(sqe.writev(fd, list, { offsetBytes }));
  },
};

function bytesAt(fd: Fd, offsetBytes: number, lengthBytes: number): string {
  using memory = allocate(lengthBytes);
  memory.bytes.fill(0);
  return Buffer.from(memory.bytes.subarray(0, read(fd, memory, { offsetBytes }))).toString("latin1");
}

/** The largest offset at which this file system takes a byte: found by halving, with the plain call. */
function offsetMax(): number {
  using fd = fresh();
  using one = allocate(1);
  const takes = (offsetBytes: number) => (WRITERS.write as (typeof WRITERS)["x"])?.(fd, one, offsetBytes) === 1;
  let low = 0;
  let high = Number.MAX_SAFE_INTEGER;
  if (takes(high)) return high;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (takes(middle)) low = middle;
    else high = middle;
    truncate(fd, { lengthBytes: 0 });
  }
  return low;
}

const TEXT = "ABCDEFGH";

function textMemory(): Memory {
  const memory = allocate(8);
  memory.bytes.set(Buffer.from(TEXT));
  return memory;
}

describe.each(Object.keys(WRITERS))("%s", (name) => {
  const writeBy = WRITERS[name] as (fd: Fd, memory: Memory, offsetBytes: number) => number;
  const memory = textMemory();

  test.each([0, 7, 2 ** 31 - 4, 2 ** 31, 2 ** 32 - 4, 2 ** 32, 2 ** 33 + 8, 2 ** 40 + 12345])(
    "lands at %i and nowhere else",
    (offsetBytes) => {
      using fd = fresh();
      expect(writeBy(fd, memory, offsetBytes)).toBe(8);
      expect(sizeOf(fd)).toBe(offsetBytes + 8);
      expect(bytesAt(fd, offsetBytes, 16)).toBe(TEXT);
      expect(seek(fd, { offsetBytes: 0, whence: F.SEEK_CUR })).toBe(0);
      // Nothing before it: the first data is in the block that holds the offset.
      expect(nextData(fd, { offsetBytes: 0 })?.offsetBytes).toBe(Math.floor(offsetBytes / 4096) * 4096);
    },
  );

  test("the last offset of the file system works, beyond it is EFBIG, near 2^53 too", () => {
    const last = offsetMax();
    expect(last).toBeGreaterThan(2 ** 40);
    using fd = fresh();
    using one = allocate(1);
    expect(writeBy(fd, one, last)).toBe(1);
    expect(sizeOf(fd)).toBe(last + 1);
    if (last === Number.MAX_SAFE_INTEGER) return;
    expect(writeBy(fd, one, last + 1)).toBe(-27);
    expect(writeBy(fd, one, Number.MAX_SAFE_INTEGER)).toBe(-27);
    expect(sizeOf(fd)).toBe(last + 1);
  });

  test("a value that is not an offset never crosses", () => {
    using fd = fresh();
    const bad = [Number.NaN, 0.5, -2, -(2 ** 31), 2 ** 53, Number.POSITIVE_INFINITY, "8", {}];
    for (const offset of bad as number[]) expect(() => writeBy(fd, memory, offset)).toThrow(RangeError);
    expect(sizeOf(fd)).toBe(0);
  });

  test("with O_APPEND an explicit offset is ignored", () => {
    using fd = fresh(F.O_APPEND);
    write(fd, memory);
    expect(writeBy(fd, memory, 0)).toBe(8);
    expect(sizeOf(fd)).toBe(16);
  });
});

describe.each(Object.keys(WRITERS))("%s at AT_FILE_POSITION", (name) => {
  const writeBy = WRITERS[name] as (fd: Fd, memory: Memory, offsetBytes: number) => number;
  const memory = textMemory();

  test("AT_FILE_POSITION writes at the position and moves it", () => {
    using fd = fresh();
    seek(fd, { offsetBytes: 100, whence: F.SEEK_SET });
    expect(writeBy(fd, memory, AT_FILE_POSITION)).toBe(8);
    expect(writeBy(fd, memory, AT_FILE_POSITION)).toBe(8);
    expect([sizeOf(fd), seek(fd, { offsetBytes: 0, whence: F.SEEK_CUR })]).toEqual([116, 116]);
    expect(bytesAt(fd, 100, 32)).toBe(TEXT.repeat(2));
  });

  test("with O_APPEND, AT_FILE_POSITION is the end, also beyond 2^32", () => {
    using fd = fresh(F.O_APPEND);
    truncate(fd, { lengthBytes: 2 ** 33 + 3 });
    expect(writeBy(fd, memory, AT_FILE_POSITION)).toBe(8);
    expect(sizeOf(fd)).toBe(2 ** 33 + 11);
    expect(bytesAt(fd, 2 ** 33 + 3, 16)).toBe(TEXT);
  });
});

test("lseek and its callers refuse a value that is not an offset", () => {
  using fd = fresh();
  for (const bad of [Number.NaN, 0.5, undefined, "1", 2 ** 53] as number[]) {
    expect(() => seek(fd, { offsetBytes: bad, whence: F.SEEK_SET })).toThrow(RangeError);
    expect(() => nextData(fd, { offsetBytes: bad })).toThrow(RangeError);
    expect(() => truncate(fd, { lengthBytes: bad })).toThrow(RangeError);
  }
  expect(() => seek(fd, { offsetBytes: -1, whence: F.SEEK_SET })).toThrow("EINVAL");
});
