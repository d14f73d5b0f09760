/** The arena against a model of it: no overlap, right alignment, everything merged again, memory given back. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openFile, read, write } from "../../src/ops/file.ts";
import { Arena, allocate, arena, cString, type Memory, MiB } from "../../src/ops/memory.ts";
import * as sqe from "../../src/ops/ring/request.ts";
import { Ring } from "../../src/ops/ring/ring.ts";
import { O_RDWR, O_TMPFILE } from "../../src/sys/uapi/fcntl.ts";
import { Random } from "../../src/workload/random.ts";

const CAPACITY_BYTES = 8 * MiB;

/** Every live buffer lies inside, aligned, and touches no other. */
function layoutProblem(base: Arena, live: readonly { memory: Memory; alignBytes: number }[]): string | undefined {
  let endBytes = base.address;
  const sorted = [...live].sort((left, right) => left.memory.address - right.memory.address);
  for (const { memory, alignBytes } of sorted) {
    if (memory.address % alignBytes !== 0) return `${memory.address} is not aligned to ${alignBytes}`;
    if (memory.address < endBytes) return `${memory.address} overlaps the buffer that ends at ${endBytes}`;
    endBytes = memory.address + memory.lengthBytes;
  }
  return endBytes > base.address + base.capacityBytes ? "a buffer ends outside the arena" : undefined;
}

test.each([1, 2, 3])("random allocation keeps to the model (seed %i)", (seed) => {
  const random = new Random(seed, "arena");
  const base = new Arena([CAPACITY_BYTES]);
  const live: { memory: Memory; alignBytes: number; fill: number }[] = [];
  let refused = 0;
  for (let step = 0; step < 4000; step++) {
    if (live.length > 0 && random.below(100) < 47) {
      const [gone] = live.splice(random.below(live.length), 1);
      if (gone === undefined) throw new Error("the model is empty");
      // The bytes are still those this owner wrote: no one else was given a part of them.
      const { bytes } = gone.memory;
      if (bytes.length > 0) expect([bytes[0], bytes[bytes.length - 1]]).toEqual([gone.fill, gone.fill]);
      gone.memory[Symbol.dispose]();
      gone.memory[Symbol.dispose](); // twice is once
      continue;
    }
    const lengthBytes = random.below(2) === 0 ? random.below(5000) : random.below(MiB);
    const alignBytes = 2 ** random.below(14);
    try {
      const memory = base.allocate(lengthBytes, { alignBytes });
      expect(memory.bytes.length).toBe(lengthBytes);
      const fill = 1 + random.below(255);
      if (lengthBytes > 0) memory.bytes[0] = memory.bytes[lengthBytes - 1] = fill;
      live.push({ memory, alignBytes: Math.max(64, alignBytes), fill });
    } catch (error) {
      expect(String(error)).toContain("allocate");
      refused += 1;
    }
    if (step % 50 === 0) expect(layoutProblem(base, live)).toBeUndefined();
  }
  expect(refused).toBeGreaterThan(0);
  for (const { memory } of live) memory[Symbol.dispose]();
  expect(base.usedBytes).toBe(0);
  // All neighbours merged: the whole arena is one range again.
  using whole = base.allocate(CAPACITY_BYTES);
  expect(whole.lengthBytes).toBe(CAPACITY_BYTES);
  expect(() => base.allocate(1)).toThrow("ENOMEM");
});

function residentBytes(): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

test("released memory goes back to the system", () => {
  const memory = allocate(96 * MiB);
  memory.bytes.fill(0x5a);
  const full = residentBytes();
  memory[Symbol.dispose]();
  expect(full - residentBytes()).toBeGreaterThan(90 * MiB);
});

test("a pinned buffer outlives its handle, until the last completion", () => {
  const base = new Arena([MiB]);
  const memory = base.allocate(64 * 1024);
  memory.pin();
  memory.pin();
  memory[Symbol.dispose]();
  expect([memory.pinned, base.usedBytes]).toEqual([true, 65536]);
  memory.unpin();
  expect([memory.pinned, base.usedBytes]).toEqual([true, 65536]);
  memory.unpin();
  expect([memory.pinned, base.usedBytes]).toEqual([false, 0]);
  expect(() => memory.unpin()).toThrow("unpinned more often");
  expect(() => memory.pin()).toThrow("released buffer");
  expect(() => memory.at(0)).toThrow("released buffer");
});

