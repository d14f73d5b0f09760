/** Mappings against read(2) and write(2) of the same file, and against /proc/self/smaps and /proc/self/maps. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFile, read, tryWrite, write } from "../../src/ops/file.ts";
import * as mapping from "../../src/ops/mapping.ts";
import { allocate, KiB, MiB } from "../../src/ops/memory.ts";
import { namelessFile } from "../../src/ops/mount.ts";
import { truncate } from "../../src/ops/space.ts";
import { O_RDONLY } from "../../src/sys/uapi/fcntl.ts";
import * as M from "../../src/sys/uapi/mman.ts";

const { madvise, mapAnonymous, mapFile, mprotect, mremap, msync, munmap, residentPages, tryMadvise } = mapping;
const PAGE = 4096;
const PRIVATE_RESERVE = M.MAP_PRIVATE | M.MAP_NORESERVE;

/** The areas of /proc/self/smaps that lie in a mapping, with their fields in bytes: the kernel's own account. */
function areas(of: { address: number; lengthBytes: number }): { line: string; fields: Record<string, string> }[] {
  const found: { line: string; fields: Record<string, string> }[] = [];
  let inside = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) {
      const [from, to] = [Number.parseInt(range[1] as string, 16), Number.parseInt(range[2] as string, 16)];
      inside = from < of.address + of.lengthBytes && to > of.address;
      if (inside) found.push({ line: line.slice(range[0].length), fields: {} });
      continue;
    }
    const [name = "", value = ""] = line.split(/:\s*/);
    if (inside) (found.at(-1) as { fields: Record<string, string> }).fields[name] = value;
  }
  return found;
}

describe("mapFile", () => {
  test("stores are seen by pread, writes are seen in the mapping", () => {
    using file = namelessFile(tmpdir());
    truncate(file, { lengthBytes: 8192 });
    using buffer = allocate(8);
    using mapped = mapFile(file, { lengthBytes: PAGE, offsetBytes: PAGE });
    mapped.bytes.set([1, 2, 3], 5);
    expect(read(file, buffer, { offsetBytes: 4096 })).toBe(8);
    expect([...buffer.bytes]).toEqual([0, 0, 0, 0, 0, 1, 2, 3]);
    buffer.bytes.fill(9);
    write(file, buffer, { offsetBytes: 4096 });
    expect([...mapped.bytes.subarray(0, 9)]).toEqual([9, 9, 9, 9, 9, 9, 9, 9, 0]);
    msync(mapped);
    expect(areas(mapped)[0]?.line).toStartWith(`rw-s ${PAGE.toString(16).padStart(8, "0")} `);
  });

  test("a private mapping keeps its stores to itself", () => {
    using file = namelessFile(tmpdir());
    truncate(file, { lengthBytes: PAGE });
    using mapped = mapFile(file, { lengthBytes: PAGE, flags: M.MAP_PRIVATE });
    mapped.bytes.fill(7);
    using buffer = allocate(PAGE);
    expect(read(file, buffer, { offsetBytes: 0 })).toBe(PAGE);
    expect(buffer.bytes.every((byte) => byte === 0)).toBe(true);
  });

  test("refusals carry the call and the file", () => {
    using file = openFile("/proc/self/exe", { flags: O_RDONLY });
    expect(() => mapFile(file, { lengthBytes: PAGE })).toThrow(/mmap\(.*flags 0x1\): EACCES/);
    expect(() => mapFile(file, { lengthBytes: PAGE, offsetBytes: 1 })).toThrow("EINVAL");
    expect(() => mapFile(file, { lengthBytes: PAGE, flags: M.MAP_FIXED })).toThrow("place");
    expect(() => mapFile(file, { lengthBytes: -1 })).toThrow("lengthBytes");
  });
});

