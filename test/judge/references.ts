/** Two references for all cases, made once: their index costs more than judging by it. */
import type { Pattern } from "../../src/pattern/pattern.ts";
import { reference } from "../../src/pattern/reference.ts";
import { Dice } from "./cases.ts";

/** Arbitrary bytes; text-like ones repeat themselves as logs do. */
function referenceOf(seed: number, text: boolean): Pattern {
  const dice = new Dice(seed);
  const original = new Uint8Array(1 << 18);
  if (text) {
    let line = "";
    for (let i = 0; line.length < original.length; i += 1)
      line += `${1000 + i} host app[${dice.below(9)}]: request ${dice.below(1 << 30)} took ${dice.below(999)} ms\n`;
    original.set(Buffer.from(line.slice(0, original.length)));
  } else for (let i = 0; i < original.length; i += 1) original[i] = dice.below(256);
  const read = (block: Uint8Array, at: number) => void block.set(original.subarray(at, at + block.length));
  return reference({ lengthBytes: original.length, read });
}

export const NOISE = referenceOf(3, false);
export const LOG = referenceOf(4, true);
