/**
 * Flips by themselves in a chunk of words, folded to series: the same bits of a word at the same distance are one entry,
 * so that millions of flips that repeat cost little more than comparing.
 *
 * Owns the rule of a flip by itself: one to three bits of one word, as many right words behind it as show that the run
 * goes on, and no later word in view that shows the bits to be stuck. Refuses everything else: the caller looks at it.
 */

/** Words that are looked at behind a flip. */
export const LOOK_WORDS = 72;
export const BITS_MAX = 3;

export interface Chunk {
  /** Two halves a word. */
  readonly found: Int32Array;
  readonly good: Int32Array;
  readonly words: number;
  /** Flips begin before this word. */
  readonly stop: number;
  readonly resumeWords: number;
}

/** Takes flips of the same bits (the difference as two halves) in `count` words, each `stride` words behind the one before. */
export type SeriesTaker = (index: number, count: number, stride: number, lo: number, hi: number) => void;

export function bitCount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The index of the first word that is neither right nor a flip by itself; `stop` when there is none before it. */
export function flipsIn({ found, good, words, stop, resumeWords }: Chunk, take: SeriesTaker): number {
  let index = 0;
  let count = 0;
  let stride = 0;
  let last = 0;
  let lo = 0;
  let hi = 0;
  let i = 0;
  for (; i < stop; i += 1) {
    const wrongLo = (found[2 * i] as number) ^ (good[2 * i] as number);
    const wrongHi = (found[2 * i + 1] as number) ^ (good[2 * i + 1] as number);
    if ((wrongLo | wrongHi) === 0) continue;
    const same = count > 0 && wrongLo === lo && wrongHi === hi;
    if (!same) {
      const bits = bitCount(wrongLo) + bitCount(wrongHi);
      if (bits > BITS_MAX) break;
      // Reversed bytes differ in pairs of bits.
      if (bits === 2 && areReversed(found, good, i, words)) break;
    }
    if (!isAlone(found, good, i, words, resumeWords)) break;
    if (same && (count === 1 || i - last === stride)) {
      stride = i - last;
      count += 1;
    } else {
      if (count > 0) take(index, count, stride, lo, hi);
      index = i;
      count = 1;
      stride = 0;
      lo = wrongLo;
      hi = wrongHi;
    }
    last = i;
  }
  if (count > 0) take(index, count, stride, lo, hi);
  return i;
}

/** The words behind are right, until one shows that these bits are not stuck. */
function isAlone(found: Int32Array, good: Int32Array, i: number, words: number, resumeWords: number): boolean {
  const lo = (found[2 * i] as number) ^ (good[2 * i] as number);
  const hi = (found[2 * i + 1] as number) ^ (good[2 * i + 1] as number);
  const stuckLo = (found[2 * i] as number) & lo;
  const stuckHi = (found[2 * i + 1] as number) & hi;
  const resumed = Math.min(words, i + 1 + resumeWords);
  const end = Math.min(words, i + LOOK_WORDS);
  for (let j = i + 1; j < end; j += 1) {
    const goodLo = good[2 * j] as number;
    const goodHi = good[2 * j + 1] as number;
    const foundLo = found[2 * j] as number;
    const foundHi = found[2 * j + 1] as number;
    if (foundLo !== goodLo || foundHi !== goodHi) {
      // A wrong word that is what stuck bits make of it.
      const isStuck = foundLo === ((goodLo & ~lo) | stuckLo) && foundHi === ((goodHi & ~hi) | stuckHi);
      return j >= resumed && !isStuck;
    }
    if (j >= resumed - 1 && ((goodLo & lo) !== stuckLo || (goodHi & hi) !== stuckHi)) return true;
  }
  return true;
}

/** This word and the next wrong one in view are the right ones with their bytes reversed. */
function areReversed(found: Int32Array, good: Int32Array, i: number, words: number): boolean {
  const widths = reversedIn(found, good, i);
  if (widths === 0) return false;
  const end = Math.min(words, i + LOOK_WORDS);
  for (let j = i + 1; j < end; j += 1) {
    if (found[2 * j] === good[2 * j] && found[2 * j + 1] === good[2 * j + 1]) continue;
    return (widths & reversedIn(found, good, j)) !== 0;
  }
  return false;
}

/** A bit for each width (2, 4, 8 bytes) in which a word is reversed. */
function reversedIn(found: Int32Array, good: Int32Array, i: number): number {
  const lo = found[2 * i] as number;
  const hi = found[2 * i + 1] as number;
  const goodLo = good[2 * i] as number;
  const goodHi = good[2 * i + 1] as number;
  const pairs = lo === reversedPairs(goodLo) && hi === reversedPairs(goodHi) ? 1 : 0;
  const halves = lo === reversed(goodLo) && hi === reversed(goodHi) ? 2 : 0;
  return pairs | halves | (lo === reversed(goodHi) && hi === reversed(goodLo) ? 4 : 0);
}

function reversedPairs(half: number): number {
  return ((half & 0x00ff00ff) << 8) | ((half >>> 8) & 0x00ff00ff);
}

function reversed(half: number): number {
  const pairs = reversedPairs(half);
  return (pairs << 16) | (pairs >>> 16);
}
