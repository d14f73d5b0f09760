/** What the kernel reports through our verbs, against coreutils, util-linux and /proc. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monotonicNs, spinUntilTick } from "../../src/ops/clock.ts";
import { duplicate, Fd, setNonblocking, statusFlags } from "../../src/ops/fd.ts";
import {
  IoVectors,
  openFile,
  pathText,
  read,
  readFully,
  tryWrite,
  tryWriteVectors,
  write,
  writeAll,
} from "../../src/ops/file.ts";
import { allocate, MiB } from "../../src/ops/memory.ts";
import { dropCache, fallocate, nextData, sync, touch, truncate, unlink } from "../../src/ops/space.ts";
import { exists, filesystemOf, sizeOf, statFd, statPath } from "../../src/ops/stat.ts";
import { libc } from "../../src/sys/libc.ts";
import * as F from "../../src/sys/uapi/fcntl.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-stat-"));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);
const create = (name: string, flags = 0) => openFile(path(name), { flags: F.O_RDWR | F.O_CREAT | F.O_EXCL | flags });

function output(...command: string[]): string {
  const ended = Bun.spawnSync(command);
  expect(ended.stderr.toString()).toBe("");
  return ended.stdout.toString().trim();
}

describe("statx against stat(1)", () => {
  const asked = (place: string) => output("stat", "-L", "-c", "%s %b %f %i %u %Hd %Ld %W", place).split(" ");

  test.each(["/", "/dev/null", "/etc/passwd", "/dev/shm", process.execPath])("%s", (place) => {
    const ours = statPath(place);
    const [size, blocks, mode, inode, uid, major, minor, born] = asked(place);
    // stat(1) prints 0 where no birth time is kept.
    expect(Number((ours.bornNs ?? 0n) / 1_000_000_000n)).toBe(Number(born));
    expect({ ...ours, mtimeNs: 0n, bornNs: undefined, kind: "" }).toEqual({
      sizeBytes: Number(size),
      allocatedBytes: Number(blocks) * 512,
      mode: Number.parseInt(mode ?? "", 16),
      inode: Number(inode),
      uid: Number(uid),
      mtimeNs: 0n,
      bornNs: undefined,
      device: `${major}:${minor}`,
      kind: "",
    });
  });

  // /proc/self of the child is another process: compare what does not depend on it.
  test("/proc/self/status", () => {
    const ours = statPath("/proc/self/status");
    const [, , mode, , uid] = asked("/proc/self/status");
    expect([ours.mode, ours.uid]).toEqual([Number.parseInt(mode ?? "", 16), Number(uid)]);
  });

  // Others may touch what is in /dev between the two looks.
  test.each(["/etc/passwd", process.execPath])("%s: mtime", (place) => {
    const ours = statPath(place);
    const [seconds, nanoseconds] = output("stat", "-L", "-c", "%.9Y", place).split(".");
    expect(ours.mtimeNs).toBe(BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(nanoseconds ?? 0));
  });

  test("kinds", () => {
    Bun.spawnSync(["mkfifo", path("fifo")]);
    const kinds = ["/", "/dev/null", path("fifo"), process.execPath].map((place) => statPath(place).kind);
    expect(kinds).toEqual(["directory", "character-device", "pipe", "file"]);
  });

  test("a sparse file beyond 2^32: size and allocation", () => {
    using file = create("sparse");
    using block = allocate(8192);
    block.bytes.fill(1);
    write(file, block, { offsetBytes: 2 ** 33 + 4096 });
    sync(file);
    const [size, blocks] = output("stat", "-c", "%s %b", path("sparse")).split(" ").map(Number);
    expect([sizeOf(file), statFd(file).allocatedBytes]).toEqual([size, (blocks ?? 0) * 512] as number[]);
    expect(size).toBe(2 ** 33 + 4096 + 8192);
  });
});

describe("filesystemOf against stat -f and findmnt", () => {
  const places = ["/", "/dev/shm", "/proc", directory];

  test.each(places)("the size of %s", (place) => {
    const [blocks, blockBytes] = output("stat", "-f", "-c", "%b %S", place).split(" ").map(Number);
    expect(filesystemOf(place).capacityBytes).toBe((blocks ?? 0) * (blockBytes ?? 0));
  });

  test.each(places)("the mount of %s", (place) => {
    const { type, mountPoint } = filesystemOf(place);
    const ended = Bun.spawnSync(["findmnt", "-n", "-o", "FSTYPE,TARGET", "-T", place]);
    const [knownType, target] = ended.stdout.toString().trim().split(/\s+/);
    // In a chroot whose root is not a mount point no tool sees the mount that holds it: then ours must not invent one.
    if (ended.exitCode === 0) expect([type, mountPoint]).toEqual([knownType, target] as [string, string]);
    else expect(mountPoint).toBeUndefined();
  });

  test("a path that is not there", () => {
    expect(() => filesystemOf("/nonexistent")).toThrow("ENOENT");
  });
});

test("exists: yes, no, and a path that runs through a file", () => {
  expect([exists("/dev/null"), exists("/nonexistent"), exists("/dev/null/x")]).toEqual([true, false, false]);
  expect(() => exists("x".repeat(5000))).toThrow("ENAMETOOLONG");
});

test("nextData against known writes; fallocate and truncate", () => {
  using file = create("holes");
  using block = allocate(4096);
  block.bytes.fill(0x55);
  for (const at of [1, 2, 100]) write(file, block, { offsetBytes: at * MiB });
  truncate(file, { lengthBytes: 200 * MiB });
  const found: [number, number][] = [];
  for (let at = 0; ; ) {
    const range = nextData(file, { offsetBytes: at });
    if (range === undefined) break;
    found.push([range.offsetBytes, range.lengthBytes]);
    at = range.offsetBytes + range.lengthBytes;
  }
  expect(found).toEqual([1, 2, 100].map((at) => [at * MiB, 4096]));
  expect(nextData(file, { offsetBytes: 300 * MiB })).toBeUndefined();
  fallocate(file, { offsetBytes: 2 * MiB, lengthBytes: 4096, mode: F.FALLOC_FL_PUNCH_HOLE | F.FALLOC_FL_KEEP_SIZE });
  expect(nextData(file, { offsetBytes: MiB + 4096 })?.offsetBytes).toBe(100 * MiB);
  expect(sizeOf(file)).toBe(200 * MiB);
  fallocate(file, { offsetBytes: 0, lengthBytes: 201 * MiB, mode: 0 });
  expect(sizeOf(file)).toBe(201 * MiB);
});

test("statusFlags against /proc/self/fdinfo", () => {
  using file = create("flags", F.O_APPEND);
  const fromProc = () =>
    Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${file.number}`, "utf8"))?.[1] ?? "", 8);
  const O_LARGEFILE = 0o100000;
  const seen = () => [statusFlags(file) & ~O_LARGEFILE, fromProc() & ~F.O_CLOEXEC & ~O_LARGEFILE];
  expect(seen()).toEqual([F.O_RDWR | F.O_APPEND, F.O_RDWR | F.O_APPEND]);
  expect(fromProc() & F.O_CLOEXEC).toBe(F.O_CLOEXEC);
  setNonblocking(file, true);
  expect(seen()).toEqual(Array(2).fill(F.O_RDWR | F.O_APPEND | F.O_NONBLOCK));
  setNonblocking(file, false);
  expect(seen()).toEqual(Array(2).fill(F.O_RDWR | F.O_APPEND));
});

test("a descriptor closes once; a number that was given to somebody else stays open", () => {
  const file = openFile("/dev/null", { flags: F.O_RDONLY });
  const number = file.number;
  const second = duplicate(file);
  file.close();
  using other = openFile("/dev/null", { flags: F.O_RDONLY });
  expect(other.number).toBe(number);
  file.close();
  file[Symbol.dispose]();
  expect(statFd(other).kind).toBe("character-device");
  expect(() => file.number).toThrow("/dev/null was used after it was closed");
  const given = second.release();
  expect(second.closed).toBe(true);
  expect(libc.close(given)).toBe(0);
  expect(() => new Fd(-1, "x")).toThrow(RangeError);
});

test("writes and reads are what another program sees, with O_APPEND too", () => {
  using file = create("append", F.O_APPEND);
  using text = allocate(10);
  text.bytes.set(Buffer.from("0123456789"));
  writeAll(file, text);
  expect(tryWrite(file, text, { bufferOffsetBytes: 2, lengthBytes: 3 })).toBe(3);
  using list = new IoVectors(2).add(text, { lengthBytes: 1 }).add(text, { bufferOffsetBytes: 9 });
  expect(tryWriteVectors(file, list, { flags: F.RWF_APPEND })).toBe(2);
  expect(readFileSync(path("append"), "latin1")).toBe("012345678923409");
  using back = allocate(32);
  expect([read(file, back), read(file, back, { offsetBytes: 10 }), readFully(file, back)]).toEqual([0, 5, 0]);
  expect(() => tryWriteVectors(file, list, { flags: -1 })).toThrow(RangeError);
  sync(file, { dataOnly: true });
  dropCache(file);
  expect(read(file, back, { offsetBytes: 0 })).toBe(15);
});

test("names that are not UTF-8 reach the disk as they are", () => {
  const name = Buffer.concat([Buffer.from(directory), Buffer.from([0x2f, 0x66, 0xff, 0xfe, 0x20, 0x67])]);
  openFile(name, { flags: F.O_CREAT | F.O_EXCL | F.O_WRONLY }).close();
  expect(output("find", directory, "-name", "f*g", "-printf", "%f").length).toBeGreaterThan(0);
  expect(pathText(name)).toBe(`${directory}/f\\xff\\xfe g`);
  expect(exists(name)).toBe(true);
  unlink(name);
  expect(exists(name)).toBe(false);
});

test("clocks: monotonic time moves on, a tick is found, touch sets the time", () => {
  const [first, second] = [monotonicNs(), monotonicNs()];
  expect(second).toBeGreaterThanOrEqual(first);
  expect(Math.abs(monotonicNs() / 1e9 - Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]))).toBeLessThan(1);
  expect(spinUntilTick()).toBeLessThan(50e6);
  using file = create("touched");
  const before = statFd(file).mtimeNs;
  // The clock of mtime moves on with the timer tick.
  spinUntilTick();
  touch(file);
  expect(Number(statFd(file).mtimeNs - before)).toBeGreaterThan(0);
});
