/** Flipped bits as a part of a file: owns where its bytes and bits are; the rule is `word-damage.ts`'s. */
import type { WrongBit } from "../finding.ts";
import type { Part } from "./part.ts";

export interface Flip {
  /** File offset of the word, the difference to the right one and the found one, as halves. */
  readonly wordAt: number;
  readonly lo: number;
  readonly hi: number;
  readonly foundLo: number;
  readonly foundHi: number;
}

/** Index of the lowest byte of a word that differs. */
export function firstFlipped(lo: number, hi: number): number {
  return (lo !== 0 ? 31 - Math.clz32(lo & -lo) : 63 - Math.clz32(hi & -hi)) >>> 3;
}

/** Index of the highest byte of a word that differs. */
export function lastFlipped(lo: number, hi: number): number {
  return (hi !== 0 ? 63 - Math.clz32(hi) : 31 - Math.clz32(lo)) >>> 3;
}

export function flipPart({ wordAt, lo, hi, foundLo, foundHi }: Flip, run: Part): Part {
  const first = firstFlipped(lo, hi);
  const last = lastFlipped(lo, hi);
  const bits: WrongBit[] = [];
  const head = new Uint8Array(last - first + 1);
  for (let k = first; k <= last; k += 1) {
    const difference = (k < 4 ? lo >>> (8 * k) : hi >>> (8 * (k - 4))) & 0xff;
    const found = (k < 4 ? foundLo >>> (8 * k) : foundHi >>> (8 * (k - 4))) & 0xff;
    head[k - first] = found;
    for (let bit = 0; bit < 8; bit += 1) {
      if ((difference >> bit) & 1) bits.push({ offsetBytes: wordAt + k, bit, found: ((found >> bit) & 1) as 0 | 1 });
    }
  }
  const from = wordAt + first;
  const to = wordAt + last + 1;
  return { kind: "bit-flipped", lo: from, hi: to, from, to, shift: run.shift, inlays: [], clear: to, head, bits };
}
