/** The wanted answer for each shape of damage, as whole findings; and the map that covers the file. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../../src/judge/finding.ts";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import { problemOfReplay } from "./replay.ts";
import { PAGE, SHAPES, SIZE } from "./shapes.ts";

type Facts = Omit<Finding, "detail" | "sample" | "pageAligned">;

const misplaced = (offsetBytes: number, originBytes: number, also?: number): Facts => ({
  ...{ kind: "misplaced", offsetBytes, lengthBytes: PAGE, originBytes, replacesBytes: PAGE },
  ...(also === undefined ? {} : { alsoAtBytes: also }),
});
const moved = (offsetBytes: number, lengthBytes: number, originBytes: number, alsoAtBytes: number): Facts => ({
  ...{ kind: "misplaced", offsetBytes, lengthBytes, originBytes, alsoAtBytes, replacesBytes: 0 },
});

const WANTED: Partial<Record<keyof typeof SHAPES, readonly Facts[]>> = {
  laterPage: [misplaced(0x30000, 0x70000)],
  earlierPage: [misplaced(0x70000, 0x30000)],
  swappedPages: [misplaced(0x20000, 0x60000, 0x60000), misplaced(0x60000, 0x20000, 0x20000)],
  misdirectedWrite: [
    { kind: "zeroed", offsetBytes: 0x30000, lengthBytes: PAGE, replacesBytes: PAGE, alsoAtBytes: 0x70000 },
    misplaced(0x70000, 0x30000, 0x30000),
  ],
  blockPutFirst: [moved(0, 16384, 0x20000, 0x24000)],
  stuckBit: [
    {
      ...{ kind: "bit-flipped", offsetBytes: 0x30000, lengthBytes: 65536, wordBytes: 8 },
      bits: [{ offsetBytes: 0x30000, bit: 6, found: 1 }],
    },
  ],
  byteSwapped: [{ kind: "byte-swapped", offsetBytes: 0x30000, lengthBytes: 8192, replacesBytes: 8192, wordBytes: 8 }],
  reorderedWithALoss: [
    { kind: "lost", offsetBytes: 0x20000, lengthBytes: PAGE, originBytes: 0x4f000 },
    moved(0x30000, 65536 - PAGE, 0x40000, 0x20000),
    moved(0x3f000, 65536, 0x30000, 0x20000),
    moved(0x4f000, 65536, 0x20000, 0x20000),
  ],
  zerosPushedIn: [{ kind: "zeroed", offsetBytes: 0x40008, lengthBytes: PAGE, replacesBytes: 0 }],
  poisonPage: [{ kind: "filled", offsetBytes: 0x21000, lengthBytes: PAGE, replacesBytes: PAGE, value: 0x6b }],
};

test.each(Object.entries(WANTED))("%s", (name, wanted) => {
  const judgement = judgeBytes(SHAPES[name as keyof typeof SHAPES], { pattern: counter(), expectBytes: SIZE });
  expect(judgement.findings.map(({ detail, sample, pageAligned, ...facts }) => facts)).toEqual([...wanted]);
  // The dump is of the finding's own place.
  for (const { offsetBytes, sample } of judgement.findings) {
    expect(sample?.offsetBytes).toBeLessThanOrEqual(offsetBytes);
    expect(offsetBytes - (sample?.offsetBytes ?? 0)).toBeLessThan(32);
  }
});

test("what repeats is one group: flips in every cache line, every second page its predecessor", () => {
  const groups = (bytes: Uint8Array) => judgeBytes(bytes, { pattern: counter(), expectBytes: SIZE }).groups;
  expect(groups(SHAPES.flipsEveryCacheLine)).toEqual([
    {
      ...{ kind: "bit-flipped", count: 16384, offsetBytes: 3, lengthBytes: 1, strideBytes: 64, alignmentBytes: 1 },
      detail: "bit 4 of one byte flipped every 64 bytes (the size of a cache line): 16,384 times, from 3 to 1,048,515",
    },
  ]);
  expect(groups(SHAPES.everySecondPage)).toMatchObject([
    { kind: "misplaced", count: 127, offsetBytes: 8192, lengthBytes: 4096, strideBytes: 8192, alignmentBytes: 4096 },
  ]);
});

test("two swapped blocks and another edit: the map covers the file, and the story replays", () => {
  for (const name of ["swap-a.bin", "swap-b.bin"]) {
    const bytes = new Uint8Array(readFileSync(join(import.meta.dir, "fixtures", name)));
    const judgement = judgeBytes(bytes, { pattern: counter() });
    expect([name, problemOfReplay({ bytes, judgement, pattern: counter() })]).toEqual([name, undefined]);
  }
});
