/**
 * Findings that repeat: the same kind of damage again and again, at a stride or without one.
 *
 * Owns counting them as they come, a few series for each kind of damage, at the cost of a few additions each. Refuses to
 * decide anything: every finding is counted without it.
 */
import type { FindingGroup, FindingKind } from "../finding.ts";
import { firstFlipped } from "./flip.ts";

/** The same damage at fewer places than this is not called a repetition. */
const COUNT_MIN = 3;
/** Without one distance from each to the next, only many are. */
const COUNT_MIN_LOOSE = 16;
const SERIES_MAX = 96;
const GROUPS_MAX = 16;
const ALIGNMENT_MAX = 4096;

/** What repeats: all that distinguishes one series from another. */
interface Repeated {
  readonly kind: FindingKind;
  /** The difference of a word, from its first wrong byte on. */
  readonly lo?: number;
  readonly hi?: number;
  /** Where the bytes belong, counted from where they are. */
  readonly distanceBytes?: number;
  readonly value?: number;
  readonly wordBytes?: number;
}

interface Series {
  readonly what: Repeated;
  count: number;
  first: number;
  last: number;
  /** 0 until there are two; -1 when it varies. */
  stride: number;
  /** -1 when it varies. */
  length: number;
  /** All offsets joined by or: its lowest bit is their common alignment. */
  offsets: number;
}

/** The same difference of a word, `count` times, one every `strideBytes`. */
export interface Flips {
  readonly lo: number;
  readonly hi: number;
  readonly count: number;
  readonly strideBytes: number;
}

/** What distinguishes one series from another. */
interface Noticed {
  readonly kind: FindingKind;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly originBytes?: number;
  readonly value?: number;
  readonly wordBytes?: number;
}

export class Groups {
  readonly #series = new Map<string | number, Series>();

  add(note: Noticed & { readonly bits?: readonly { readonly offsetBytes: number; readonly bit: number }[] }): void {
    const { kind, offsetBytes, lengthBytes, bits } = note;
    if (kind === "lost" || kind === "truncated" || kind === "extra") {
      this.#count(kind, { kind }, offsetBytes, lengthBytes);
      return;
    }
    if (bits !== undefined && note.wordBytes === undefined) {
      const mask = bits.reduce(
        (sum, { offsetBytes: at, bit }) => {
          const place = 8 * (at - offsetBytes) + bit;
          return place < 32
            ? { lo: sum.lo | (1 << place), hi: sum.hi }
            : { lo: sum.lo, hi: sum.hi | (1 << (place - 32)) };
        },
        { lo: 0, hi: 0 },
      );
      this.#countMask(offsetBytes, lengthBytes, mask.lo, mask.hi);
      return;
    }
    const { originBytes, value, wordBytes } = note;
    const distanceBytes = originBytes === undefined ? undefined : originBytes - offsetBytes;
    const key = `${kind} ${distanceBytes ?? ""} ${value ?? ""} ${wordBytes ?? ""}`;
    const known = this.#series.has(key) || this.#series.size < SERIES_MAX;
    const what = {
      kind,
      ...(distanceBytes === undefined ? {} : { distanceBytes }),
      ...(value === undefined ? {} : { value }),
      ...(wordBytes === undefined ? {} : { wordBytes }),
    };
    this.#count(known ? key : kind, known ? what : { kind }, offsetBytes, lengthBytes);
  }

  /** Flips by themselves: the difference of their words. */
  addFlips(offsetBytes: number, lengthBytes: number, { lo, hi, count, strideBytes }: Flips): void {
    const shift = 8 * firstFlipped(lo, hi);
    const mask =
      shift === 0
        ? { lo, hi }
        : shift >= 32
          ? { lo: hi >>> (shift - 32), hi: 0 }
          : { lo: (lo >>> shift) | (hi << (32 - shift)), hi: hi >>> shift };
    const series = this.#countMask(offsetBytes, lengthBytes, mask.lo, mask.hi);
    if (count > 1) extendMany(series, lengthBytes, { count: count - 1, strideBytes });
  }

  /** Flips are distinguished by their bits, counted from their first byte. */
  #countMask(offsetBytes: number, lengthBytes: number, lo: number, hi: number): Series {
    const key = (lo >>> 0) + (hi >>> 0) * 4294967296;
    const series = this.#series.get(key);
    if (series !== undefined) return extend(series, offsetBytes, lengthBytes);
    if (this.#series.size >= SERIES_MAX)
      return this.#count("bit-flipped", { kind: "bit-flipped" }, offsetBytes, lengthBytes);
    return this.#count(key, { kind: "bit-flipped", lo, hi }, offsetBytes, lengthBytes);
  }

  #count(key: string | number, what: Repeated, at: number, length: number): Series {
    const known = this.#series.get(key);
    if (known !== undefined) return extend(known, at, length);
    const series = { what, count: 1, first: at, last: at, stride: 0, length, offsets: at };
    this.#series.set(key, series);
    return series;
  }

  /** The series that are repetitions, the longest first. */
  finish(): FindingGroup[] {
    return [...this.#series.values()]
      .filter(({ count, stride }) => count >= (stride > 0 ? COUNT_MIN : COUNT_MIN_LOOSE))
      .sort((a, b) => b.count - a.count || a.first - b.first)
      .slice(0, GROUPS_MAX)
      .map(groupOf);
  }
}

/** `|` takes 32 bits: the alignment is at most a page, so the lower ones are enough. */
function extend(series: Series, at: number, length: number): Series {
  const stride = at - series.last;
  if (series.count === 1) series.stride = stride > 0 ? stride : -1;
  else if (series.stride !== stride) series.stride = -1;
  if (series.length !== length) series.length = -1;
  series.offsets |= at % ALIGNMENT_MAX;
  series.count += 1;
  series.last = at;
  return series;
}

/** As many more, each a stride behind the one before: all of them are as aligned as the first two. */
function extendMany(
  series: Series,
  length: number,
  { count, strideBytes }: { count: number; strideBytes: number },
): void {
  extend(series, series.last + strideBytes, length);
  if (count === 1) return;
  if (series.stride !== strideBytes) series.stride = -1;
  series.count += count - 1;
  series.last += (count - 1) * strideBytes;
}

/** The set bits of a difference, counted from its first byte. */
function setBits(lo: number, hi: number): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit += 1) if ((bit < 32 ? lo >>> bit : hi >>> (bit - 32)) & 1) bits.push(bit);
  return bits;
}

function groupOf({ what, count, first, last, stride, length, offsets }: Series): FindingGroup {
  const { kind, lo, hi, ...about } = what;
  const lowest = (offsets % ALIGNMENT_MAX) & -(offsets % ALIGNMENT_MAX);
  return {
    ...{ kind, count, offsetBytes: first, lastOffsetBytes: last },
    lengthBytes: length < 0 ? null : length,
    strideBytes: stride > 0 ? stride : null,
    alignmentBytes: lowest === 0 ? ALIGNMENT_MAX : lowest,
    ...about,
    ...(lo === undefined || hi === undefined ? {} : { bits: setBits(lo, hi) }),
  };
}
