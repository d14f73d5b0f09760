/** Siblings of the reported shapes: other offsets, sizes and phases, the first and the last page, far apart, with gaps. */
import { expect, test } from "bun:test";
import type { Finding } from "../../src/judge/finding.ts";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import { lines } from "../../src/pattern/lines.ts";
import { numbered } from "../../src/pattern/numbered.ts";
import { replayed } from "./edit-script.ts";
import { problemOfReplay } from "./replay.ts";
import { PAGE, SIZE } from "./shapes.ts";

const GOOD = new Uint8Array(SIZE);
counter().fill(GOOD, 0);

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const good = (from: number, to?: number) => GOOD.subarray(from, to);
const page = (index: number) => good(index * PAGE, index * PAGE + PAGE);

function edited(edit: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = GOOD.slice();
  edit(bytes);
  return bytes;
}

function swapped(bytes: Uint8Array, one: number, other: number): void {
  bytes.set(page(one), other * PAGE);
  bytes.set(page(other), one * PAGE);
}

function words(from: number, to: number, change: (word: Uint8Array) => void): (bytes: Uint8Array) => void {
  return (bytes) => {
    for (let at = from; at < to; at += 8) change(bytes.subarray(at, at + 8));
  };
}

const stuck = (word: Uint8Array) => {
  word[0] = (word[0] as number) | 0x40;
};

/** kind@offset+length<origin^alsoAt*replaced */
function spell({ kind, offsetBytes, lengthBytes, originBytes, alsoAtBytes, replacesBytes }: Finding): string {
  const part = (mark: string, value: number | undefined) => (value === undefined ? "" : `${mark}${value}`);
  return `${kind}@${offsetBytes}+${lengthBytes}${part("<", originBytes)}${part("^", alsoAtBytes)}${part("*", replacesBytes)}`;
}

const reversedPages = Array.from(
  { length: 15 },
  (_, i) => `misplaced@${(20 + i) * PAGE}+4096<${(35 - i) * PAGE}^147456*0`,
);

