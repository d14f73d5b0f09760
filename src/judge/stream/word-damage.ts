/**
 * Looks at the words behind the first wrong byte of a run: flipped bits by themselves, the same bits wrong all along a
 * range, reversed bytes, or something else.
 *
 * Owns the rules. A flip by itself: one to three bits of one word, the next word is right, and no later word shows that
 * the bit is stuck. A range: at least two wrong words that the same stuck or inverted bits explain, at most three of a
 * word (or of every byte of it). Millions of flips cost no more than comparing: they are found in chunks of words.
 * Refuses to look further ahead than `LOOK_WORDS`, and to decide between a range and what `locate` may find there.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { type Derivation, derive, WORD } from "./derived.ts";
import { BITS_MAX, bitCount, flipsIn, LOOK_WORDS } from "./flips.ts";
import type { Found, Window } from "./resync.ts";

const CHUNK_WORDS_MIN = LOOK_WORDS;
const CHUNK_WORDS_MAX = 8192;
const WIDE_WORDS_MIN = 4;
/** Most candidates follow for a word or two: so many bytes are made at a time. */
const PIECE_BYTES = 64;
/** Whoever asks whether the words prove another place finds as many bytes behind them. */
const PROOF_BYTES = 64;

/** One pair for all judges: nothing in them outlives a look. */
const foundWords = new Int32Array(CHUNK_WORDS_MAX * 2);
const goodWords = new Int32Array(CHUNK_WORDS_MAX * 2);

/** The run in which the first wrong byte is, at file offset `at`. */
export interface WordPlace {
  readonly shift: number;
  readonly at: number;
  /** Where that run begins: what is before it in the file, in the same word, is not known. */
  readonly lo: number;
  /** Where the stream ends. */
  readonly endBytes: number;
  /** The file ends with the window. */
  readonly last: boolean;
  /** Another record of the stream there, where records differ in a few bits. */
  other(): Found | undefined;
}

export type WordAnswer =
  /** More of the file is needed first. */
  | { readonly kind: "more" }
  /** Flips were reported; the run continues at `to`. */
  | { readonly kind: "flips"; readonly to: number }
  | { readonly kind: "range"; readonly derivation: Derivation }
  | { readonly kind: "other"; readonly found?: Found };

/** Takes flips by themselves. */
export interface FlipTaker {
  /** The same flip in `count` words, one every `strideBytes`: true when it is taken as a whole, else each is given to `one`. */
  series(wordAt: number, strideBytes: number, count: number, lo: number, hi: number): boolean;
  /** The file offset of its word, and the difference and the found bytes, both as two halves. */
  one(wordAt: number, lo: number, hi: number, foundLo: number, foundHi: number): void;
}

/** What a word of the file is: the right one, the derived one, both at once, or neither. */
type WordState = "right" | "made" | "both" | "other";