test("released memory cannot be reached: not by its handle, not by views that were kept", () => {
  const base = new Arena([MiB]);
  const memory = base.allocate(4096);
  const { bytes, view, words } = memory;
  const part = bytes.subarray(8, 16);
  bytes[0] = 1;
  memory[Symbol.dispose]();
  using next = base.allocate(4096);
  expect(next.address).toBe(memory.address);
  next.bytes.fill(7);
  for (const use of ["bytes", "view", "words", "buffer"] as const) {
    expect(() => memory[use]).toThrow("a released buffer was used");
  }
  bytes[0] = part[0] = words[0] = 9;
  expect(() => bytes.set([9])).toThrow("detached");
  expect(() => view.setUint8(0, 9)).toThrow();
  expect([bytes.length, part.length, words.length]).toEqual([0, 0, 0]);
  expect(next.bytes.every((byte) => byte === 7)).toBe(true);
});

test("released with a completion outstanding: the views serve until it arrives", () => {
  const memory = new Arena([MiB]).allocate(64);
  const { bytes } = memory;
  memory.pin();
  memory[Symbol.dispose]();
  bytes[0] = 5;
  expect(memory.bytes[0]).toBe(5);
  memory.unpin();
  expect(bytes.length).toBe(0);
  expect(() => memory.bytes).toThrow("a released buffer was used");
});

test("importing the door maps no arena", () => {
  const script = `import "${import.meta.dir}/../../src/index.ts"; import { arenaMapped } from "${import.meta.dir}/../../src/ops/memory.ts"; console.log(arenaMapped())`;
  expect(Bun.spawnSync([process.execPath, "-e", script], { timeout: 60_000 }).stdout.toString()).toBe("false\n");
}, 60_000);

test("a request pins every buffer that its vectors name, also those added later", async () => {
  const { IoVectors } = await import("../../src/ops/file.ts");
  using list = new IoVectors(2);
  using first = allocate(64);
  using second = allocate(64);
  list.add(first).add(second);
  using file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  expect(sqe.writev(file, list, { offsetBytes: 0 }).pins).toEqual([list.memory, first, second]);
  list.clear().add(second);
  expect(sqe.writev(file, list, { offsetBytes: 0 }).pins).toEqual([list.memory, second]);
});

test("parts outside a buffer never cross", () => {
  using memory = allocate(4096);
  using file = openFile("/tmp", { flags: O_TMPFILE | O_RDWR, mode: 0o600 });
  using ring = new Ring();
  const bad = [
    { bufferOffsetBytes: -1, lengthBytes: 4 },
    { bufferOffsetBytes: 4093, lengthBytes: 4 },
    { bufferOffsetBytes: 4097 },
    { lengthBytes: 4097 },
    { lengthBytes: -1 },
    { lengthBytes: 0.5 },
    { bufferOffsetBytes: 0.5, lengthBytes: 4 },
    { bufferOffsetBytes: Number.NaN, lengthBytes: 4 },
    { bufferOffsetBytes: "8" as unknown as number, lengthBytes: 4 },
    { bufferOffsetBytes: 2 ** 53, lengthBytes: 4 },
    { lengthBytes: 0x7ffff001 },
  ];
  for (const part of bad) {
    expect(() => read(file, memory, part)).toThrow(RangeError);
    expect(() => write(file, memory, part)).toThrow(RangeError);
    expect(() => read(file, memory, { offsetBytes: 0, ...part })).toThrow(RangeError);
    expect(() => write(file, memory, { offsetBytes: 0, ...part })).toThrow(RangeError);
    expect(() => ring.queue(sqe.write(file, memory, { offsetBytes: 0, ...part }))).toThrow(RangeError);
  }
  expect(ring.inFlight).toBe(0);
});

test("lengths and alignments that are none are refused", () => {
  const used = arena().usedBytes;
  for (const length of [-1, 0.5, Number.NaN, 2 ** 53, "64" as unknown as number]) {
    expect(() => allocate(length)).toThrow(RangeError);
  }
  for (const alignBytes of [0, -4096, 3, 4097, Number.NaN, 2 ** 40]) {
    expect(() => allocate(64, { alignBytes })).toThrow(RangeError);
  }
  expect(arena().usedBytes).toBe(used);
});

test("a C string is its bytes and one NUL; a NUL inside is refused", () => {
  using dirty = allocate(64);
  dirty.bytes.fill(0xff);
  dirty[Symbol.dispose]();
  using text = cString("größe");
  expect([...text.bytes]).toEqual([...Buffer.from("größe"), 0]);
  using raw = cString(new Uint8Array([0xff, 0x2f, 0xfe]));
  expect([...raw.bytes]).toEqual([0xff, 0x2f, 0xfe, 0]);
  expect(() => cString("a\0b")).toThrow(RangeError);
  expect(() => openFile("/tmp/a\0b", { flags: O_RDWR })).toThrow(RangeError);
});

test("memory of no bytes, as for an empty file, has an empty view", () => {
  using nothing = allocate(0);
  expect([nothing.bytes.length, nothing.view.byteLength, nothing.words.length]).toEqual([0, 0, 0]);
});
