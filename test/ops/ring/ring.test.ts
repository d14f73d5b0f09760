/** The ring under stress: full queues, overflow, dropped handles, disposal with requests in flight. */
import { expect, test } from "bun:test";
import type { Fd } from "../../../src/ops/fd.ts";
import { openFile, read, write } from "../../../src/ops/file.ts";
import { AT_FILE_POSITION } from "../../../src/ops/integers.ts";
import { allocate, type Memory } from "../../../src/ops/memory.ts";
import { openPipe, queuedBytes } from "../../../src/ops/pipe.ts";
import { POLLIN } from "../../../src/ops/poll.ts";
import type { Request } from "../../../src/ops/ring/request.ts";
import * as sqe from "../../../src/ops/ring/request.ts";
import { Ring } from "../../../src/ops/ring/ring.ts";
import { O_APPEND, O_DIRECTORY, O_RDWR, O_TMPFILE } from "../../../src/sys/uapi/fcntl.ts";
import type { SqeFlags } from "../../../src/sys/uapi/flags.ts";
import { IOSQE_IO_LINK } from "../../../src/sys/uapi/io_uring.ts";
import { childValue } from "../child.ts";

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

test("more requests than entries: what finds no room is parked until the submit, every tag comes once", () => {
  using ring = new Ring({ entries: 4, completionEntries: 256 });
  const ready: boolean[] = [];
  for (const tag of range(200)) {
    ring.queue(sqe.nop(), { tag });
    ready.push(ring.full);
  }
  expect(ready.slice(0, 8)).toEqual([false, false, false, true, true, true, true, true]);
  expect(ring.completions()).toEqual([]);
  ring.submitAndWait(200);
  const found = ring.completions();
  expect(found.map(({ tag }) => tag).sort((a, b) => a - b)).toEqual(range(200));
  expect(found.every(({ name, result }) => name === "nop" && result === 0)).toBe(true);
  expect(ring.inFlight).toBe(0);
});

test.each([1000, 5000])("%i nops through a completion queue of 4: none is lost, none comes twice", (count) => {
  using ring = new Ring({ entries: 4, completionEntries: 4 });
  for (const tag of range(count)) ring.queue(sqe.nop(), { tag });
  ring.submit();
  const tags: number[] = [];
  while (ring.inFlight > 0) {
    ring.submitAndWait(1);
    tags.push(...ring.completions().map(({ tag }) => tag));
  }
  expect(tags.sort((a, b) => a - b)).toEqual(range(count));
});

test("completions beyond the queue are fetched from the kernel without waiting", () => {
  using ring = new Ring({ entries: 4, completionEntries: 4 });
  for (const tag of range(100)) ring.queue(sqe.nop(), { tag });
  ring.submit();
  expect(
    ring
      .completions()
      .map(({ tag }) => tag)
      .sort((a, b) => a - b),
  ).toEqual(range(100));
});

test("overflow of completions that come by themselves: 64 polls in a completion queue of 4", () => {
  using ring = new Ring({ entries: 4, completionEntries: 4 });
  using pipe = openPipe();
  for (const tag of range(64)) ring.queue(sqe.pollAdd(pipe.readEnd, { events: POLLIN }), { tag });
  ring.submit();
  expect(ring.completions()).toEqual([]);
  using one = allocate(1);
  ring.queue(sqe.write(pipe.writeEnd, one, { offsetBytes: AT_FILE_POSITION }), { tag: 64 });
  ring.submit();
  const found = new Map<number, number>();
  while (ring.inFlight > 0) {
    ring.submitAndWait(1);
    for (const { tag, result } of ring.completions()) {
      expect(found.has(tag)).toBe(false);
      found.set(tag, result);
    }
  }
  expect([...found.keys()].sort((a, b) => a - b)).toEqual(range(65));
  expect(new Set(found.values())).toEqual(new Set([POLLIN]));
});

test("indices wrap: 300,000 requests through 8 entries", () => {
  using ring = new Ring({ entries: 8 });
  let sum = 0;
  for (let round = 0; round < 37_500; round++) {
    for (let i = 0; i < 8; i++) ring.queue(sqe.nop(), { tag: i });
    ring.submitAndWait(8);
    for (const { tag } of ring.completions()) sum += tag;
  }
  expect(sum).toBe(37_500 * 28);
});

