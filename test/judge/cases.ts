/**
 * Random damage with a known answer. A case is a list of edits that lie apart; `expectedOf` computes in whole-array code
 * what an honest judge must find, moved to the canonical boundary where several describe the very same bytes:
 *   - a jump (duplicate, loss, stale bytes) may be cut anywhere the bytes fit both sides: the most aligned cut counts;
 *   - zeros that were zero anyway belong to damage that begins or ends with zeros if that aligns it better, and are
 *     invisible otherwise;
 *   - zeros or foreign bytes that differ in one to three bits of one word are flipped bits; foreign zeros are zeroed;
 *   - other foreign damage of 512 bytes and more reaches a page boundary that is less than a word away.
 */

import { applyEdits, type Edit, type ExpectedFinding } from "../../src/judge/planted-damage.ts";
import { counter } from "../../src/pattern/counter.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";

export const STALE = counter({ generation: 77 });

/** xorshift32: the tests must not depend on the code they test. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return Math.floor((this.#state / 4294967296) * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  length(): number {
    return this.pick([
      1 + this.below(8),
      1 + this.below(100),
      1 + this.below(3000),
      8 * (1 + this.below(200)),
      512,
      4096,
      1460,
    ]);
  }
}

export interface Case {
  readonly generation: number;
  readonly lengthBytes: number;
  readonly edits: readonly Edit[];
}

const APART_BYTES = 96;

export function randomCase(seed: number): Case {
  const dice = new Dice(seed);
  const edits: Edit[] = [];
  let at = dice.pick([0, 0, 1]) * dice.below(20000) + APART_BYTES;
  const count = dice.below(6);
  for (let i = 0; i < count; i += 1) {
    const align = dice.pick([1, 1, 4, 8, 512, 4096]);
    at = Math.ceil((at + dice.below(3000)) / align) * align;
    const edit = randomEdit(dice, at);
    if (copiesLostBytes(edit, edits)) continue;
    edits.push(edit);
    at += (edit.kind === "duplicated" || edit.inserted ? 0 : edit.lengthBytes) + APART_BYTES;
  }
  const lengthBytes = at + dice.below(5000);
  const end = dice.below(6);
  if (end === 0) edits.push({ kind: "extra", offsetBytes: lengthBytes, lengthBytes: dice.length() });
  if (end === 1) edits.push({ kind: "truncated", offsetBytes: lengthBytes - dice.below(50), lengthBytes: 0 });
  return {
    generation: dice.pick([0, 0, 5, 300, 0xffffff]),
    lengthBytes,
    edits: edits.filter((one) => !cutsNothing(one, lengthBytes)),
  };
}

/** A copy of what was lost before is not a duplicate: those bytes are there once, out of order (tested by hand). */
function copiesLostBytes(edit: Edit, edits: readonly Edit[]): boolean {
  const from = (edit.originBytes ?? edit.offsetBytes - edit.lengthBytes) - 32;
  const to = from + edit.lengthBytes + 64;
  const lost = edits.filter((one) => one.kind === "lost");
  return (
    edit.kind === "duplicated" && lost.some((one) => one.offsetBytes < to && one.offsetBytes + one.lengthBytes > from)
  );
}

function cutsNothing(edit: Edit, lengthBytes: number): boolean {
  return edit.kind === "truncated" && edit.offsetBytes === lengthBytes;
}

function randomEdit(dice: Dice, offsetBytes: number): Edit {
  const lengthBytes = dice.length();
  switch (dice.below(8)) {
    case 0:
      return { kind: "duplicated", offsetBytes, lengthBytes: Math.min(lengthBytes, offsetBytes) };
    case 1: {
      // An older range, which must be long enough to prove itself.
      const length = Math.min(lengthBytes + 48, offsetBytes);
      return {
        kind: "duplicated",
        offsetBytes,
        lengthBytes: length,
        originBytes: dice.below(offsetBytes - length + 1),
      };
    }
    case 2:
      return { kind: "lost", offsetBytes, lengthBytes };
    case 3:
      return { kind: "zeroed", offsetBytes, lengthBytes };
    case 4:
      return { kind: "bit-flipped", offsetBytes, lengthBytes: 1, bit: dice.below(8) };
    case 5:
      return {
        kind: "stale",
        offsetBytes,
        lengthBytes: lengthBytes + 48,
        ...dice.pick([{}, { originBytes: dice.below(1 << 20) }]),
      };
    case 6:
      return { kind: "foreign", offsetBytes, lengthBytes, inserted: true };
    default:
      return { kind: "foreign", offsetBytes, lengthBytes };
  }
}