describe("after release", () => {
  test("nothing reaches the memory: bytes throw, kept views are empty", () => {
    const mapped = mapAnonymous({ lengthBytes: MiB });
    const kept = mapped.bytes;
    const part = mapped.view({ offsetBytes: PAGE, lengthBytes: 8 });
    kept.fill(5);
    expect(part[0]).toBe(5);
    mapped[Symbol.dispose]();
    mapped[Symbol.dispose]();
    expect(areas(mapped)).toEqual([]);
    expect([kept.length, kept[0], part.length]).toEqual([0, undefined as unknown as number, 0]);
    expect(() => mapped.bytes).toThrow("was used after it was released");
    expect(() => mapped.at(0)).toThrow("was used after it was released");
    expect(() => madvise(mapped, { advice: M.MADV_DONTNEED })).toThrow("was used after it was released");
    expect(() => mremap(mapped, { lengthBytes: PAGE })).toThrow("was used after it was released");
    using file = namelessFile(tmpdir());
    expect(() => write(file, mapped)).toThrow("was used after it was released");
  });

  test("a view of memory without access is detached without being read", () => {
    const mapped = mapAnonymous({ lengthBytes: 64 * MiB, protection: M.PROT_NONE, flags: PRIVATE_RESERVE });
    const kept = mapped.bytes;
    expect(kept.length).toBe(64 * MiB);
    mapped[Symbol.dispose]();
    expect(kept.length).toBe(0);
  });

  test("a mapping that the kernel still uses is not unmapped", () => {
    const mapped = mapAnonymous({ lengthBytes: PAGE });
    mapped.pin();
    expect(() => mapped[Symbol.dispose]()).toThrow("still uses");
    expect(() => mremap(mapped, { lengthBytes: 2 * PAGE })).toThrow("still uses");
    mapped.bytes[0] = 1;
    mapped.unpin();
    mapped[Symbol.dispose]();
    expect(areas(mapped)).toEqual([]);
  });
});

describe("mapAnonymous", () => {
  test("is zero, costs what was touched, and mincore agrees with smaps", () => {
    using mapped = mapAnonymous({ lengthBytes: 8 * MiB });
    madvise(mapped, { advice: M.MADV_NOHUGEPAGE });
    expect(residentPages(mapped)).toBe(0);
    for (let page = 0; page < 10; page += 1) mapped.bytes[page * PAGE] = 1;
    expect(residentPages(mapped)).toBe(10);
    expect(areas(mapped)[0]?.fields.Rss).toBe("40 kB");
    madvise(mapped, { advice: M.MADV_DONTNEED });
    expect(residentPages(mapped)).toBe(0);
    expect(mapped.bytes[PAGE]).toBe(0);
    madvise(mapped, { advice: M.MADV_MERGEABLE });
    expect(areas(mapped)[0]?.fields.VmFlags).toMatch(/\bmg\b.*\bnh\b|\bnh\b.*\bmg\b/);
  });

  test("advice that this mapping cannot take: an error, or its number", () => {
    using mapped = mapAnonymous({ lengthBytes: PAGE });
    expect(() => madvise(mapped, { advice: 12_345 })).toThrow(/madvise\(.*advice 12345\): EINVAL/);
    expect(tryMadvise(mapped, { advice: 12_345 })).toBe(-22);
    expect(() => madvise(mapped, { advice: M.MADV_FREE, offsetBytes: 0, lengthBytes: 2 * PAGE })).toThrow(
      "outside a mapping",
    );
  });
});

test("mprotect: a call that meets a page without access stops there; smaps shows both halves", () => {
  using mapped = mapAnonymous({ lengthBytes: 2 * PAGE });
  mapped.bytes.fill(3);
  mprotect(mapped, { protection: M.PROT_NONE, offsetBytes: PAGE, lengthBytes: PAGE });
  expect(areas(mapped).map(({ line }) => line.slice(0, 4))).toEqual(["rw-p", "---p"]);
  using file = namelessFile(tmpdir());
  expect(write(file, mapped)).toBe(PAGE);
  expect(tryWrite(file, mapped, { bufferOffsetBytes: PAGE, lengthBytes: 8 })).toBe(-14);
  expect(mapped.view({ offsetBytes: 0, lengthBytes: PAGE })[PAGE - 1]).toBe(3);
  expect(() => mprotect(mapped, { protection: M.PROT_NONE, offsetBytes: 1, lengthBytes: 1 })).toThrow("EINVAL");
});