test("linked writes are carried out in order, into the right places", () => {
  using file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR | O_APPEND, mode: 0o600 });
  using ring = new Ring({ entries: 8 });
  using memory = allocate(3);
  memory.bytes.set(Buffer.from("abc"));
  for (const at of range(3)) {
    const flags = at < 2 ? IOSQE_IO_LINK : 0;
    const part = { offsetBytes: AT_FILE_POSITION, bufferOffsetBytes: at, lengthBytes: 1 };
    ring.queue(sqe.write(file, memory, part), { tag: at, flags });
  }
  ring.submitAndWait(3);
  expect(ring.completions().map(({ tag, result }) => [tag, result])).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
  ]);
  using back = allocate(8);
  expect(Buffer.from(back.bytes.subarray(0, read(file, back, { offsetBytes: 0 }))).toString()).toBe("abc");
});

/** What a file holds after writes of one letter each. */
function lettersIn(file: Fd): string {
  using back = allocate(256);
  return Buffer.from(back.bytes.subarray(0, read(file, back, { offsetBytes: 0 }))).toString();
}

/** Writes of one letter each, appended in the order in which the kernel carries them out. */
function letterWrites(file: Fd, text: string, memory: Memory) {
  memory.bytes.set(Buffer.from(text));
  return Array.from(text, (_, at) =>
    sqe.write(file, memory, { offsetBytes: AT_FILE_POSITION, bufferOffsetBytes: at, lengthBytes: 1 }),
  );
}

test.each([0, 1, 2, 3, 4])("a chain that a nearly full queue would cut stays whole (%i before it)", (before) => {
  using file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR | O_APPEND, mode: 0o600 });
  using ring = new Ring({ entries: 4 });
  using memory = allocate(8);
  using directory = openFile("/tmp", { flags: O_DIRECTORY });
  for (const tag of range(before)) ring.queue(sqe.nop(), { tag: 100 + tag });
  // The first link fails: whatever is linked behind it must be cancelled, wherever the queue ended.
  const [first, second, third] = letterWrites(file, "abc", memory);
  const failing = sqe.read(directory, memory, { offsetBytes: 0 });
  ring.queueChain([
    { request: failing, tag: 0 },
    ...[first, second, third].map((request, at) => ({ request: request as Request, tag: at + 1 })),
  ]);
  ring.submitAndWait(before + 4);
  const results = new Map(ring.completions().map(({ tag, result }) => [tag, result]));
  expect([0, 1, 2, 3].map((tag) => results.get(tag))).toEqual([-21, -125, -125, -125]);
  expect(lettersIn(file)).toBe("");
  expect(ring.inFlight).toBe(0);
});

test("chains queued with IOSQE_IO_LINK one by one are not cut either", () => {
  using file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR | O_APPEND, mode: 0o600 });
  using ring = new Ring({ entries: 4, completionEntries: 64 });
  using memory = allocate(32);
  const text = "abcdefghijklmnopqrstuvwx";
  for (const [at, request] of letterWrites(file, text, memory).entries()) {
    ring.queue(request, { tag: at, flags: at % 3 < 2 ? IOSQE_IO_LINK : (0 as SqeFlags) });
  }
  ring.submitAndWait(text.length);
  expect(ring.completions().map(({ result }) => result)).toEqual(range(text.length).map(() => 1));
  // Each chain in its own order; between chains the kernel has none, where a write leaves for a worker (ext4).
  const written = lettersIn(file);
  expect([...written].sort().join("")).toBe(text);
  for (const at of range(text.length / 3)) {
    const places = range(3).map((step) => written.indexOf(text[at * 3 + step] as string));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  }
});

test("a chain longer than the ring is refused, and nothing of it is queued", () => {
  using ring = new Ring({ entries: 4 });
  const links = range(5).map(() => ({ request: sqe.nop() }));
  expect(() => ring.queueChain(links)).toThrow("a chain of more than 4 requests does not fit");
  expect(() => ring.queueChain([])).toThrow("at least one request");
  expect(ring.inFlight).toBe(0);
});

test("a descriptor that a queued request names cannot be closed before the submit", () => {
  using ring = new Ring({ entries: 4 });
  using memory = allocate(8);
  const file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  ring.queue(sqe.write(file, memory, { offsetBytes: 0 }));
  expect(() => file.close()).toThrow("was closed while a queued request names it");
  expect(() => file.release()).toThrow("was closed while a queued request names it");
  // It is open still: another file does not get its number.
  using other = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  expect(other.number).not.toBe(file.number);
  ring.submit();
  file.close();
  ring.submitAndWait(1);
  expect(ring.completions().map(({ result }) => result)).toEqual([8]);
});

