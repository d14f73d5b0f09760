/**
 * Damaged streams whose truth is known byte by byte: every byte of the file remembers which byte of the stream it is, or
 * what else it is. Edits of every kind, at every phase and alignment, on every pattern, independent of one another.
 *
 * Owns making the bytes and their origins. It knows nothing of the judge.
 */
import { constant } from "../../src/pattern/constant.ts";
import { counter } from "../../src/pattern/counter.ts";
import { lines } from "../../src/pattern/lines.ts";
import { numbered } from "../../src/pattern/numbered.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { prng } from "../../src/pattern/prng.ts";
import { tagged } from "../../src/pattern/tagged.ts";
import { zero } from "../../src/pattern/zero.ts";
import { Dice } from "./cases.ts";
import { LOG, NOISE } from "./references.ts";

/** A stretch of the damaged file. `origin`: where in the stream its bytes are from; undefined for what is not stream. */
export interface Stretch {
  readonly bytes: Uint8Array;
  readonly origin?: number;
  /** A number of its own for each piece of damage that is not stream. */
  readonly damage?: string;
}

export interface Truth {
  readonly pattern: Pattern;
  /** A generation or writer whose bytes are `stale`, where the pattern has one. */
  readonly stale?: Pattern;
  readonly bytes: Uint8Array;
  readonly stretches: readonly Stretch[];
  /** Length of the good stream. */
  readonly lengthBytes: number;
  /** Findings that the edits are in the contract, when each is a story of its own. */
  readonly count: number;
  /** File ranges that edits touch. */
  readonly places: readonly Place[];
  /** Several stories may be true: a cut within a number, or a cycle's phase, shows less than the edits were. */
  readonly isDoubtful: boolean;
  readonly story: readonly string[];
}

/** A file range that an edit touches, the findings that it is there, and bytes more in the file than in the stream. */
export interface Place {
  readonly from: number;
  readonly to: number;
  readonly findings: number;
  readonly growth: number;
}

const APART_BYTES = 1200;
const SOURCE_BYTES = 16384;

/** A pattern, the one whose bytes are stale to it, and how many of its bytes prove their place wherever they are cut. */
interface Kind {
  readonly pattern: Pattern;
  readonly stale?: Pattern;
  readonly leastBytes?: number;
  readonly isDoubtful?: boolean;
}

export const PATTERNS: Readonly<Record<string, () => Kind>> = {
  counter: () => ({ pattern: counter(), stale: counter({ generation: 9000 }) }),
  generation: () => ({ pattern: counter({ generation: 70000 }), stale: counter() }),
  tagged64: () => ({ pattern: tagged({ recordBytes: 64 }), stale: tagged({ recordBytes: 64, writer: 5 }) }),
  tagged512: () => ({
    pattern: tagged({ recordBytes: 512, writer: 3, generation: 2 }),
    stale: tagged({ recordBytes: 512, writer: 3, generation: 1 }),
  }),
  tagged: () => ({ pattern: tagged(), stale: tagged({ generation: 7 }) }),
  prng: () => ({ pattern: prng({ seed: 7 }) }),
  little32: () => ({ pattern: numbered({ width: 32 }) }),
  big32: () => ({ pattern: numbered({ width: 32, order: "big", start: 77 }) }),
  big64: () => ({ pattern: numbered({ order: "big" }) }),
  bytes64: () => ({ pattern: numbered({ unit: "bytes" }) }),
  sectors64: () => ({ pattern: numbered({ unit: "sectors", start: 2048 }), leastBytes: 1100 }),
  sectors32: () => ({ pattern: numbered({ width: 32, order: "big", unit: "sectors", start: 1 }), leastBytes: 1100 }),
  zero: () => ({ pattern: zero() }),
  byte: () => ({ pattern: constant([0xaa]) }),
  bytes: () => ({ pattern: constant([0xde, 0xad, 0xbe, 0xef]), isDoubtful: true }),
  threeBytes: () => ({ pattern: constant([1, 2, 3]), isDoubtful: true }),
  reference: () => ({ pattern: NOISE }),
  lines: () => ({ pattern: lines(), leastBytes: 130, isDoubtful: true }),
  seq: () => ({ pattern: lines({ suffix: "", digits: 1, start: 1 }) }),
  log: () => ({ pattern: LOG }),
};

interface Change {
  readonly at: number;
  readonly remove: number;
  readonly insert: readonly Stretch[];
}