const SIBLINGS: Readonly<Record<string, readonly [Uint8Array, readonly string[]]>> = {
  firstPage: [edited((b) => b.set(page(112), 0)), ["misplaced@0+4096<458752*4096"]],
  lastPage: [edited((b) => b.set(page(0), SIZE - PAGE)), ["misplaced@1044480+4096<0*4096"]],
  firstPageZeroed: [edited((b) => b.fill(0, 0, PAGE)), ["zeroed@0+4096*4096"]],
  lastPageZeroed: [edited((b) => b.fill(0, SIZE - PAGE)), ["zeroed@1044480+4096*4096"]],
  // What fits both sides goes to the most aligned cut.
  unaligned: [edited((b) => b.set(good(0x70003, 0x71003), 0x30005)), ["misplaced@196616+4096<458758*4096"]],
  ends: [
    edited((b) => swapped(b, 0, 255)),
    ["misplaced@0+4096<1044480^1044480*4096", "misplaced@1044480+4096<0^0*4096"],
  ],
  threeSwaps: [
    edited((b) => {
      for (const [one, other] of [
        [1, 100],
        [20, 150],
        [40, 200],
      ] as const)
        swapped(b, one, other);
    }),
    [
      "misplaced@4096+4096<409600^409600*4096",
      "misplaced@81920+4096<614400^614400*4096",
      "misplaced@163840+4096<819200^819200*4096",
      "misplaced@409600+4096<4096^4096*4096",
      "misplaced@614400+4096<81920^81920*4096",
      "misplaced@819200+4096<163840^163840*4096",
    ],
  ],
  rotated: [
    edited((b) => {
      b.set(page(20), 10 * PAGE);
      b.set(page(30), 20 * PAGE);
      b.set(page(10), 30 * PAGE);
    }),
    [
      "misplaced@40960+4096<81920^122880*4096",
      "misplaced@81920+4096<122880^40960*4096",
      "misplaced@122880+4096<40960^81920*4096",
    ],
  ],
  neighbours: [edited((b) => swapped(b, 10, 11)), ["misplaced@40960+4096<45056^49152*0"]],
  reversed: [
    edited((b) => {
      for (let i = 0; i < 16; i += 1) b.set(page(35 - i), (20 + i) * PAGE);
    }),
    reversedPages,
  ],
  pageRepeated: [
    edited((b) => {
      for (let i = 49; i < 52; i += 1) b.set(page(48), i * PAGE);
    }),
    ["misplaced@200704+4096<196608*4096", "misplaced@204800+4096<196608*4096", "misplaced@208896+4096<196608*4096"],
  ],
  sectorRepeated: [
    edited((b) => {
      for (let i = 1; i < 8; i += 1) b.set(good(0x30000, 0x30200), 0x30000 + i * 512);
    }),
    Array.from({ length: 7 }, (_, i) => `misplaced@${0x30200 + i * 512}+512<196608*512`),
  ],
  stuckWithAGap: [
    edited((b) => {
      words(0x30000, 0x36000, stuck)(b);
      words(0x38000, 0x40000, stuck)(b);
    }),
    ["bit-flipped@196608+24576", "bit-flipped@229376+32768"],
  ],
  stuckAtZero: [
    edited(
      words(0x30000, 0x40000, (word) => {
        word[0] = (word[0] as number) & ~0x40;
      }),
    ),
    ["bit-flipped@196608+65536"],
  ],
  swapped32: [
    edited(
      words(0x30000, 0x32000, (word) => {
        word.subarray(0, 4).reverse();
        word.subarray(4).reverse();
      }),
    ),
    ["byte-swapped@196608+8192*8192"],
  ],
  swapped64Unaligned: [
    edited(words(0x30008, 0x31f00, (word) => void word.reverse())),
    ["byte-swapped@196616+7928*7928"],
  ],
  // The first word differs from its reversal in two bits, the second in none.
  swappedFromTwoBits: [
    edited(
      words(0x3830, 0x4830, (word) => {
        for (let i = 0; i < 8; i += 2) word.subarray(i, i + 2).reverse();
      }),
    ),
    ["byte-swapped@14384+4096*4096"],
  ],
  poisonUnaligned: [edited((b) => b.fill(0xff, 0x21003, 0x21f77)), ["filled@135171+3956*3956"]],
  zerosFirst: [join(new Uint8Array(PAGE), GOOD), ["zeroed@0+4096*0"]],
  zerosLast: [join(GOOD, new Uint8Array(PAGE)), ["extra@1048576+4096*0"]],
  halfOverwritten: [edited((b) => b.set(good(SIZE / 2), 0)), ["misplaced@0+524288<524288*524288"]],
  blockPutLast: [
    join(good(0, 0x20000), good(0x24000), good(0x20000, 0x24000)),
    ["misplaced@1032192+16384<131072^131072*0"],
  ],
  lossBetweenTheHalves: [
    join(good(0, 0x10000), page(0x50), good(0x11000, 0x30000), good(0x31000, 0x50000), page(0x10), good(0x51000)),
    ["misplaced@65536+4096<327680^323584*4096", "lost@196608+4096<196608", "misplaced@323584+4096<65536^65536*4096"],
  ],
  firstPageLost: [good(PAGE), ["lost@0+4096<0"]],
  // What is replaced is on both sides of what was moved away.
  overTheSeam: [
    join(good(0, 7000), good(70000, 72000), good(13000, 60000), good(8000, 12000), good(60000)),
    ["misplaced@7000+2000<70000^56000*2000", "misplaced@56000+4000<8000^9000*0"],
  ],
  firstPageTwice: [join(page(0), GOOD), ["duplicated@4096+4096<0"]],
};

