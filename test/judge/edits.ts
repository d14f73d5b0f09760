/**
 * k independent edits at all phases and alignments: the generator of "never longer than the truth".
 *
 * Edits lie apart, and no copy is made of bytes that another edit touches: so each is a story of its own, and a judge
 * that needs more findings than there are edits told a longer one.
 */
import { counter } from "../../src/pattern/counter.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { Dice } from "./cases.ts";

export interface EditedStream {
  readonly pattern: Pattern;
  readonly bytes: Uint8Array;
  readonly lengthBytes: number;
  readonly count: number;
  readonly story: readonly string[];
}

/** Stream bytes around an edit that no other edit touches. */
const APART_BYTES = 160;
const SOURCE_BYTES = 16384;

interface Change {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}

/** One edit of `length` bytes at `at`; `sources` are stream bytes that nothing else touches. */
type Maker = (made: { at: number; length: number; good: Uint8Array; source: number; dice: Dice }) => Change[];

const STALE = counter({ generation: 9000 });

const MAKERS: Readonly<Record<string, Maker>> = {
  misplaced: ({ at, length, good, source }) => [put(at, length, good.slice(source, source + length))],
  swapped: ({ at, length, good, source }) => [
    put(at, length, good.slice(source, source + length)),
    put(source, length, good.slice(at, at + length)),
  ],
  moved: ({ at, length, good, source }) => [
    put(at, 0, good.slice(source, source + length)),
    put(source, length, new Uint8Array(0)),
  ],
  duplicated: ({ at, length, good, source }) => [put(at, 0, good.slice(source, source + length))],
  lost: ({ at, length }) => [put(at, length, new Uint8Array(0))],
  zeroed: ({ at, length }) => [put(at, length, new Uint8Array(length))],
  filled: ({ at, length, dice }) => [put(at, length, new Uint8Array(length).fill(dice.pick([0xff, 0x6b, 0xa5])))],
  pushedIn: ({ at, length, dice }) => [put(at, 0, noise(length, dice))],
  foreign: ({ at, length, dice }) => [put(at, length, noise(length, dice))],
  stale: ({ at, length }) => {
    const old = new Uint8Array(length);
    STALE.fill(old, at);
    return [put(at, length, old)];
  },
  flipped: ({ at, good, dice }) => {
    const bytes = good.slice(at, at + 1);
    bytes[0] = (bytes[0] as number) ^ (1 << dice.below(8));
    return [put(at, 1, bytes)];
  },
  stuck: ({ at, length, good, dice }) => {
    const from = at - (at % 8);
    const bytes = good.slice(from, from + length - (length % 8));
    const bit = 1 << dice.below(8);
    const byte = dice.below(8);
    const to = dice.below(2);
    for (let i = byte; i < bytes.length; i += 8)
      bytes[i] = to === 1 ? (bytes[i] as number) | bit : (bytes[i] as number) & ~bit;
    return [put(from, bytes.length, bytes)];
  },
  byteSwapped: ({ at, length, good, dice }) => {
    const from = at - (at % 8);
    const bytes = good.slice(from, from + length - (length % 8));
    // Halves of small numbers are often the same in either order; whole words seldom.
    const width = dice.pick([4, 8]);
    for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
    return [put(from, bytes.length, bytes)];
  },
};

/** Edits that are two findings in the contract. */
const TWO: ReadonlySet<string> = new Set(["swapped"]);

function put(at: number, remove: number, insert: Uint8Array): Change {
  return { at, remove, insert };
}

function noise(length: number, dice: Dice): Uint8Array {
  return Uint8Array.from({ length }, () => dice.below(256));
}

export function editedStream(seed: number): EditedStream {
  const dice = new Dice(seed ^ 0x2545f491);
  const pattern = counter({ generation: dice.pick([0, 0, 3, 70000]) });
  const changes: Change[] = [];
  const story: string[] = [];
  let count = 0;
  let at = APART_BYTES + dice.below(5000);
  const wanted = dice.below(5);
  // Sources are behind all places, so that no source is another edit's place.
  const lengthBytes = wanted * (SOURCE_BYTES + 12_000) + 12_000 + dice.below(100);
  const good = new Uint8Array(lengthBytes);
  pattern.fill(good, 0);
  for (let i = 0; i < wanted; i += 1) {
    const name = dice.pick(Object.keys(MAKERS));
    const align = dice.pick([1, 8, 512, 4096]);
    const length = dice.pick([64 + dice.below(3000), 8 * (8 + dice.below(100)), 512, 4096]);
    at = Math.ceil(at / align) * align;
    const source =
      Math.ceil((wanted * 12_000 + 6000 + i * SOURCE_BYTES) / align) * align + (align === 1 ? dice.below(500) : 0);
    changes.push(...(MAKERS[name] as Maker)({ at, length, good, source, dice }));
    count += TWO.has(name) ? 2 : 1;
    story.push(`${name} ${at}+${length} source ${source}`);
    at += length + APART_BYTES + dice.below(3000);
  }
  changes.sort((a, b) => a.at - b.at);
  const parts: Uint8Array[] = [];
  let next = 0;
  for (const { at: place, remove, insert } of changes) {
    parts.push(good.subarray(next, place), insert);
    next = place + remove;
  }
  parts.push(good.subarray(next));
  return { pattern, bytes: new Uint8Array(Buffer.concat(parts)), lengthBytes, count, story };
}