interface Made {
  readonly at: number;
  readonly length: number;
  /** Stream bytes that no other edit touches. */
  readonly source: number;
  readonly dice: Dice;
  readonly good: Uint8Array;
  readonly stale: Pattern | undefined;
}

const own = (good: Uint8Array, origin: number, length: number): Stretch => ({
  bytes: good.slice(origin, origin + length),
  origin,
});
const raw = (bytes: Uint8Array, damage: string): Stretch => ({ bytes, damage });
const put = (at: number, remove: number, ...insert: Stretch[]): Change => ({ at, remove, insert });
const noise = (length: number, dice: Dice) => Uint8Array.from({ length }, () => dice.below(256));
/** Words are the stream's words: from a multiple of eight on. */
const words = ({ at, length }: Made) => ({ from: at - (at % 8), bytes: length - (length % 8) });

/** So many right bytes end a range in which a bit is stuck: whoever reads on does not remember what was before them. */
const HORIZON_BYTES = 512;

/** The ranges of wrong bytes, and what lies between two of them. */
function rangesOf(bytes: Uint8Array, good: Uint8Array, from: number): Stretch[] {
  const ends = [0];
  let last = -1;
  bytes.forEach((byte, i) => {
    if (byte === good[from + i]) return;
    if (last >= 0 && i - last > HORIZON_BYTES) ends.push(last + 1, i);
    last = i;
  });
  ends.push(bytes.length);
  return ends.slice(1).map((to, index) => {
    const at = ends[index] as number;
    return index % 2 === 0 ? raw(bytes.slice(at, to), "bit-flipped") : own(good, from + at, to - at);
  });
}

/** Each edit; the number is how many findings it is in the contract. */
const MAKERS: Readonly<Record<string, readonly [number, (made: Made) => Change[]]>> = {
  misplaced: [1, ({ at, length, source, good }) => [put(at, length, own(good, source, length))]],
  swapped: [
    2,
    ({ at, length, source, good }) => [
      put(at, length, own(good, source, length)),
      put(source, length, own(good, at, length)),
    ],
  ],
  reversed: [
    // Three neighbouring blocks in reversed order: the outer two are moved around the middle one.
    2,
    ({ at, length, good }) => [
      put(at, 3 * length, own(good, at + 2 * length, length), own(good, at + length, length), own(good, at, length)),
    ],
  ],
  rotated: [
    1,
    ({ at, length, good }) => [put(at, 3 * length, own(good, at + 2 * length, length), own(good, at, 2 * length))],
  ],
  moved: [1, ({ at, length, source, good }) => [put(at, 0, own(good, source, length)), put(source, length)]],
  movedBack: [1, ({ at, length, source, good }) => [put(at, length), put(source, 0, own(good, at, length))]],
  misdirected: [
    2,
    ({ at, length, source, good }) => [
      put(at, length, raw(new Uint8Array(length), "zeroed")),
      put(source, length, own(good, at, length)),
    ],
  ],
  duplicated: [1, ({ at, length, source, good }) => [put(at, 0, own(good, source, length))]],
  again: [1, ({ at, length, good }) => [put(at, 0, own(good, at - length, length))]],
  lost: [1, ({ at, length }) => [put(at, length)]],
  zeroed: [1, ({ at, length }) => [put(at, length, raw(new Uint8Array(length), "zeroed"))]],
  filled: [
    1,
    ({ at, length, dice }) => [
      put(at, length, raw(new Uint8Array(length).fill(dice.pick([0xff, 0x6b, 0xa5])), "filled")),
    ],
  ],
  zerosPushedIn: [1, ({ at, length }) => [put(at, 0, raw(new Uint8Array(length), "zeroed"))]],
  pushedIn: [1, ({ at, length, dice }) => [put(at, 0, raw(noise(length, dice), "foreign"))]],
  foreign: [1, ({ at, length, dice }) => [put(at, length, raw(noise(length, dice), "foreign"))]],
  stale: [
    1,
    ({ at, length, stale, dice }) => {
      const bytes = new Uint8Array(length);
      if (stale === undefined) return [put(at, length, raw(noise(length, dice), "foreign"))];
      stale.fill(bytes, at);
      return [put(at, length, raw(bytes, "stale"))];
    },
  ],
  flipped: [
    1,
    ({ at, good, dice }) => {
      const bytes = good.slice(at, at + 1);
      bytes[0] = (bytes[0] as number) ^ (1 << dice.below(8));
      return [put(at, 1, raw(bytes, "bit-flipped"))];
    },
  ],
  stuck: [
    1,
    (made) => {
      const { from, bytes: length } = words(made);
      const bytes = made.good.slice(from, from + length);
      const bit = 1 << made.dice.below(8);
      const to = made.dice.below(2);
      for (let i = made.dice.below(8); i < length; i += 8)
        bytes[i] = to === 1 ? (bytes[i] as number) | bit : (bytes[i] as number) & ~bit;
      return [put(from, length, ...rangesOf(bytes, made.good, from))];
    },
  ],
  inverted: [
    1,
    (made) => {
      const { from, bytes: length } = words(made);
      const bytes = made.good.slice(from, from + length);
      const bit = 1 << made.dice.below(8);
      for (let i = made.dice.below(8); i < length; i += 8) bytes[i] = (bytes[i] as number) ^ bit;
      return [put(from, length, raw(bytes, "bit-flipped"))];
    },
  ],
  byteSwapped: [
    1,
    (made) => {
      const { from, bytes: length } = words(made);
      const bytes = made.good.slice(from, from + length);
      const width = made.dice.pick([2, 4, 8]);
      for (let i = 0; i < length; i += width) bytes.subarray(i, i + width).reverse();
      return [put(from, length, raw(bytes, "byte-swapped"))];
    },
  ],
};

