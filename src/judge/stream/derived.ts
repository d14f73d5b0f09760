/**
 * Streams made of the good one: its words with their bytes reversed, or with the same bits wrong in every word.
 *
 * Owns making these bytes, and following them through a file. A range that follows one of them word for word is one
 * finding, however long it is. Refuses to decide whether that is the best explanation.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import type { WrongBit } from "../finding.ts";
import type { Part } from "./part.ts";
import { believedTo, type Window } from "./resync.ts";

/** Masks and values of one word of eight bytes. */
export type Word = Uint8Array;

export const WORD = 8;
/** Looked at in one go: as much again as followed so far, within these. */
const CHUNK_BYTES = 65536;
const CHUNK_BYTES_MIN = 128;
/** Behind a range that ends, so many bytes show whether its words go on elsewhere. */
export const AHEAD_BYTES = 128;
/** A derived range may begin so far before its first wrong byte: words that are the same either way. */
const BACK_BYTES = 4096;

export interface Derivation {
  readonly kind: "bit-flipped" | "byte-swapped";
  /** `byte-swapped`: 2, 4 or 8; else the period of the mask. */
  readonly wordBytes: number;
  /** `bit-flipped`: which bits are wrong, and what each is found to be where the bit is stuck. */
  readonly mask?: Word;
  readonly stuckAt?: Word;
}

/** Turns good bytes, which begin at that stream offset, into what the derivation makes of them. */
export function derive(bytes: Uint8Array, streamOffsetBytes: number, derivation: Derivation): void {
  const { wordBytes, mask, stuckAt } = derivation;
  if (mask === undefined) {
    // Whole words only: callers ask for words.
    for (let at = 0; at + wordBytes <= bytes.length; at += wordBytes) bytes.subarray(at, at + wordBytes).reverse();
    return;
  }
  const phase = streamOffsetBytes % WORD;
  for (let i = 0; i < bytes.length; i += 1) {
    const j = (phase + i) % WORD;
    const bits = mask[j] as number;
    const byte = bytes[i] as number;
    bytes[i] = stuckAt === undefined ? byte ^ bits : (byte & ~bits) | ((stuckAt[j] as number) & bits);
  }
}

/** The stream that a derivation makes of a pattern; only filling is asked of it. */
function derivedStream(pattern: Pattern, derivation: Derivation): Pattern {
  const fill = (block: Uint8Array, streamOffsetBytes: number) => {
    const lead = streamOffsetBytes % WORD;
    const whole = new Uint8Array(Math.ceil((lead + block.length) / WORD) * WORD);
    pattern.fill(whole, streamOffsetBytes - lead);
    derive(whole, streamOffsetBytes - lead, derivation);
    block.set(whole.subarray(lead, lead + block.length));
  };
  const nothing = () => undefined;
  return { ...namesOf(pattern), fill, firstMismatch: () => -1, locate: nothing };
}

function namesOf({ name, label, wordBytes }: Pattern) {
  return { name, label, wordBytes, resumeBytes: WORD, proofBytes: 0, reachBytes: 0 };
}

function sameBytes(found: Uint8Array, made: Uint8Array): number {
  let same = 0;
  while (same < made.length && found[same] === made[same]) same += 1;
  return same;
}

/** Follows a derived stream from the word in which the first wrong byte is. */
export class Follower {
  derivation: Derivation;
  readonly #pattern: Pattern;
  #derived: Pattern;
  /** Bits that look stuck may be inverted: as long as the good ones had one value, the two look alike. */
  #inverted: { readonly derivation: Derivation; readonly stream: Pattern } | undefined;
  readonly #shift: number;
  readonly #endBytes: number;
  /** File offset of the first wrong byte. */
  readonly from: number;
  /** File offset behind the last byte that follows; everything before the next one was looked at. */
  pos: number;
  /** File offset behind the last byte that is wrong. */
  wrongTo: number;
  done = false;
  /** Behind the range the bytes are right where they are. */
  resumes = true;

  constructor(derivation: Derivation, run: { pattern: Pattern; shift: number; from: number; endBytes: number }) {
    this.derivation = derivation;
    this.#pattern = run.pattern;
    this.#derived = derivedStream(run.pattern, derivation);
    const { kind, wordBytes, mask, stuckAt } = derivation;
    if (mask !== undefined && stuckAt !== undefined) {
      const inverted = { kind, wordBytes, mask };
      this.#inverted = { derivation: inverted, stream: derivedStream(run.pattern, inverted) };
    }
    this.#shift = run.shift;
    this.#endBytes = run.endBytes;
    this.from = run.from;
    this.pos = run.from;
    this.wrongTo = run.from;
  }

