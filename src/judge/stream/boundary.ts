/**
 * Where exactly one explanation of the bytes ends and the next begins.
 *
 * Neighbouring explanations often agree about a few bytes: the upper bytes of small counters are all zero, so the last
 * bytes before a jump fit both sides. Every cut in that range describes the very same file. This module owns the
 * choice: the cut on the largest power of two from 4096 down to 8 (kernels move pages, sectors and words), else the
 * first byte that is visibly wrong. Pure arithmetic; it refuses to look at files.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { PAGE_BYTES } from "../../units.ts";
import type { Part } from "./part.ts";

export { PAGE_BYTES };

export const WORD_BYTES = 8;

/** The canonical cut in [low, high]: the most aligned one, or `otherwise` when none is a multiple of 8. */
export function chooseCut({ low, high, otherwise }: { low: number; high: number; otherwise: number }): number {
  for (let align = PAGE_BYTES; align >= WORD_BYTES; align /= 2) {
    const cut = Math.floor(high / align) * align;
    if (cut >= low) return cut;
  }
  return otherwise;
}

const window = new Uint8Array(new ArrayBuffer(1152));
const otherWindow = new Uint8Array(new ArrayBuffer(1152));

/** How many of the bytes before block[index] are also those before `streamOffsetBytes` of the stream, at most `most`. */
export function matchingBefore(
  block: Uint8Array,
  index: number,
  { stream, streamOffsetBytes, most }: { stream: Pattern; streamOffsetBytes: number; most: number },
): number {
  const limit = Math.min(most, streamOffsetBytes, index);
  let same = 0;
  while (same < limit) {
    const count = Math.min(window.length, limit - same);
    const expected = window.subarray(0, count);
    stream.fill(expected, streamOffsetBytes - same - count);
    let left = count;
    while (left > 0 && block[index - 1 - same] === expected[left - 1]) {
      left -= 1;
      same += 1;
    }
    if (left > 0) break;
  }
  return same;
}

/** How many of the last bytes of a run are also those before `streamOffsetBytes` of the other stream. */
export function overlapWithRun(
  run: Part,
  { stream, streamOffsetBytes, most }: { stream: Pattern; streamOffsetBytes: number; most: number },
): number {
  const count = Math.min(most, otherWindow.length, run.hi - run.clear);
  if (count <= 0) return 0;
  const tail = otherWindow.subarray(0, count);
  (run.stream as Pattern).fill(tail, run.hi + run.shift - count);
  return matchingBefore(tail, count, { stream, streamOffsetBytes, most: count });
}
