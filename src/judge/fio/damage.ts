/**
 * What wrong bytes inside a block of fio are, where the right ones are known.
 *
 * Owns cutting a block into pieces of one kind: zeros, one value, flipped or stuck bits, reversed words, words of another
 * seed, and what nothing explains. Refuses to look at other blocks; the judge does.
 */

import type { U64 } from "../../pattern/u64.ts";
import type { FindingKind, WrongBit } from "../finding.ts";
import { isChained, seedAt } from "./payload.ts";

export interface Damage {
  readonly kind: FindingKind;
  /** Indices in the block. */
  readonly from: number;
  readonly to: number;
  readonly value?: number;
  readonly bits?: readonly WrongBit[];
  readonly wordBytes?: number;
  /** Words of another write: its seed. */
  readonly seed?: U64;
  /** The header that would show what these should be is gone. */
  readonly headless?: boolean;
  /** Their checksum is wrong, and nothing shows which of them are. */
  readonly bySum?: boolean;
  /** In a header whose time and number cannot be known without it. */
  readonly inHeader?: boolean;
}

/** Equal bytes between two wrong ones that are nearer than this belong to the damage: chance, or zeros that fit. */
const GAP_BYTES = 32;

/** The wrong pieces of `found[from, length)`; `expected` has the same length. */
export function differences(found: Uint8Array, expected: Uint8Array, from: number): Damage[] {
  const pieces: Damage[] = [];
  for (let at = from; at < found.length; ) {
    if (found[at] === expected[at]) {
      at += 1;
      continue;
    }
    const start = at;
    let end = at + 1;
    for (let i = end; i < found.length && i - end < GAP_BYTES; i += 1) if (found[i] !== expected[i]) end = i + 1;
    pieces.push(classify(found, expected, { from: start, to: end }));
    at = end;
  }
  return oneRange(pieces, found, expected) ?? pieces;
}

/** A stuck bit is right by chance in half of the words: pieces that are its flips are one range. */
function oneRange(pieces: readonly Damage[], found: Uint8Array, expected: Uint8Array): Damage[] | undefined {
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (first === undefined || last === undefined || pieces.length < 2) return undefined;
  if (pieces.some(({ kind }) => kind !== "bit-flipped")) return undefined;
  const range = { from: first.from, to: last.to };
  const bits = repeatedBits(
    found,
    expected,
    range.from - (range.from % 8),
    Math.min(found.length, range.to + 7 - ((range.to + 7) % 8)),
  );
  // Two flips far apart that happen to agree are two flips.
  const covered = pieces.reduce((sum, { from, to }) => sum + to - from, 0);
  if (bits === undefined || covered * 2 < range.to - range.from) return undefined;
  return [{ kind: "bit-flipped", ...range, bits, wordBytes: 8 }];
}

function classify(found: Uint8Array, expected: Uint8Array, range: { from: number; to: number }): Damage {
  const { from, to } = range;
  const filled = constantOf(found, from, to);
  if (filled !== undefined && to - from > 1) return filled;
  const wordFrom = from - (from % 8);
  const wordTo = Math.min(found.length, Math.ceil(to / 8) * 8);
  const bits = wrongBits(found, expected, range);
  if (bits.length <= 3 && to - from <= 8) return { kind: "bit-flipped", from, to, bits };
  const stuck = repeatedBits(found, expected, wordFrom, wordTo);
  if (stuck !== undefined) return { kind: "bit-flipped", from, to, bits: stuck, wordBytes: 8 };
  for (const size of [8, 4, 2]) {
    if (to - from >= 16 && isSwapped(found, expected, { from: wordFrom, to: wordTo, size })) {
      return { kind: "byte-swapped", from: wordFrom, to: wordTo, wordBytes: size };
    }
  }
  const other = otherSeed(found, wordFrom, wordTo);
  if (other !== undefined) return { kind: "stale", from, to, seed: other };
  return { kind: "foreign", from, to };
}

/** A range of one byte value, if it is one. */
export function constantOf(block: Uint8Array, from: number, to: number): Damage | undefined {
  const value = block[from] as number;
  for (let i = from + 1; i < to; i += 1) if (block[i] !== value) return undefined;
  return value === 0 ? { kind: "zeroed", from, to } : { kind: "filled", from, to, value };
}

function wrongBits(found: Uint8Array, expected: Uint8Array, { from, to }: { from: number; to: number }): WrongBit[] {
  const bits: WrongBit[] = [];
  for (let i = from; i < to && bits.length <= 3; i += 1) {
    const wrong = (found[i] as number) ^ (expected[i] as number);
    for (let bit = 0; bit < 8; bit += 1) {
      if (((wrong >> bit) & 1) === 1)
        bits.push({ offsetBytes: i, bit, found: (((found[i] as number) >> bit) & 1) as 0 | 1 });
    }
  }
  return bits;
}

/** One to three bits that are wrong, and stuck to one value or inverted, in words all along the range. */
function repeatedBits(found: Uint8Array, expected: Uint8Array, from: number, to: number): WrongBit[] | undefined {
  if (to - from < 32) return undefined;
  const mask = new Uint8Array(8);
  for (let i = from; i < to; i += 1)
    mask[i % 8] = (mask[i % 8] as number) | ((found[i] as number) ^ (expected[i] as number));
  const bits: WrongBit[] = [];
  for (let i = 0; i < 8; i += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      if ((((mask[i] as number) >> bit) & 1) === 0) continue;
      const values = new Set<number>();
      let inverted = true;
      for (let at = from + i; at < to; at += 8) {
        values.add(((found[at] as number) >> bit) & 1);
        if ((((found[at] as number) ^ (expected[at] as number)) & (1 << bit)) === 0) inverted = false;
      }
      if (values.size === 1) bits.push({ offsetBytes: from + i, bit, found: [...values][0] as 0 | 1 });
      else if (inverted) bits.push({ offsetBytes: from + i, bit });
      else return undefined;
    }
  }
  return bits.length <= 3 ? bits : undefined;
}

function isSwapped(
  found: Uint8Array,
  expected: Uint8Array,
  { from, to, size }: { from: number; to: number; size: number },
): boolean {
  for (let at = from; at < to; at += size) {
    for (let i = 0; i < size; i += 1) if (found[at + i] !== expected[at + size - 1 - i]) return false;
  }
  return true;
}

/** Payload of another write at the same place of its block: nearly all words of the range are chained. */
function otherSeed(block: Uint8Array, from: number, to: number): U64 | undefined {
  if (to - from < 64) return undefined;
  let chained = 0;
  let words = 0;
  for (let at = from; at + 40 <= to; at += 8, words += 1) chained += Number(isChained(block, at));
  if (words === 0 || chained < words * 0.9) return undefined;
  for (let at = from; at + 64 <= to; at += 8) {
    const seed = isChained(block, at) ? seedAt(block, at, at / 8) : undefined;
    if (seed !== undefined) return seed;
  }
  return undefined;
}