export const EDITS = Object.keys(MAKERS);

/** Up to four edits that lie apart, on one of the patterns. */
export function truthOf(seed: number, only: { pattern?: string; edit?: string } = {}): Truth {
  const dice = new Dice(seed ^ 0x2545f491);
  const name = only.pattern ?? dice.pick(Object.keys(PATTERNS));
  const { pattern, stale, leastBytes = 64, isDoubtful = false } = (PATTERNS[name] as () => Kind)();
  const wanted = only.edit === undefined ? dice.below(5) : 1;
  const sourcesAt = wanted * 18_000 + 8000;
  const lengthBytes = sourcesAt + wanted * SOURCE_BYTES + 8000 + dice.below(100);
  const good = new Uint8Array(lengthBytes);
  pattern.fill(good, 0);
  const changes: Change[] = [];
  const story: string[] = [name];
  let count = 0;
  let at = APART_BYTES + 4096 + dice.below(3000);
  for (let i = 0; i < wanted; i += 1) {
    const kind = only.edit ?? dice.pick(EDITS);
    const align = dice.pick([1, 8, 512, 4096]);
    const length = Math.max(leastBytes, dice.pick([64 + dice.below(3000), 8 * (8 + dice.below(100)), 512, 4096]));
    at = Math.ceil(at / align) * align;
    const phase = align === 1 ? dice.below(500) : 0;
    const source = Math.ceil((sourcesAt + i * SOURCE_BYTES) / align) * align + phase;
    const [findings, make] = MAKERS[kind] as (typeof MAKERS)[string];
    changes.push(...make({ at, length, source, dice, good, stale }));
    count += findings + (kind === "stuck" ? ((changes.at(-1)?.insert.length ?? 1) - 1) / 2 : 0);
    story.push(`${kind} ${at}+${length} source ${source}`);
    at += (kind === "reversed" || kind === "rotated" ? 3 : 1) * length + APART_BYTES + dice.below(2000);
  }
  return {
    pattern,
    ...(stale === undefined ? {} : { stale }),
    ...apply(changes, good),
    lengthBytes,
    count,
    isDoubtful: wanted > 0 && isDoubtful,
    story,
  };
}

function apply(changes: readonly Change[], good: Uint8Array): Pick<Truth, "bytes" | "stretches" | "places"> {
  const stretches: Stretch[] = [];
  const places: Place[] = [];
  let next = 0;
  let length = 0;
  const add = (stretch: Stretch) => {
    if (stretch.bytes.length > 0) stretches.push(stretch);
    length += stretch.bytes.length;
  };
  for (const { at, remove, insert } of [...changes].sort((a, b) => a.at - b.at)) {
    add(own(good, next, at - next));
    const from = length;
    for (const stretch of insert) add(stretch);
    const findings = Math.max(1, insert.length - 1);
    places.push({ from, to: length, findings, growth: length - from - remove });
    next = at + remove;
  }
  add(own(good, next, good.length - next));
  return { stretches, places, bytes: new Uint8Array(Buffer.concat(stretches.map(({ bytes }) => bytes))) };
}
