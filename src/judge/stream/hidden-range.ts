/**
 * A range that one rule explains (a stuck bit, reversed words) at the very beginning of what is judged, where no run before
 * it shows which bytes of the stream these should be: a window of a file that is shifted before it.
 *
 * Owns finding the shift: words with a bit wrong prove other places, and with that bit turned back their own. A shift is
 * believed where one rule explains bytes that otherwise prove several places. Looks at the first words only, once a file.
 * Refuses to follow the range.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { type Derivation, derive, Follower, WORD } from "./derived.ts";
import { LOOK_WORDS } from "./flips.ts";
import { believedTo, type Window } from "./resync.ts";
import { SWAPS, type WordDamage } from "./word-damage.ts";

const LOOK_BYTES = LOOK_WORDS * WORD;
/** Bytes that a rule must explain. */
const PROOF_BYTES = 64;
const PROOFS_MAX = 8;

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

  /** The range that the first wrong byte behind the run is in, if the run is the first and does not show where it is. */
  rangeOf(window: Window, run: { hi: number; shift: number }, words: WordDamage): HiddenRange | undefined {
    if (run.hi >= this.#until) return undefined;
    this.#until = -1;
    const limitBytes = believedTo(this.#endBytes, run.hi);
    const start = { pattern: this.#pattern, endBytes: this.#endBytes, limitBytes, from: run.hi };
    const proofs = proofsIn(window, start);
    // Reversed words prove more than another stream, whose words some of them seem to be, and less than the own one.
    const isOwn = proofs.some(({ stream }) => stream === this.#pattern);
    const reversed = isOwn ? undefined : reversedRange(window, start);
    const range = reversed ?? wrongBits(window, { start, proofs, words });
    return range?.shift === run.shift ? undefined : range;
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
      if (at !== undefined && followed(window, start, { shift, at, derivation }) >= PROOF_BYTES)
        return { shift, at, derivation };
    }
  }
  return undefined;
}

/**
 * Bits that are wrong in all words: bytes that prove several places, or another generation, are of one place then. A rule
 * of as many bits as there are places would fit them by chance: those are two losses, not two stuck bits.
 */
function wrongBits(
  window: Window,
  { start, proofs, words }: { start: Opening; proofs: readonly Proof[]; words: WordDamage },
): HiddenRange | undefined {
  const { pattern, from } = start;
  const isElsewhere = (to: number, bits: number) => {
    const inside = proofs.filter(({ at }) => at < to);
    return inside.some(({ stream }) => stream !== pattern) || new Set(inside.map(({ shift }) => shift)).size > bits;
  };
  if (!isElsewhere(Infinity, 1)) return undefined;
  let best: { readonly range: HiddenRange; readonly length: number } | undefined;
  for (const shift of shiftsOf(window, start, proofs)) {
    const at = firstWrong(window, start, shift);
    if (at === undefined) continue;
    const derivation = words.ruleAt(window, { ...start, shift, at, lo: from, last: true });
    if (derivation?.kind !== "bit-flipped") continue;
    const length = followed(window, start, { shift, at, derivation });
    if (length < PROOF_BYTES || length <= (best?.length ?? 0) || !isElsewhere(at + length, bitsOf(derivation)))
      continue;
    best = { range: { shift, at, derivation }, length };
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
    if (!proofs.some((one) => one.shift === shift && one.stream.label === stream.label))
      proofs.push({ at, shift, stream });
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

/** The first wrong byte, of the stream with that shift, where it is within two words. */
function firstWrong({ block, at }: Window, { pattern, endBytes, from }: Opening, shift: number): number | undefined {
  if (from + shift < 0 || from + shift >= endBytes) return undefined;
  const index = pattern.firstMismatch(block.subarray(from - at, from - at + 2 * WORD), from + shift);
  return index < 0 ? undefined : from + index;
}

/** How many bytes the rule explains; 0 when those behind them are not right where they are. */
function followed(window: Window, { pattern, endBytes }: Opening, { shift, at, derivation }: HiddenRange): number {
  const follower = new Follower(derivation, { pattern, endBytes, shift, from: at });
  follower.advance(window, at + LOOK_BYTES);
  // Only wrong bytes speak for the rule.
  return follower.resumes ? follower.wrongTo - at : 0;
}