test("munmap that fails leaves the mapping as it was; a part of a page is refused", () => {
  using mapped = mapAnonymous({ lengthBytes: 4 * PAGE });
  expect(() => munmap(mapped, { offsetBytes: 100, lengthBytes: PAGE })).toThrow("EINVAL");
  expect(() => munmap(mapped, { offsetBytes: 0, lengthBytes: 100 })).toThrow("munmap takes whole pages");
  mapped.bytes.fill(7);
  expect(mapped.bytes.every((byte) => byte === 7)).toBe(true);
});

test("munmap of the middle: the ends stay, the middle is refused, dispose takes only what is left", () => {
  const mapped = mapAnonymous({ lengthBytes: 3 * PAGE });
  mapped.bytes.fill(1);
  munmap(mapped, { offsetBytes: PAGE, lengthBytes: PAGE });
  expect(areas(mapped).length).toBe(2);
  expect(() => mapped.bytes).toThrow("were unmapped");
  expect(() => mapped.at(PAGE, 1)).toThrow("were unmapped");
  expect(mapped.view({ offsetBytes: 2 * PAGE, lengthBytes: PAGE })[0]).toBe(1);
  mapped[Symbol.dispose]();
  expect(areas(mapped)).toEqual([]);
});

describe("mremap", () => {
  test("grows and moves with its bytes; the old mapping is gone", () => {
    using mapped = mapAnonymous({ lengthBytes: PAGE });
    mapped.bytes.fill(8);
    const old = mapped.bytes;
    using grown = mremap(mapped, { lengthBytes: 64 * KiB });
    expect(old.length).toBe(0);
    expect([grown.bytes[PAGE - 1], grown.bytes[PAGE]]).toEqual([8, 0]);
    expect(() => mapped.bytes).toThrow("was used after it was released");
    expect(() => mremap(grown, { lengthBytes: PAGE, flags: M.MREMAP_FIXED })).toThrow("place");
  });

  test("to a place inside a reservation, which gives those pages away", () => {
    using reserved = mapAnonymous({ lengthBytes: 8 * PAGE, protection: M.PROT_NONE, flags: PRIVATE_RESERVE });
    using mapped = mapAnonymous({ lengthBytes: 2 * PAGE });
    mapped.bytes.fill(6);
    using moved = mremap(mapped, { lengthBytes: 2 * PAGE, place: { over: reserved, offsetBytes: 4 * PAGE } });
    expect(moved.address).toBe(reserved.address + 4 * PAGE);
    expect(moved.bytes.every((byte) => byte === 6)).toBe(true);
    expect(() => reserved.at(4 * PAGE, 1)).toThrow("were unmapped");
    reserved[Symbol.dispose]();
    expect(moved.bytes[0]).toBe(6);
    expect(areas(moved)[0]?.line).toStartWith("rw-p");
    expect(() => mremap(moved, { lengthBytes: PAGE, place: { over: reserved, offsetBytes: 0 } })).toThrow("released");
  });

  test("MREMAP_DONTUNMAP leaves the old mapping, empty", () => {
    using mapped = mapAnonymous({ lengthBytes: PAGE });
    mapped.bytes.fill(4);
    using moved = mremap(mapped, { lengthBytes: PAGE, flags: M.MREMAP_MAYMOVE | M.MREMAP_DONTUNMAP });
    expect([moved.bytes[9], mapped.bytes[9]]).toEqual([4, 0]);
  });
});