export class WordDamage {
  readonly #pattern: Pattern;
  readonly #found = foundWords;
  readonly #good = goodWords;
  readonly #foundBytes = new Uint8Array(foundWords.buffer);
  readonly #goodBytes = new Uint8Array(goodWords.buffer);
  /** What a derivation makes of the good bytes, as far as it was followed. */
  readonly #made = new Uint8Array(new ArrayBuffer(LOOK_WORDS * WORD));
  readonly #resumeWords: number;
  #chunkWords = CHUNK_WORDS_MIN;
  /** Bytes of the first word that are before the run. */
  #unknown = 0;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
    this.#resumeWords = Math.ceil(pattern.resumeBytes / WORD);
  }

  look(window: Window, place: WordPlace, take: FlipTaker): WordAnswer {
    const { shift, at } = place;
    const lead = leadOf(place);
    const from = at - lead;
    const most = Math.min(this.#chunkWords, Math.ceil((place.endBytes - from - shift) / WORD));
    const left = window.at + window.block.length - from;
    const words = Math.min(most, place.last ? Math.ceil(left / WORD) : Math.floor(left / WORD));
    if (left < Math.min(most, LOOK_WORDS) * WORD + PROOF_BYTES && !place.last) return { kind: "more" };
    if (words <= 0) return { kind: "other" };
    const found = place.other();
    if (found !== undefined) return { kind: "other", found };
    // Most wrong words are neither flipped nor reversed, which the first one shows by itself.
    this.#load(window, { from, lead, words: 1, place });
    if (!this.#mayBeDerived()) {
      this.#chunkWords = CHUNK_WORDS_MIN;
      return { kind: "other" };
    }
    this.#load(window, { from, lead, words, place });
    const whole = place.last || from + shift + words * WORD >= place.endBytes;
    return this.#judge({ from, at, words, whole }, take);
  }

  /** True when the first word may be a flip, or the first of a range. */
  #mayBeDerived(): boolean {
    const lo = (this.#found[0] as number) ^ (this.#good[0] as number);
    const hi = (this.#found[1] as number) ^ (this.#good[1] as number);
    const folded = lo | hi;
    const bytes = (folded | (folded >>> 8) | (folded >>> 16) | (folded >>> 24)) & 0xff;
    if (bitCount(lo) + bitCount(hi) <= BITS_MAX || bitCount(bytes) <= BITS_MAX) return true;
    return SWAPS.some(({ derivation }) => this.#isSwapped(derivation));
  }

  /** What the words from there on are made by, whatever else they may be. */
  ruleAt(window: Window, place: Omit<WordPlace, "other">): Derivation | undefined {
    const lead = leadOf(place);
    const from = place.at - lead;
    const left = Math.min(window.at + window.block.length, place.endBytes - place.shift) - from;
    const words = Math.min(LOOK_WORDS, Math.ceil(left / WORD));
    if (words <= 0 || place.at + place.shift < 0) return undefined;
    this.#load(window, { from, lead, words, place });
    return this.#range(words);
  }

  #load(
    window: Window,
    { from, lead, words, place }: { from: number; lead: number; words: number; place: Omit<WordPlace, "other"> },
  ): void {
    const { shift, endBytes } = place;
    this.#unknown = Math.max(0, place.lo - from);
    const length = words * WORD;
    const good = this.#goodBytes.subarray(0, length);
    // The bytes before the first wrong one are right, and what is behind an end is not wrong.
    const first = from + shift < 0 ? -(from + shift) : 0;
    if (first > 0) good.fill(0, 0, first);
    this.#pattern.fill(first > 0 ? good.subarray(first) : good, from + shift + first);
    const index = from + lead - window.at;
    const seen = Math.min(length - lead, window.block.length - index, endBytes - shift - from - lead);
    this.#foundBytes.set(window.block.subarray(index, index + seen), lead);
    if (lead > 0) this.#foundBytes.set(good.subarray(0, lead));
    if (lead + seen < length) this.#foundBytes.set(good.subarray(lead + seen), lead + seen);
  }

  #judge(
    { from, at, words, whole }: { from: number; at: number; words: number; whole: boolean },
    take: FlipTaker,
  ): WordAnswer {
    const found = this.#found;
    const stop = whole ? words : words - LOOK_WORDS + 1;
    let flips = 0;
    const chunk = { found, good: this.#good, words, stop, resumeWords: this.#resumeWords };
    const i = flipsIn(chunk, (index, count, stride, lo, hi) => {
      flips += count;
      if (take.series(from + index * WORD, stride * WORD, count, lo, hi)) return;
      for (let k = index; k < index + count * stride || k === index; k += stride || 1)
        take.one(from + k * WORD, lo, hi, found[2 * k] as number, found[2 * k + 1] as number);
    });
    const busy = flips * 1024 > i;
    this.#chunkWords = busy && i >= stop ? CHUNK_WORDS_MAX : CHUNK_WORDS_MIN;
    if (i > 0) return { kind: "flips", to: Math.max(at, from + i * WORD) };
    const derivation = this.#range(words);
    return derivation === undefined ? { kind: "other" } : { kind: "range", derivation };
  }

  /** What the words from the first on are made by, if two of them are wrong (or one is reversed). */
  #range(words: number): Derivation | undefined {
    const length = Math.min(words, LOOK_WORDS) * WORD;
    let best: { derivation: Derivation; length: number } | undefined;
    const made = this.#made.subarray(0, length);
    for (const { derivation, wrongMin } of [...this.#bitCandidates(length), ...this.#swapCandidates()]) {
      const follows = this.#followed(made, { derivation, wrongMin });
      // Bytes that are all one value are a fill, whatever bits they happen to differ in.
      if (derivation.kind === "bit-flipped" && this.#isFill(follows)) continue;
      if (follows > (best?.length ?? 0)) best = { derivation, length: follows };
    }
    return best?.derivation;
  }

  /**
   * How many bytes follow; 0 when too few of them are wrong, or when it is mere chance at the beginning of other damage:
   * behind a short range the next word is right.
   */
  #followed(made: Uint8Array, { derivation, wrongMin }: Candidate): number {
    let length = 0;
    let wrong = 0;
    let word: WordState = "right";
    for (; length < made.length; length += WORD) {
      if (length % PIECE_BYTES === 0) {
        const piece = made.subarray(length, length + PIECE_BYTES);
        piece.set(this.#goodBytes.subarray(length, length + piece.length));
        derive(piece, length, derivation);
      }
      word = this.#wordState(made, length);
      if (word === "other" || word === "right") break;
      if (word === "made") wrong += 1;
    }
    if (wrong < wrongMin) return 0;
    return length >= made.length || word === "right" ? length : 0;
  }

  #isFill(length: number): boolean {
    for (let k = 1; k < length; k += 1) if (this.#foundBytes[k] !== this.#foundBytes[0]) return false;
    return true;
  }

  #wordState(made: Uint8Array, at: number): WordState {
    let follows = true;
    let right = true;
    for (let k = Math.max(at, this.#unknown); k < at + WORD; k += 1) {
      follows &&= made[k] === this.#foundBytes[k];
      right &&= this.#goodBytes[k] === this.#foundBytes[k];
    }
    if (follows) return right ? "both" : "made";
    return right ? "right" : "other";
  }

  /** Bits that the first word shows, then all that the words in view show as long as they are few. */
  #bitCandidates(length: number): Candidate[] {
    const mask = new Uint8Array(WORD);
    for (let k = 0; k < WORD; k += 1) mask[k] = (this.#foundBytes[k] as number) ^ (this.#goodBytes[k] as number);
    const candidates: Candidate[] = [];
    for (let at = WORD; ; at += WORD) {
      const folded = maskOf(mask);
      if (folded === undefined) return candidates;
      candidates.push(...bitCandidates(folded, this.#foundBytes));
      while (at < length && !this.#widen(mask, at)) at += WORD;
      if (at >= length) return candidates;
    }
  }

  /** Adds the wrong bits of a word to a mask; true when it had not all of them. */
  #widen(mask: Uint8Array, at: number): boolean {
    let grown = false;
    for (let k = 0; k < WORD; k += 1) {
      const bits = (mask[k] as number) | ((this.#foundBytes[at + k] as number) ^ (this.#goodBytes[at + k] as number));
      grown ||= bits !== mask[k];
      mask[k] = bits;
    }
    return grown;
  }

  #swapCandidates(): Candidate[] {
    return SWAPS.filter(({ derivation }) => this.#isSwapped(derivation));
  }

  /** The first word is the right one with its bytes reversed. */
  #isSwapped({ wordBytes }: Derivation): boolean {
    for (let k = this.#unknown; k < WORD; k += 1) {
      const from = k - (k % wordBytes) + wordBytes - 1 - (k % wordBytes);
      if (this.#foundBytes[k] !== this.#goodBytes[from]) return false;
    }
    return true;
  }
}

/** Bytes of the word before the first wrong one. */
function leadOf({ at, shift }: Pick<WordPlace, "at" | "shift">): number {
  return (((at + shift) % WORD) + WORD) % WORD;
}

interface Candidate {
  readonly derivation: Derivation;
  /** Words that must be wrong. */
  readonly wrongMin: number;
}

export const SWAPS: readonly Candidate[] = [8, 4, 2].map((wordBytes) => ({
  derivation: { kind: "byte-swapped", wordBytes },
  wrongMin: 1,
}));

interface Mask {
  readonly mask: Uint8Array;
  readonly period: number;
  readonly wrongMin: number;
}

/** The mask and its period when it has one to three bits, of the word or of every byte. */
function maskOf(mask: Uint8Array): Mask | undefined {
  let bits = 0;
  let folded = 0;
  for (const byte of mask) {
    bits += bitCount(byte);
    folded |= byte;
  }
  if (bits === 0) return undefined;
  if (bits <= BITS_MAX) return { mask: mask.slice(), period: WORD, wrongMin: 2 };
  if (bitCount(folded) > BITS_MAX) return undefined;
  return { mask: new Uint8Array(WORD).fill(folded), period: 1, wrongMin: WIDE_WORDS_MIN };
}

function bitCandidates({ mask, period, wrongMin }: Mask, found: Uint8Array): Candidate[] {
  const stuckAt = mask.map((bits, k) => bits & (found[k] as number));
  if (period === 1) stuckAt.fill(stuckAt.reduce((or, byte) => or | byte, 0));
  return [
    { derivation: { kind: "bit-flipped", wordBytes: period, mask, stuckAt }, wrongMin },
    { derivation: { kind: "bit-flipped", wordBytes: period, mask }, wrongMin },
  ];
}
