/** The wanted answer for each shape of damage, as whole findings; and the map that covers the file. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../../src/judge/finding.ts";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import { replayed } from "./edit-script.ts";
import { problemOfReplay } from "./replay.ts";
import { PAGE, SHAPES, SIZE } from "./shapes.ts";

type Facts = Omit<Finding, "detail" | "sample" | "pageAligned">;

const factsOf = (findings: readonly Finding[]): Facts[] =>
  findings.map(({ detail, sample, pageAligned, ...facts }) => facts);

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
  expect(factsOf(judgement.findings)).toEqual([...wanted]);
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
      ...{ kind: "bit-flipped", count: 16384, offsetBytes: 3, lastOffsetBytes: 1_048_515, lengthBytes: 1 },
      ...{ strideBytes: 64, alignmentBytes: 1, bits: [4] },
    },
  ]);
  expect(groups(SHAPES.everySecondPage)).toMatchObject([
    { kind: "misplaced", count: 127, offsetBytes: 8192, lengthBytes: 4096, strideBytes: 8192, alignmentBytes: 4096 },
  ]);
});

/** Two blocks swapped, and one more edit on top: what is copied, cut out or reversed there is a finding of its own. */
const SWAPPED: Readonly<Record<string, readonly Facts[]>> = {
  "swap-a.bin": [
    { kind: "misplaced", offsetBytes: 3984, lengthBytes: 192, originBytes: 10046, replacesBytes: 192 },
    {
      ...{ kind: "misplaced", offsetBytes: 4176, lengthBytes: 1578, originBytes: 6142, replacesBytes: 1578 },
      alsoAtBytes: 6144,
    },
    {
      ...{ kind: "misplaced", offsetBytes: 6144, lengthBytes: 2048, originBytes: 10240, replacesBytes: 2048 },
      alsoAtBytes: 10240,
    },
    {
      ...{ kind: "misplaced", offsetBytes: 10240, lengthBytes: 2048, originBytes: 6144, replacesBytes: 2048 },
      alsoAtBytes: 6144,
    },
  ],
  "swap-b.bin": [
    {
      ...{ kind: "misplaced", offsetBytes: 0, lengthBytes: 3072, originBytes: 12288, replacesBytes: 3072 },
      alsoAtBytes: 12287,
    },
    { kind: "lost", offsetBytes: 5729, lengthBytes: 1, originBytes: 5729 },
    { kind: "byte-swapped", offsetBytes: 11023, lengthBytes: 1264, replacesBytes: 1264, wordBytes: 8 },
    {
      ...{ kind: "misplaced", offsetBytes: 12287, lengthBytes: 3073, originBytes: 0, replacesBytes: 3073 },
      alsoAtBytes: 0,
    },
    { kind: "byte-swapped", offsetBytes: 12287, lengthBytes: 2504, replacesBytes: 2504, wordBytes: 8 },
  ],
};

test.each(Object.entries(SWAPPED))("two swapped blocks and another edit: %s", (name, wanted) => {
  const bytes = new Uint8Array(readFileSync(join(import.meta.dir, "fixtures", name)));
  const judgement = judgeBytes(bytes, { pattern: counter() });
  expect(factsOf(judgement.findings)).toEqual([...wanted]);
  const replay = { bytes, judgement, pattern: counter() };
  expect(problemOfReplay(replay)).toBeUndefined();
  expect(replayed(replay)).toEqual(bytes);
});
