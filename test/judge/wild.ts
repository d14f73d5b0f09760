/**
 * Wild damage: edits upon edits, adjoining, nested, at any phase, on bytes that are damaged already. No one knows the
 * one right answer here; the second opinion checks whatever the judge reports.
 */
import { counter } from "../../src/pattern/counter.ts";
import { Dice, STALE } from "./cases.ts";

export interface WildCase {
  readonly generation: number;
  readonly expectBytes: number;
  readonly bytes: Uint8Array;
  readonly story: readonly string[];
}

type Step = (bytes: Uint8Array, dice: Dice) => { bytes: Uint8Array; ran: string };

function splice(bytes: Uint8Array, from: number, remove: number, insert: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)]));
}

function range(bytes: Uint8Array, dice: Dice): { from: number; length: number } {
  const align = dice.pick([1, 1, 1, 4, 8, 512]);
  const from = Math.floor(dice.below(bytes.length + 1) / align) * align;
  return { from, length: Math.min(dice.length(), bytes.length - from) };
}

const STEPS: readonly Step[] = [
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    return { bytes: splice(bytes, from, length, new Uint8Array(length)), ran: `zero ${from}+${length}` };
  },
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    const noise = Uint8Array.from({ length }, () => dice.below(256));
    return { bytes: splice(bytes, from, length, noise), ran: `noise ${from}+${length}` };
  },
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    const noise = Uint8Array.from({ length }, () => dice.pick([0, 0, 255, 1]));
    return { bytes: splice(bytes, from, 0, noise), ran: `insert ${from}+${length}` };
  },
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    return { bytes: splice(bytes, from, length, new Uint8Array(0)), ran: `cut ${from}+${length}` };
  },
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    const to = dice.pick([from + length, dice.below(bytes.length + 1)]);
    return { bytes: splice(bytes, to, 0, bytes.slice(from, from + length)), ran: `copy ${from}+${length} to ${to}` };
  },
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    const to = dice.below(bytes.length + 1);
    return {
      bytes: splice(bytes, to, Math.min(length, bytes.length - to), bytes.slice(from, from + length)),
      ran: `copy ${from}+${length} over ${to}`,
    };
  },
  (bytes, dice) => {
    const { from, length } = range(bytes, dice);
    const old = new Uint8Array(length);
    STALE.fill(old, dice.pick([from, dice.below(1 << 20)]));
    return { bytes: splice(bytes, from, length, old), ran: `stale ${from}+${length}` };
  },
  (bytes, dice) => {
    const flipped = bytes.slice();
    const at = dice.below(bytes.length);
    if (bytes.length > 0) flipped[at] = (flipped[at] as number) ^ (1 << dice.below(8));
    return { bytes: flipped, ran: `flip ${at}` };
  },
];

export function wildCase(seed: number): WildCase {
  const dice = new Dice(seed ^ 0x5bd1e995);
  const generation = dice.pick([0, 0, 0, 5, 300, 0xffffff]);
  const expectBytes = dice.pick([dice.below(200), dice.below(6000), dice.below(20000)]);
  let bytes: Uint8Array = new Uint8Array(expectBytes);
  counter({ generation }).fill(bytes, 0);
  const story: string[] = [];
  for (let i = dice.below(6); i > 0; i -= 1) {
    const step = dice.pick(STEPS)(bytes, dice);
    bytes = step.bytes;
    story.push(step.ran);
  }
  return { generation, expectBytes, bytes, story };
}
