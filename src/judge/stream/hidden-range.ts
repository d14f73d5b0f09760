/**
 * A range that one rule explains (a stuck bit, reversed words) at the very beginning of what is judged, where no run before
 * it shows which bytes of the stream these should be: a window of a file that is shifted before it.
 *
 * Owns finding the shift: words with a bit wrong prove other places, and with that bit turned back their own. A shift is
 * believed where one rule explains bytes that otherwise prove several places in turn. Looks at the first pages only, once a
 * file. Refuses to follow the range.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { PAGE_BYTES } from "./boundary.ts";
import { type Derivation, derive, Follower, WORD } from "./derived.ts";
import { LOOK_WORDS } from "./flips.ts";
import { believedTo, type Window } from "./resync.ts";
import { SWAPS, type WordAnswer, type WordDamage } from "./word-damage.ts";

/** Reversed words prove nothing of the own stream in so many bytes. */
const FIRST_BYTES = LOOK_WORDS * WORD;
/** Wrong bits make blocks: those of a page and more are pages of another place; of smaller ones so many bytes show four. */
const LOOK_BYTES = 2 * PAGE_BYTES + FIRST_BYTES;
/** Bytes that a rule must explain. */
const PROOF_BYTES = 64;
const PROOFS_MAX = 8;
/** What must be in view behind the first wrong byte, unless the file ends. */
export const BEGINNING_BYTES = LOOK_BYTES + 2 * PROOF_BYTES;

export interface HiddenRange {
  readonly shift: number;
  /** File offset of the first wrong byte. */
  readonly at: number;
  readonly derivation: Derivation;
}

interface Opening {
  readonly pattern: Pattern;
  readonly endBytes: number;
  /** Places in the stream beyond it are not believed. */
  readonly limitBytes: number;
  /** File offset of the first byte that is wrong where it is. */
  readonly from: number;
}

/** The beginning of what is judged. */
export class Beginning {
  readonly #pattern: Pattern;
  readonly #endBytes: number;
  /** Before this the first run does not show where in the stream it is. */
  #until: number;

  constructor({ pattern, endBytes, startBytes }: { pattern: Pattern; endBytes: number; startBytes: number }) {
    this.#pattern = pattern;
    this.#endBytes = endBytes;
    const isShown = pattern.proofBytes > 0 && pattern.periodBytes === undefined;
    this.#until = isShown ? startBytes + pattern.wordBytes : -1;
  }

  /** A run that ends here is the first, and does not show where it is. */
  isAt({ hi }: { readonly hi: number }): boolean {
    return hi < this.#until;
  }