export function cut(low: number, high: number, otherwise: number): number {
  for (const align of [4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8]) {
    const at = high - (((high % align) + align) % align);
    if (at >= low) return at;
  }
  return otherwise;
}

/** One byte of a stream. */
function byteAt(pattern: Pattern, offset: number): number {
  const one = new Uint8Array(1);
  pattern.fill(one, offset);
  return one[0] as number;
}

interface Walk {
  readonly pattern: Pattern;
  readonly offset: number;
}

/** Where a jump from one walk to another, really at file offset `at`, is canonically cut. */
function cutJump(at: number, before: Walk, after: Walk): number {
  let low = 0;
  while (after.offset - low > 0 && low < 64 && same(before, after, -1 - low)) low += 1;
  let high = 0;
  while (same(before, after, high)) high += 1;
  return cut(at - low, at + high, at + high);
}

function same(a: Walk, b: Walk, delta: number): boolean {
  return byteAt(a.pattern, a.offset + delta) === byteAt(b.pattern, b.offset + delta);
}

/** The canonical findings of a case, and its bytes. */
export function expectedOf({ generation, lengthBytes, edits }: Case): {
  bytes: Uint8Array;
  expected: ExpectedFinding[];
} {
  const own = counter({ generation });
  const damaged = applyEdits(edits, { pattern: own, lengthBytes, stale: STALE });
  const { bytes } = damaged;
  const expected = [...damaged.expected];
  const canonical: ExpectedFinding[] = [];
  // Shorter than expected is truncated; if something else took the room, the missing tail is lost.
  const last = expected.at(-1);
  if (last?.kind === "truncated" && bytes.length >= lengthBytes)
    expected[expected.length - 1] = { ...last, kind: "lost" };
  edits.forEach((edit, index) => {
    const finding = canonicalFinding(edit, expected[index] as ExpectedFinding, { own, bytes, lengthBytes });
    if (finding !== undefined) canonical.push(finding);
  });
  return { bytes, expected: canonical };
}

interface World {
  readonly own: Pattern;
  readonly bytes: Uint8Array;
  readonly lengthBytes: number;
}

function canonicalFinding(edit: Edit, plain: ExpectedFinding, world: World): ExpectedFinding | undefined {
  const { own } = world;
  const here = { pattern: own, offset: edit.offsetBytes };
  const at = plain.offsetBytes;
  if (edit.kind === "duplicated") return canonicalDuplicate(edit, plain, world);
  if (edit.kind === "lost") {
    const offsetBytes = cutJump(at, here, { pattern: own, offset: edit.offsetBytes + edit.lengthBytes });
    return { ...plain, offsetBytes, originBytes: edit.offsetBytes + offsetBytes - at };
  }
  if (edit.kind === "stale") {
    const origin = edit.originBytes ?? edit.offsetBytes;
    const from = cutJump(at, here, { pattern: STALE, offset: origin });
    const endsAt = at + edit.lengthBytes;
    const last = { pattern: STALE, offset: origin + edit.lengthBytes };
    const to = cutJump(endsAt, last, { pattern: own, offset: edit.offsetBytes + edit.lengthBytes });
    return { kind: "stale", offsetBytes: from, lengthBytes: to - from, originBytes: origin + from - at };
  }
  if (edit.kind === "zeroed" || (edit.kind === "foreign" && !edit.inserted))
    return canonicalOverwrite(edit, plain, world);
  if (edit.kind === "foreign") return canonicalInsertion(edit, plain, world);
  return plain;
}

