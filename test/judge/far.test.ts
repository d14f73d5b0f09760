/** Streams so long that numbers come again: tagged records beyond 2^23, counter generations beyond 8 TiB. */
import { expect, test } from "bun:test";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { tagged } from "../../src/pattern/tagged.ts";
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