  /**
   * The range that the first wrong byte behind the run is in, if the run is the first and does not show where it is. A rule
   * that explains the words where they are is the better one unless it ends sooner.
   */
  rangeOf(
    window: Window,
    run: { readonly hi: number; readonly shift: number },
    { words, answer }: { words: WordDamage; answer: WordAnswer },
  ): HiddenRange | undefined {
    if (!this.isAt(run)) return undefined;
    this.#until = -1;
    const limitBytes = believedTo(this.#endBytes, run.hi);
    const start = { pattern: this.#pattern, endBytes: this.#endBytes, limitBytes, from: run.hi };
    const proofs = proofsIn(window, start);
    // Reversed words prove more than another stream, whose words some of them seem to be, and less than the own one.
    const isOwn = proofs.some(({ at, stream }) => stream === this.#pattern && at < run.hi + FIRST_BYTES);
    const reversed = isOwn ? undefined : reversedRange(window, start);
    const range = reversed ?? wrongBits(window, { start, proofs, words });
    if (range === undefined || range.shift === run.shift) return undefined;
    if (answer.kind !== "range") return range;
    const here = { shift: run.shift, at: run.hi, derivation: answer.derivation };
    return (followedTo(window, start, here) ?? 0) < (followedTo(window, start, range) ?? 0) ? range : undefined;
  }
}

/** Words that prove one place when they are turned round. */
function reversedRange(window: Window, start: Opening): HiddenRange | undefined {
  const { pattern, limitBytes, from } = start;
  const begin = from - window.at;
  for (const { derivation } of SWAPS) {
    for (let phase = 0; phase < WORD; phase += 1) {
      const turned = window.block.slice(begin + phase, begin + phase + PROOF_BYTES * 2);
      derive(turned, 0, derivation);
      const range = { fromIndex: 0, toIndex: 1, limitBytes, nearBytes: from + phase };
      const found = pattern.locate(turned, range);
      if (found?.stream !== pattern) continue;
      const shift = found.streamOffsetBytes - from - phase;
      const at = firstWrong(window, start, shift);
      if (at !== undefined && followedTo(window, start, { shift, at, derivation }) !== undefined)
        return { shift, at, derivation };
    }
  }
  return undefined;
}

/**
 * Bits that are wrong in all words: bytes that prove several places in turn, or another generation, are of one place then. A
 * rule fits as many changes of place as it has bits by chance: those are losses and copies, not wrong bits. (The end of the
 * stream's first 2^n bytes and then its beginning are the bytes around 2^(n-1) with one bit wrong.)
 */
function wrongBits(
  window: Window,
  { start, proofs, words }: { start: Opening; proofs: readonly Proof[]; words: WordDamage },
): HiddenRange | undefined {
  const { pattern, from } = start;
  const isElsewhere = (to: number, bits: number) => {
    const inside = proofs.filter(({ at }) => at < to);
    return inside.some(({ stream }) => stream !== pattern) || inside.length - 1 > bits;
  };
  if (!isElsewhere(Infinity, 1)) return undefined;
  let best: { readonly range: HiddenRange; readonly to: number; readonly bits: number } | undefined;
  for (const shift of shiftsOf(window, start, proofs)) {
    const at = firstWrong(window, start, shift);
    if (at === undefined) continue;
    const derivation = words.ruleAt(window, { ...start, shift, at, lo: from, last: true });
    if (derivation?.kind !== "bit-flipped") continue;
    const range = { shift, at, derivation };
    const to = followedTo(window, start, range);
    const bits = bitsOf(derivation);
    if (to === undefined || !isElsewhere(to, bits)) continue;
    // The words of a place so far away that one bit more is wrong follow as far.
    if (best === undefined || to > best.to || (to === best.to && bits < best.bits)) best = { range, to, bits };
  }
  return best?.range;
}

/** How many bits of a word are wrong. */
function bitsOf({ mask = new Uint8Array(), wordBytes }: Derivation): number {
  return mask.subarray(0, wordBytes).reduce((count, byte) => count + byte.toString(2).replaceAll("0", "").length, 0);
}

interface Proof {
  readonly at: number;
  readonly shift: number;
  readonly stream: Pattern;
}

/** The places that bytes prove, one after the other. */
function proofsIn(window: Window, { pattern, limitBytes, from }: Opening): Proof[] {
  const begin = from - window.at;
  const toIndex = Math.min(window.block.length, begin + LOOK_BYTES);
  const proofs: Proof[] = [];
  for (let index = begin; proofs.length < PROOFS_MAX; ) {
    const range = { fromIndex: index, toIndex, limitBytes, nearBytes: window.at };
    const found = pattern.locate(window.block, range);
    if (found === undefined) break;
    const { stream, streamOffsetBytes } = found;
    const at = window.at + found.index;
    const shift = streamOffsetBytes - at;
    const last = proofs.at(-1);
    if (last?.shift !== shift || last.stream.label !== stream.label) proofs.push({ at, shift, stream });
    index = found.index + 1;
  }
  return proofs;
}

/** Where the bytes that prove something would be with one bit of every word turned. */
function shiftsOf({ block, at: windowAt }: Window, { pattern, limitBytes }: Opening, proofs: readonly Proof[]) {
  const shifts = new Set(proofs.map(({ shift }) => shift));
  for (const { at } of proofs) {
    const words = block.slice(at - windowAt, at - windowAt + PROOF_BYTES);
    for (const period of [WORD, WORD / 2]) {
      for (let bit = 0; bit < period * 8; bit += 1) {
        const turn = () => {
          for (let i = bit >> 3; i < words.length; i += period) words[i] = (words[i] as number) ^ (1 << (bit & 7));
        };
        turn();
        const found = pattern.locate(words, { fromIndex: 0, toIndex: 1, limitBytes, nearBytes: at });
        if (found?.stream === pattern) shifts.add(found.streamOffsetBytes - at);
        turn();
      }
    }
  }
  return shifts;
}

/** The first wrong byte of the stream with that shift: a stuck bit may be right in the first words. */
function firstWrong({ block, at }: Window, { pattern, endBytes, from }: Opening, shift: number): number | undefined {
  if (from + shift < 0 || from + shift >= endBytes) return undefined;
  const index = pattern.firstMismatch(block.subarray(from - at, from - at + LOOK_BYTES), from + shift);
  return index < 0 ? undefined : from + index;
}

/** How far in view the rule explains all; undefined for too few wrong bytes, or where those behind are not right in place. */
function followedTo(window: Window, start: Opening, { shift, at, derivation }: HiddenRange): number | undefined {
  const to = start.from + LOOK_BYTES;
  const follower = new Follower(derivation, { ...start, shift, from: at });
  follower.advance(window, to);
  // Only wrong bytes speak for the rule.
  return follower.resumes && follower.wrongTo - at >= PROOF_BYTES ? Math.min(to, follower.pos) : undefined;
}