  /** Goes on to the end of the window, to `until`, or to the first byte that does not follow. */
  advance({ block, at }: Window, until = Infinity): void {
    const end = Math.min(at + block.length, this.#endBytes - this.#shift);
    while (!this.done && this.pos < Math.min(end, until)) {
      const chunk = Math.min(CHUNK_BYTES, Math.max(CHUNK_BYTES_MIN, this.pos - this.from));
      const length = Math.min(chunk, end - this.pos);
      const good = new Uint8Array(length);
      const made = new Uint8Array(length);
      const stream = this.pos + this.#shift;
      this.#pattern.fill(good, stream);
      this.#derived.fill(made, stream);
      const index = this.pos - at;
      const found = block.subarray(index, index + length);
      let same = sameBytes(found, made);
      if (this.#inverted !== undefined) {
        this.#inverted.stream.fill(made, stream);
        const inverted = sameBytes(found, made);
        if (inverted < same) this.#inverted = undefined;
        else if (inverted > same) {
          ({ derivation: this.derivation, stream: this.#derived } = this.#inverted);
          same = inverted;
          this.#inverted = undefined;
        }
      }
      for (let i = same - 1; i >= 0; i -= 1) {
        if (good[i] === found[i]) continue;
        this.wrongTo = this.pos + i + 1;
        break;
      }
      this.pos += same;
      this.done = same < length;
      this.resumes = !this.done || block[index + same] === good[same];
    }
    if (this.pos >= this.#endBytes - this.#shift) this.done = true;
  }

  /** Where the last word begins that was followed in part: words of another place would begin there. */
  get wordAt(): number {
    return this.pos - ((((this.pos + this.#shift) % WORD) + WORD) % WORD);
  }

  /** Reversed words that go on behind the range, and belong elsewhere in the stream: their shift. The range ends there. */
  elsewhere({ block, at }: Window): number | undefined {
    const from = this.wordAt;
    if (!this.mayGoOn || from < at) return undefined;
    const turned = block.slice(from - at, from - at + AHEAD_BYTES);
    derive(turned, 0, this.derivation);
    const nearBytes = from + this.#shift;
    const range = { fromIndex: 0, toIndex: 1, limitBytes: believedTo(this.#endBytes, nearBytes), nearBytes };
    const found = this.#pattern.locate(turned, range);
    if (found?.stream !== this.#pattern) return undefined;
    this.pos = from;
    this.wrongTo = Math.min(this.wrongTo, from);
    return found.streamOffsetBytes - from;
  }

  /** Of reversed words those of another place may follow. */
  get mayGoOn(): boolean {
    return this.derivation.kind === "byte-swapped" && this.done;
  }

  /** The range as a part of the file; it may reach back to `lo` over bytes that are the same either way. */
  part(lo: number): Part {
    const { kind, wordBytes } = this.derivation;
    const stream = this.#derived;
    const bits = this.#bits();
    return {
      ...{ kind, lo: this.from - this.#sameBefore(lo), hi: this.pos, from: this.from, to: this.wrongTo },
      ...{
        shift: this.#shift,
        stream,
        inlays: [],
        clear: this.wrongTo,
        wordBytes,
        ...(bits === undefined ? {} : { bits }),
      },
    };
  }

  #sameBefore(lo: number): number {
    const count = Math.min(BACK_BYTES, this.from - lo, this.from + this.#shift);
    if (count <= 0) return 0;
    const good = new Uint8Array(count);
    const made = new Uint8Array(count);
    this.#pattern.fill(good, this.from + this.#shift - count);
    this.#derived.fill(made, this.from + this.#shift - count);
    let same = 0;
    while (same < count && good[count - 1 - same] === made[count - 1 - same]) same += 1;
    return same;
  }

  /** The wrong bits of the first word of the range. */
  #bits(): WrongBit[] | undefined {
    const { mask, stuckAt } = this.derivation;
    if (mask === undefined) return undefined;
    const stream = this.from + this.#shift;
    const bits: WrongBit[] = [];
    for (let j = 0; j < this.derivation.wordBytes; j += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        if ((((mask[j] as number) >> bit) & 1) === 0) continue;
        const ahead = (((j - stream) % WORD) + WORD) % this.derivation.wordBytes;
        const found = stuckAt === undefined ? {} : { found: (((stuckAt[j] as number) >> bit) & 1) as 0 | 1 };
        bits.push({ offsetBytes: this.from + ahead, bit, ...found });
      }
    }
    return bits.sort((a, b) => a.offsetBytes - b.offsetBytes || a.bit - b.bit);
  }
}
