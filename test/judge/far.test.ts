/** Streams so long that numbers come again: tagged records beyond 2^23, counter generations beyond 8 TiB. */
import { expect, test } from "bun:test";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { prng } from "../../src/pattern/prng.ts";
import { reference } from "../../src/pattern/reference.ts";
import { tagged } from "../../src/pattern/tagged.ts";
import { nativeLoops } from "../../src/sys/loops.ts";
import { MiB } from "../../src/units.ts";
import { spell } from "./proof.ts";

/** The window around a place, with `lost` bytes missing in its middle. */
function withLoss(pattern: Pattern, startBytes: number, lost: number): Uint8Array {
  const bytes = new Uint8Array(65536);
  pattern.fill(bytes.subarray(0, 32768), startBytes);
  pattern.fill(bytes.subarray(32768), startBytes + 32768 + lost);
  return bytes;
}

const cases: [string, Pattern, number, number][] = [
  ["a record lost at the wrap of sequence numbers", tagged({ recordBytes: 64 }), 64 * 2 ** 23 - 32768, 64],
  ["a record lost far behind it", tagged({ recordBytes: 64, writer: 3 }), 64 * 2 ** 25 + 640, 64],
  ["generation 1 at 8 TiB", counter({ generation: 1 }), 2 ** 43 - 32768, 4096],
  ["the last generation beyond 8 TiB", counter({ generation: 0xffffff }), 2 ** 43 + 2 ** 30, 4096],
];

test.each(cases)("%s is one lost range", (_name, pattern, startBytes, lost) => {
  const bytes = withLoss(pattern, startBytes, lost);
  const expectBytes = startBytes + bytes.length + lost;
  const { findings } = judgeBytes(bytes, { pattern, startBytes, expectBytes });
  expect(findings.map(spell)).toEqual([`lost@${startBytes + 32768}+${lost}<${startBytes + 32768}`]);
});

// The numbers of the compiled loops have 32 bits, their answers 31.
test.skipIf(nativeLoops() === undefined)(
  "places beyond 2 GiB of one block are found where they are",
  () => {
    // Pages that were never written cost no memory.
    const block = new Uint8Array(new ArrayBuffer(2 ** 31 + 2 ** 20));
    for (const pattern of [counter(), prng({ seed: 7 })]) {
      const index = 2 ** 31 + 4099;
      pattern.fill(block.subarray(index, index + 64), 8 * 1000);
      const range = { fromIndex: 2 ** 31 - 2 ** 20, toIndex: block.length, limitBytes: 2 ** 40, nearBytes: 0 };
      expect(pattern.locate(block, range)).toMatchObject({ index, streamOffsetBytes: 8000 });
      block.fill(0, index, index + 64);
    }
  },
  120_000,
);

test("a page from far away in a reference of more than 512 MiB is misplaced, not foreign", () => {
  const original = prng({ seed: 3 });
  const lengthBytes = 640 * MiB;
  const pattern = reference({ lengthBytes, read: (block, at) => original.fill(block, at) });
  const bytes = new Uint8Array(MiB);
  original.fill(bytes, MiB);
  original.fill(bytes.subarray(65536, 65536 + 4096), 600 * MiB + 12345);
  const { findings } = judgeBytes(bytes, { pattern, startBytes: MiB, expectBytes: lengthBytes, openEnd: true });
  expect(findings.map(spell)).toEqual([`misplaced@${MiB + 65536}+4096<${600 * MiB + 12345}`]);
}, 120_000);
