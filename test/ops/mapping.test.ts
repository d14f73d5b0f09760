/** Mappings of files against read(2) and write(2) of the same file. */
import { expect, test } from "bun:test";
import { openFile, readAt, writeAt } from "../../src/ops/file.ts";
import { mapFile } from "../../src/ops/mapping.ts";
import { allocate } from "../../src/ops/memory.ts";
import { namelessFile } from "../../src/ops/mount.ts";
import { truncate } from "../../src/ops/space.ts";
import { O_RDONLY } from "../../src/sys/uapi/fcntl.ts";

test("stores are seen by pread, writes are seen in the mapping, and closed mappings refuse", () => {
  using file = namelessFile("/tmp");
  truncate(file, 8192);
  using buffer = allocate(8);
  const mapping = mapFile(file, { lengthBytes: 4096, offsetBytes: 4096 });
  mapping.bytes.set([1, 2, 3], 5);
  expect(readAt(file, buffer, 4096)).toBe(8);
  expect([...buffer.bytes]).toEqual([0, 0, 0, 0, 0, 1, 2, 3]);
  buffer.bytes.fill(9);
  writeAt(file, buffer, 4096);
  expect([...mapping.bytes.subarray(0, 9)]).toEqual([9, 9, 9, 9, 9, 9, 9, 9, 0]);
  mapping[Symbol.dispose]();
  mapping[Symbol.dispose]();
  expect(() => mapping.bytes).toThrow("used after it was closed");
});

test("refusals carry the call and the file", () => {
  using file = openFile("/proc/self/exe", O_RDONLY);
  expect(() => mapFile(file, { lengthBytes: 4096 })).toThrow(/mmap\(.*MAP_SHARED\): EACCES/);
  expect(() => mapFile(file, { lengthBytes: 4096, offsetBytes: 1 })).toThrow("EINVAL");
});