function canonicalDuplicate(edit: Edit, plain: ExpectedFinding, { own }: World): ExpectedFinding {
  const at = plain.offsetBytes;
  const origin = edit.originBytes ?? edit.offsetBytes - edit.lengthBytes;
  const from = cutJump(at, { pattern: own, offset: edit.offsetBytes }, { pattern: own, offset: origin });
  if (origin + edit.lengthBytes === edit.offsetBytes) {
    return { ...plain, offsetBytes: from, originBytes: origin + (from - at) };
  }
  // A copy of an older range: both cuts move together, because the copy is as long as it is.
  const endsAt = at + edit.lengthBytes;
  const before = { pattern: own, offset: origin + edit.lengthBytes };
  const after = { pattern: own, offset: edit.offsetBytes };
  let low = 0;
  while (low < 64 && low < edit.lengthBytes - 1 && same(before, after, -1 - low)) low += 1;
  let high = 0;
  while (same(before, after, high)) high += 1;
  const to = Math.max(endsAt - low, Math.min(endsAt + high, from + edit.lengthBytes));
  const start = to - edit.lengthBytes;
  return { kind: "duplicated", offsetBytes: start, lengthBytes: edit.lengthBytes, originBytes: origin + (start - at) };
}

function canonicalOverwrite(edit: Edit, plain: ExpectedFinding, { own, bytes }: World): ExpectedFinding | undefined {
  const shift = plain.offsetBytes - edit.offsetBytes;
  const wrong = (file: number) => bytes[file] !== byteAt(own, file - shift);
  let from = plain.offsetBytes;
  let to = from + edit.lengthBytes;
  while (from < to && !wrong(from)) from += 1;
  while (to > from && !wrong(to - 1)) to -= 1;
  if (from === to) return undefined;
  const found = bytes.subarray(from, to);
  if (isFlip(found, { own, offset: from - shift }))
    return { kind: "bit-flipped", offsetBytes: from, lengthBytes: to - from };
  const word = from - ((from - shift) % 8);
  if (to <= word + 8 && isReversed(bytes.subarray(word, word + 8), { own, offset: word - shift }))
    return { kind: "byte-swapped", offsetBytes: word, lengthBytes: 8 };
  return edges(bytes, from, to);
}

/** A word whose bytes happen to be its own in reversed order. */
function isReversed(found: Uint8Array, { own, offset }: { own: Pattern; offset: number }): boolean {
  return [2, 4, 8].some((width) =>
    found.every((byte, i) => byte === byteAt(own, offset + i - (i % width) + width - 1 - (i % width))),
  );
}

/** Zeros at an edge reach over neighbouring zeros to the most aligned cut, others to a page boundary within a word. */
function edges(bytes: Uint8Array, from: number, to: number): ExpectedFinding {
  const kind = bytes.subarray(from, to).every((byte) => byte === 0) ? "zeroed" : "foreign";
  const long = to - from >= 512;
  let low = from;
  while (low > 0 && from - low < 64 && bytes[low - 1] === 0) low -= 1;
  let high = to;
  while (high < bytes.length && bytes[high] === 0) high += 1;
  let start = bytes[from] === 0 ? cut(low, from, from) : from;
  if (bytes[from] !== 0 && long && from % 4096 < 8) start -= from % 4096;
  let end = bytes[to - 1] === 0 ? cut(to, high, to) : to;
  if (bytes[to - 1] !== 0 && long && (4096 - (to % 4096)) % 4096 < 8) end = Math.ceil(to / 4096) * 4096;
  return { kind, offsetBytes: start, lengthBytes: end - start };
}

function isFlip(found: Uint8Array, { own, offset }: { own: Pattern; offset: number }): boolean {
  if (Math.floor(offset / 8) !== Math.floor((offset + found.length - 1) / 8)) return false;
  let bits = 0;
  found.forEach((byte, i) => {
    let difference = byte ^ byteAt(own, offset + i);
    for (; difference > 0; difference >>= 1) bits += difference & 1;
  });
  return bits <= 3;
}

function canonicalInsertion(edit: Edit, plain: ExpectedFinding, world: World): ExpectedFinding {
  const { own, bytes } = world;
  const at = plain.offsetBytes;
  const origin = edit.offsetBytes - edit.lengthBytes;
  const pushed = bytes.subarray(at, at + edit.lengthBytes);
  // By chance a copy of what is right before: it cannot be distinguished from a duplicate.
  if (origin >= 0 && pushed.every((byte, i) => byte === byteAt(own, origin + i))) {
    const duplicate = { kind: "duplicated", offsetBytes: edit.offsetBytes, lengthBytes: edit.lengthBytes } as const;
    return canonicalDuplicate(duplicate, { ...plain, ...duplicate, offsetBytes: at }, world);
  }
  return edges(bytes, at, at + edit.lengthBytes);
}
