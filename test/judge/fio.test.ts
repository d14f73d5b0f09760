/** The judge of fio's blocks on damage in several layouts: one finding for each edit, byte for byte, and no false alarm. */
import { describe, expect, test } from "bun:test";
import { noise } from "../noise.ts";
import { fioFile, judgedFio } from "./fio-file.ts";

const BLOCKS = 256;

interface Place {
  readonly at: number;
  readonly other: number;
  readonly size: number;
  readonly older: Uint8Array;
}

type Damage = readonly [
  name: string,
  change: (file: Uint8Array, place: Place) => unknown,
  found: (place: Place) => unknown[],
];

const part = (file: Uint8Array, from: number, length: number) => file.slice(from, from + length);

const DAMAGE: readonly Damage[] = [
  ["a header of noise", (f, { at }) => f.set(noise(40), at), ({ at }) => [["foreign", at, 40]]],
  ["a part of a header", (f, { at }) => f.set(noise(4), at + 8), ({ at }) => [["foreign", at + 8, 32]]],
  ["header and a part of the payload", (f, { at }) => f.set(noise(200), at), ({ at }) => [["foreign", at, 200]]],
  [
    "the first half zeroed",
    (f, { at, size }) => f.fill(0, at, at + size / 2),
    ({ at, size }) => [["zeroed", at, size / 2]],
  ],
  [
    "zeros over the border of two blocks",
    (f, { at, size }) => f.fill(0, at - size / 2, at + size / 2),
    ({ at, size }) => [["zeroed", at - size / 2, size]],
  ],
  [
    "the first half of another block",
    (f, { at, other, size }) => f.set(part(f, other, size / 2), at),
    ({ at, other, size }) => [["misplaced", at, size / 2, other]],
  ],
  [
    "the second half of another block",
    (f, { at, other, size }) => f.set(part(f, other + size / 2, size / 2), at + size / 2),
    ({ at, other, size }) => [["misplaced", at + size / 2, size / 2, other + size / 2]],
  ],
  [
    "an older block",
    (f, { at, size, older }) => f.set(part(older, at, size), at),
    ({ at, size }) => [["stale", at, size]],
  ],
  [
    "the first half of an older block",
    (f, { at, size, older }) => f.set(part(older, at, size / 2), at),
    ({ at, size }) => [["stale", at, size / 2]],
  ],
  [
    "the second half of an older block",
    (f, { at, size, older }) => f.set(part(older, at + size / 2, size / 2), at + size / 2),
    ({ at, size }) => [["stale", at + size / 2, size / 2]],
  ],
  [
    "512 bytes less",
    (f, { at }) => Buffer.concat([f.subarray(0, at), f.subarray(at + 512)]),
    ({ at, size }) => [["misplaced", at, BLOCKS * size - at - 512, at + 512]],
  ],
  [
    "100 bytes more",
    (f, { at }) => Buffer.concat([f.subarray(0, at), new Uint8Array(100), f.subarray(at)]),
    ({ at, size }) => [
      ["zeroed", at, 100],
      ["misplaced", at + 100, BLOCKS * size - at, at],
    ],
  ],
  [
    "a block less",
    (f, { at, size }) => Buffer.concat([f.subarray(0, at), f.subarray(at + size)]),
    ({ at, size }) => [["misplaced", at, (BLOCKS - 1) * size - at, at + size]],
  ],
  ["512 bytes before the first block", (f) => Buffer.concat([new Uint8Array(512), f]), () => [["zeroed", 0, 512]]],
  [
    "cut in a header",
    (f, { size }) => f.slice(0, (BLOCKS - 1) * size + 10),
    ({ size }) => [["truncated", (BLOCKS - 1) * size + 10, size - 10]],
  ],
];

describe.each([
  ["a header for each write", { blockBytes: 4096, blocks: BLOCKS }],
  ["several headers in a write", { blockBytes: 4096, blocks: BLOCKS, writes: [4] }],
  ["blocks of 16 KiB", { blockBytes: 16384, blocks: BLOCKS }],
] as const)("%s", (_name, options) => {
  const good = fioFile(options);
  const size = options.blockBytes;
  const place = { at: 48 * size, other: 112 * size, size, older: fioFile({ ...options, run: 1 }) };

  test("what is right is clean", () => {
    expect(judgedFio(good, good.length)).toMatchObject({ found: [], verifiedBytes: good.length, unwrittenBytes: 0 });
  });

  test.each(DAMAGE)("%s", (_damage, change, found) => {
    const file = good.slice();
    const changed = change(file, place);
    const judged = judgedFio(changed instanceof Uint8Array ? changed : file, good.length);
    expect(judged.found as unknown[]).toEqual(found(place));
    let end = 0;
    for (const { offsetBytes, lengthBytes } of judged.segments) {
      expect(offsetBytes).toBe(end);
      end += lengthBytes;
    }
  });

  test("a flipped bit in every block is a flipped bit, not another payload", () => {
    const file = good.slice();
    for (let at = 300; at < file.length; at += size) file[at] = (file[at] as number) ^ 0x40;
    const { found } = judgedFio(file, file.length);
    expect([found.length, ...found.slice(0, 2)]).toEqual([
      BLOCKS,
      ["bit-flipped", 300, 1],
      ["bit-flipped", size + 300, 1],
    ]);
  });
});

test("writes of several sizes are clean, and a flipped bit in them is one", () => {
  const file = fioFile({ blockBytes: 4096, blocks: BLOCKS, writes: [1, 4, 1, 1, 2] });
  expect(judgedFio(file).found).toEqual([]);
  file[4096 * 9 + 700] = (file[4096 * 9 + 700] as number) ^ 1;
  expect(judgedFio(file).found).toEqual([["bit-flipped", 4096 * 9 + 700, 1]]);
});

test("one block alone is judged", () => {
  const file = fioFile({ blockBytes: 4096, blocks: 1 });
  expect(judgedFio(file)).toMatchObject({ found: [], verifiedBytes: 4096 });
});

test("blocks that were never written are not findings when every write is in the file, unless a length was promised", () => {
  const size = 4096;
  const file = new Uint8Array(BLOCKS * size * 2);
  file.set(fioFile({ blockBytes: size, blocks: BLOCKS }), BLOCKS * size);
  for (let number = 0; number < BLOCKS; number += 1) {
    // Written to the first half, and never to the second.
    file.copyWithin(number * size, (BLOCKS + number) * size, (BLOCKS + number + 1) * size);
  }
  file.fill(0, BLOCKS * size);
  const bytes = BLOCKS * size;
  expect(judgedFio(file)).toMatchObject({ found: [], unwrittenBytes: bytes, verifiedBytes: bytes });
  expect(judgedFio(file, file.length).found).toEqual([["zeroed", bytes, bytes]]);
  // A page of them that is damaged by something else is never written all the same; a written one is a finding.
  file.fill(0, 8 * size, 9 * size);
  file[3 * size + 999] = (file[3 * size + 999] as number) ^ 1;
  expect(judgedFio(file)).toMatchObject({ found: [["bit-flipped", 3 * size + 999, 1]], unwrittenBytes: bytes + size });
});