test("closed between the request and its queue: refused by name, and nothing stays pinned", () => {
  using ring = new Ring({ entries: 4 });
  using memory = allocate(8);
  const file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  const request = sqe.write(file, memory, { offsetBytes: 0 });
  file.close();
  expect(() => ring.queue(request)).toThrow("was queued after it was closed");
  expect([memory.pinned, ring.inFlight]).toEqual([false, 0]);
});

test("the kernel looks a linked request's descriptor up late: it stays open until the completion", () => {
  using ring = new Ring({ entries: 4 });
  using pipe = openPipe();
  using memory = allocate(8);
  const file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  ring.queueChain([
    { request: sqe.pollAdd(pipe.readEnd, { events: POLLIN }), tag: 0 },
    { request: sqe.write(file, memory, { offsetBytes: 0 }), tag: 1 },
  ]);
  ring.submit();
  expect(() => file.close()).toThrow("was closed while a queued request names it");
  using one = allocate(1);
  write(pipe.writeEnd, one);
  ring.submitAndWait(2);
  expect(ring.completions().map(({ tag, result }) => [tag, result])).toEqual([
    [0, POLLIN],
    [1, 8],
  ]);
  file.close();
});

test("disposing a ring lets go of the descriptors of what was queued, parked, or half a chain", () => {
  using memory = allocate(8);
  using file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  const ring = new Ring({ entries: 2 });
  for (let i = 0; i < 5; i++) ring.queue(sqe.write(file, memory, { offsetBytes: 0 }));
  ring.queue(sqe.write(file, memory, { offsetBytes: 0 }), { flags: IOSQE_IO_LINK });
  expect([file.pinned, ring.inFlight]).toEqual([true, 6]);
  ring[Symbol.dispose]();
  expect([file.pinned, memory.pinned]).toEqual([false, false]);
  expect(lettersIn(file)).toBe("");
});

test("a refused request is a result, not an exception", () => {
  using ring = new Ring();
  using pipe = openPipe();
  using memory = allocate(16);
  using directory = openFile("/tmp", { flags: O_DIRECTORY });
  // A read of the write end: EBADF; a read of a directory: EISDIR.
  expect(ring.run(sqe.read(pipe.writeEnd, memory, { offsetBytes: AT_FILE_POSITION }))).toBe(-9);
  expect(ring.run(sqe.read(directory, memory, { offsetBytes: 0 }))).toBe(-21);
  expect([memory.pinned, ring.inFlight]).toEqual([false, 0]);
});

test("numbers that are none never cross", () => {
  using ring = new Ring();
  for (const flags of [-1, 256, 0.5, Number.NaN]) expect(() => ring.queue(sqe.nop(), { flags })).toThrow(RangeError);
  for (const count of [-1, 0.5, Number.NaN]) expect(() => ring.submitAndWait(count)).toThrow(RangeError);
  expect(() => ring.submitAndWait(ring.completionEntries + 1)).toThrow("cannot wait for 17 completions");
  for (const entries of [-1, 1.5, Number.NaN, 2 ** 32]) expect(() => new Ring({ entries })).toThrow(RangeError);
  expect(() => new Ring({ entries: 0 })).toThrow("EINVAL");
  expect(() => new Ring({ entries: 65536 })).toThrow("entries must lie between 1 and 32768");
  expect(ring.inFlight).toBe(0);
});

test("queued and never submitted: disposing forgets it", () => {
  using pipe = openPipe();
  using memory = allocate(4096);
  const ring = new Ring();
  // A pipe with room takes a write at once: cancelling would come too late.
  ring.queue(sqe.write(pipe.writeEnd, memory, { offsetBytes: AT_FILE_POSITION }));
  expect([memory.pinned, ring.inFlight]).toEqual([true, 1]);
  ring[Symbol.dispose]();
  expect([memory.pinned, queuedBytes(pipe.readEnd)]).toEqual([false, 0]);
  expect(() => ring.queue(sqe.nop())).toThrow("a closed ring was used");
});

test.each(["/dev/shm", "/tmp"])("a ring disposed with requests in flight leaves no trace (%s)", async (directory) => {
  expect(await childValue("dispose-in-flight.ts", [directory])).toEqual({ wrong: [], quick: true });
});

test.each([64, 4096, 65536])("reads of %i bytes land where they should under forced collections", async (length) => {
  const value = await childValue("gc-reads.ts", [String(length)], { timeoutMs: 20_000 });
  // The 16 buffers whose handles were only dropped stay allocated: the arena frees nothing by collection.
  expect(value).toEqual({ reads: 32, wordsSeen: true, wrong: [], leftBytes: 16 * length });
});
