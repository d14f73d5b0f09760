/** errno and the sentences made of it, against node's own system calls as the second source. */
import { afterAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { AssertionError, assert, checkedNegative, isSyscallError, SyscallError } from "../../src/ops/errors.ts";
import { Fd, setNonblocking } from "../../src/ops/fd.ts";
import { openFile, read, write } from "../../src/ops/file.ts";
import { allocate } from "../../src/ops/memory.ts";
import { openPipe } from "../../src/ops/pipe.ts";
import { truncate, unlink } from "../../src/ops/space.ts";
import { statPath } from "../../src/ops/stat.ts";
import { ERRNO, errno, errnoName, negated } from "../../src/sys/errno.ts";
import { libc } from "../../src/sys/libc.ts";
import * as F from "../../src/sys/uapi/fcntl.ts";

const directory = fs.mkdtempSync(join(tmpdir(), "bytewitness-errors-"));
afterAll(() => fs.rmSync(directory, { recursive: true }));
const file = join(directory, "file");
fs.writeFileSync(file, "x");
fs.symlinkSync("loop", join(directory, "loop"));
fs.mkdirSync(join(directory, "full"));
fs.writeFileSync(join(directory, "full", "entry"), "");
const readOnly = openFile(file, { flags: F.O_RDONLY });
const opened = openFile(directory, { flags: F.O_RDONLY });
const byte = allocate(1);
const EMPTY = Buffer.alloc(1);

/** The same wrong thing by our verbs and by node's. */
const CASES: [string, () => unknown, () => unknown][] = [
  ["ENOENT", () => openFile(join(directory, "no"), { flags: 0 }), () => fs.openSync(join(directory, "no"), "r")],
  ["ENOTDIR", () => openFile(join(file, "x"), { flags: 0 }), () => fs.openSync(join(file, "x"), "r")],
  ["EISDIR", () => openFile(directory, { flags: F.O_WRONLY }), () => fs.openSync(directory, "r+")],
  ["EEXIST", () => openFile(file, { flags: F.O_CREAT | F.O_EXCL }), () => fs.openSync(file, "wx")],
  ["ELOOP", () => openFile(join(directory, "loop"), { flags: 0 }), () => fs.openSync(join(directory, "loop"), "r")],
  ["ENAMETOOLONG", () => openFile("n".repeat(300), { flags: 0 }), () => fs.openSync("n".repeat(300), "r")],
  ["EISDIR", () => read(opened, byte), () => fs.readSync(opened.number, EMPTY)],
  ["EBADF", () => write(readOnly, byte), () => fs.writeSync(readOnly.number, EMPTY)],
  ["EINVAL", () => truncate(readOnly, { lengthBytes: 0 }), () => fs.ftruncateSync(readOnly.number, 0)],
  ["EISDIR", () => unlink(directory), () => fs.unlinkSync(directory)],
  ["ENOENT", () => statPath(join(directory, "no")), () => fs.statSync(join(directory, "no"))],
  ["ENXIO", () => openFile("/dev/tty", { flags: 0 }), () => fs.openSync("/dev/tty", "r")],
  ["EACCES", () => openFile("/proc/self/mem/x", { flags: 0 }), () => fs.openSync("/proc/self/mem/x", "r")],
];

function codeOf(call: () => unknown): { code: string; errno: number } {
  try {
    const got = call();
    if (got instanceof Fd) got.close();
    if (typeof got === "number" && got > 2) fs.closeSync(got);
  } catch (error) {
    const { code, errno } = error as { code: string; errno: number };
    return { code, errno: Math.abs(errno) };
  }
  return { code: "none", errno: 0 };
}

describe("the code and the number are node's", () => {
  test.each(CASES)("%s", (expected, ours, theirs) => {
    const answer = codeOf(ours);
    expect(answer).toEqual(codeOf(theirs));
    // What the machine is may decide these two (a terminal, root); the agreement with node counts.
    if (expected !== "ENXIO" && expected !== "EACCES") expect(answer.code).toBe(expected);
  });
});

test("the table of names is node's", () => {
  const theirs = Object.fromEntries(Object.entries(os.constants.errno).filter(([name]) => name in ERRNO));
  const ours = Object.fromEntries(Object.entries(ERRNO).filter(([name]) => name in theirs));
  expect(Object.keys(ours).length).toBeGreaterThan(60);
  expect(ours).toEqual(theirs as typeof ours);
  expect([errnoName(11), errnoName(512)]).toEqual(["EAGAIN", "errno 512"]);
});

test("errno survives what the runtime does between the call and the look", () => {
  const seen = new Set<number>();
  for (let round = 0; round < 300; round++) {
    expect(libc.close(-1)).toBe(-1);
    const garbage = Array.from({ length: 50 }, (_, i) => ({ i, text: `${i}`.repeat(3) }));
    if (round % 30 === 0) Bun.gc(true);
    JSON.stringify(garbage);
    seen.add(errno());
  }
  expect([...seen]).toEqual([ERRNO.EBADF]);
  expect(negated(libc.dup(-1))).toBe(-ERRNO.EBADF);
  expect(negated(5)).toBe(5);
});

test("a refusal reports the call, its arguments, the code and what to do", () => {
  expect(new SyscallError("open", 2, '"/x", O_RDONLY').message).toBe(
    'open("/x", O_RDONLY): ENOENT (no such file or directory)',
  );
  expect(new SyscallError("write", 28, "/x").message).toBe(
    "write(/x): ENOSPC (no space left on device); free space, or choose a smaller file size",
  );
  expect(new SyscallError("f", 512).message).toBe("f(): errno 512");
  expect(checkedNegative(0, "x")).toBe(0);
  expect(() => checkedNegative(-11, "splice", "a -> b", "wait")).toThrow("splice(a -> b): EAGAIN (would block); wait");
});

test("the three kinds of bad news are distinguished", () => {
  const refusal = new SyscallError("open", ERRNO.EEXIST);
  expect([isSyscallError(refusal), isSyscallError(refusal, "EEXIST"), isSyscallError(refusal, "ENOENT")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isSyscallError(new Error("open"))).toBe(false);
  expect(() => assert(false, "we are wrong")).toThrow(AssertionError);
  expect(isSyscallError(new AssertionError("we are wrong"))).toBe(false);
});

test("a full non-blocking pipe and one without a reader", () => {
  const pipe = openPipe({ nonblocking: true });
  using chunk = allocate(65536);
  expect(write(pipe.writeEnd, chunk)).toBe(65536);
  expect(codeOf(() => write(pipe.writeEnd, chunk))).toEqual({ code: "EAGAIN", errno: 11 });
  setNonblocking(pipe.writeEnd, false);
  pipe.readEnd.close();
  expect(codeOf(() => write(pipe.writeEnd, chunk))).toEqual({ code: "EPIPE", errno: 32 });
  pipe.writeEnd.close();
});