test.each(Object.entries(SIBLINGS))("%s", (_name, [bytes, wanted]) => {
  const judgement = judgeBytes(bytes, { pattern: counter(), expectBytes: SIZE });
  expect(judgement.findings.map(spell)).toEqual([...wanted]);
  const replay = { bytes, judgement, pattern: counter() };
  expect(problemOfReplay(replay)).toBeUndefined();
  expect(Buffer.compare(replayed(replay), bytes)).toBe(0);
});

// Behind the digits that both have in common: the first half of line 95 and the second of line 159 are line 59.
test.each([
  { from: 6093, length: 640, movedTo: 100_000 },
  { from: 6093, length: 4096, movedTo: 100_000 },
  { from: 6093, length: 12288 },
  { from: 6094, length: 4096 },
  { from: 6094, length: 12288 },
])("a line made of the halves of two others is not a line from elsewhere: %o", ({ from, length, movedTo }) => {
  const text = new Uint8Array(SIZE);
  lines().fill(text, 0);
  const to = from + length;
  const behind = movedTo ?? SIZE;
  const moved = movedTo === undefined ? [] : [text.subarray(from, to)];
  const bytes = join(text.subarray(0, from), text.subarray(to, behind), ...moved, text.subarray(behind));
  const judgement = judgeBytes(bytes, { pattern: lines(), expectBytes: SIZE });
  const wanted = `${movedTo === undefined ? "lost" : "misplaced"}+${length}`;
  expect(judgement.findings.map(({ kind, lengthBytes }) => `${kind}+${lengthBytes}`)).toEqual([wanted]);
  const replay = { bytes, judgement, pattern: lines() };
  expect(problemOfReplay(replay)).toBeUndefined();
  expect(Buffer.compare(replayed(replay), bytes)).toBe(0);
});

test("the halves of a misdirected write find each other over hundreds of other findings; what is found is not lost", () => {
  const far = edited((b) => {
    b.set(page(1), SIZE - 2 * PAGE);
    b.fill(0, PAGE, 2 * PAGE);
    for (let i = 0; i < 200; i += 1) b[(8 + i) * PAGE + 77] = (b[(8 + i) * PAGE + 77] as number) ^ 1;
  });
  const { findings } = judgeBytes(far, { pattern: counter(), expectBytes: SIZE });
  expect(findings.filter(({ kind }) => kind !== "bit-flipped").map(spell)).toEqual([
    "zeroed@4096+4096^1040384*4096",
    "misplaced@1040384+4096<4096^4096*4096",
  ]);
  const parts = [page(0)];
  for (let i = 0; i < 200; i += 1)
    parts.push(good(2 * PAGE + i * 2000, 2 * PAGE + (i + 1) * 2000), new Uint8Array(17).fill(0x5a + (i % 7)));
  const moved = join(...parts, good(2 * PAGE + 400_000, 0xf0000), page(1), good(0xf0000));
  const later = judgeBytes(moved, { pattern: counter(), expectBytes: SIZE }).findings;
  expect(later.filter(({ kind }) => kind !== "filled").map(spell)).toEqual(["misplaced@982344+4096<4096^4096*0"]);
});

test.each([24, 64, 512])("%d bytes from before a power of two, and then the beginning, are one copy", (length) => {
  for (const end of [4096, 65536, 524288]) {
    const bytes = join(good(end - length, end), GOOD);
    const { findings } = judgeBytes(bytes, { pattern: counter(), expectBytes: SIZE });
    expect(findings.map(spell)).toEqual([`duplicated@0+${length}<${end - length}`]);
  }
});

// Big-endian numbers with their bytes reversed in pairs are the stream one byte later, until the next byte counts.
test("the last words of a file, reversed in pairs, are one range", () => {
  const pattern = numbered({ order: "big" });
  const bytes = new Uint8Array(1_053_172);
  pattern.fill(bytes, 0);
  for (let i = 1_049_080; i < 1_053_168; i += 2) bytes.subarray(i, i + 2).reverse();
  const { findings } = judgeBytes(bytes, { pattern, expectBytes: bytes.length });
  expect(findings.map(spell)).toEqual(["byte-swapped@1049080+4088*4088"]);
});
