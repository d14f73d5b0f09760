/**
 * Counters that other programs write: words of 32 or 64 bits, in either byte order, that number bytes, words or sectors.
 *
 * Word w, at stream offset w * width / 8, holds start + floor(its offset / unit) modulo 2^width, where the unit is 1 byte,
 * one word or one sector of 512 bytes. `counter.ts` is the special case that this project writes itself (64-bit,
 * little-endian, words, start 0), with generations and the faster loops. Numbers come again after 2^width units; of the
 * places where one belongs, the nearest to where it was expected is meant. Owns layout and self-location of these words.
 */
import { mismatchByFilling } from "./expected.ts";
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";
import { TWO_32, type U64 } from "./u64.ts";
import { fillWords, firstWordMismatch } from "./words.ts";

/** Width, order and unit of the numbers. */
export interface NumberedOptions {
  /** Bits of a word. Default 64. */
  readonly width?: 32 | 64;
  /** Byte order in a word. Default "little". */
  readonly order?: "little" | "big";
  /** What is counted. Default "words". */
  readonly unit?: "bytes" | "words" | "sectors";
  /** The first word's number. Default 0. */
  readonly start?: number;
}

export const SECTOR_BYTES = 512;
/** So many bytes in a row that follow each other prove a place. */
const PROOF_BYTES = 24;

export class Numbered implements Pattern {
  readonly name = "counter";
  readonly label: string;
  readonly wordBytes: number;
  readonly resumeBytes = 8;
  readonly proofBytes: number;
  readonly reachBytes = 8;
  readonly #unitBytes: number;
  readonly #big: boolean;
  readonly #start: number;
  readonly #word = new DataView(new ArrayBuffer(8));

  constructor({ width = 64, order = "little", unit = "words", start = 0 }: NumberedOptions = {}) {
    const most = width === 32 ? 0xffffffff : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(start) || start < 0 || start > most) {
      throw new RangeError(`a counter of ${width} bits starts at a whole number from 0 to ${most}, not ${start}`);
    }
    this.wordBytes = width / 8;
    this.#big = order === "big";
    this.#unitBytes = unit === "bytes" ? 1 : unit === "sectors" ? SECTOR_BYTES : this.wordBytes;
    // A sector's words are all alike; only its neighbour proves where in it they are.
    this.proofBytes = PROOF_BYTES + (unit === "sectors" ? SECTOR_BYTES : 0);
    this.#start = start;
    this.label = `${width}-bit ${order}-endian numbers of ${unit} from ${start}`;
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    assertStreamOffset(streamOffsetBytes);
    const head = Math.min(block.length, (8 - (streamOffsetBytes % 8)) % 8);
    const words = (block.length - head) >>> 3;
    this.#fillBytes(block, { from: 0, to: head, streamOffsetBytes });
    for (let done = 0; done < words; ) {
      const at = streamOffsetBytes + head + done * 8;
      const { count, start, step } = this.#stretch(at, words - done);
      fillWords(block, { atIndex: head + done * 8, words: count, start, step });
      done += count;
    }
    if (this.#big) this.#swap(block, head, words * 8);
    this.#fillBytes(block, { from: head + words * 8, to: block.length, streamOffsetBytes });
  }

  #fillBytes(block: Uint8Array, range: { from: number; to: number; streamOffsetBytes: number }): void {
    for (let i = range.from; i < range.to; i += 1) {
      const offset = range.streamOffsetBytes + i;
      const inWord = offset % this.wordBytes;
      this.#putWord(offset - inWord);
      block[i] = this.#word.getUint8(inWord);
    }
  }

  /** The word at an offset, in its byte order, at the beginning of the scratch word. */
  #putWord(offsetBytes: number): void {
    const { lo, hi } = this.#valueAt(offsetBytes);
    if (this.wordBytes === 4) this.#word.setUint32(0, lo, !this.#big);
    else {
      this.#word.setUint32(this.#big ? 4 : 0, lo, !this.#big);
      this.#word.setUint32(this.#big ? 0 : 4, hi, !this.#big);
    }
  }

  /** start + units, where both are safe integers but their sum need not be. */
  #valueAt(offsetBytes: number): U64 {
    const units = Math.floor(offsetBytes / this.#unitBytes);
    const lo = (units % TWO_32) + (this.#start % TWO_32);
    const hi = Math.floor(units / TWO_32) + Math.floor(this.#start / TWO_32) + Number(lo >= TWO_32);
    return { lo: lo >>> 0, hi: hi >>> 0 };
  }

  /** How many pairs of 4 bytes, or words of 8, from an offset on are one progression of little-endian u64. */
  #stretch(at: number, most: number): { count: number; start: U64; step: U64 } {
    const value = this.#valueAt(at);
    if (this.#unitBytes === SECTOR_BYTES) {
      const count = Math.min(most, (SECTOR_BYTES - (at % SECTOR_BYTES)) / 8);
      const start = this.wordBytes === 8 ? value : { lo: value.lo, hi: value.lo };
      return { count, start, step: { lo: 0, hi: 0 } };
    }
    const units = 8 / this.#unitBytes;
    if (this.wordBytes === 8) return { count: most, start: value, step: { lo: units, hi: 0 } };
    // Two 32-bit numbers in one 64-bit word: the lower one must not carry into the upper.
    const next = (value.lo + units / 2) % TWO_32;
    const untilCarry = Math.floor((TWO_32 - 1 - value.lo) / units) + 1;
    return { count: Math.min(most, untilCarry), start: { lo: value.lo, hi: next }, step: { lo: units, hi: units } };
  }

  #swap(block: Uint8Array, from: number, length: number): void {
    const view = Buffer.from(block.buffer, block.byteOffset + from, length);
    if (this.wordBytes === 4) view.swap32();
    else view.swap64();
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    assertStreamOffset(streamOffsetBytes);
    const plain = !this.#big && this.wordBytes === 8 && this.#unitBytes < SECTOR_BYTES && streamOffsetBytes % 8 === 0;
    let right = 0;
    if (plain) {
      const words = block.length >>> 3;
      const { start, step } = this.#stretch(streamOffsetBytes, words);
      const bad = firstWordMismatch(block, { atIndex: 0, words, start, step });
      right = (bad >= 0 ? bad : words) * 8;
      if (right === block.length) return -1;
    }
    const rest = right === 0 ? block : block.subarray(right);
    const bad = mismatchByFilling(rest, streamOffsetBytes + right, (expected, at) => this.fill(expected, at));
    return bad < 0 ? -1 : right + bad;
  }

  locate(block: Uint8Array, range: LocateRange): Location | undefined {
    const sectors = this.#unitBytes === SECTOR_BYTES;
    const to = Math.min(range.toIndex, block.length - PROOF_BYTES + 1);
    for (let index = range.fromIndex; index < to; index += 1) {
      const value = this.#follows(block, index, sectors ? 0 : this.wordBytes / this.#unitBytes);
      if (value === undefined) continue;
      const offset = sectors ? this.#sectorOffset(block, { ...range, index, value }) : this.#offsetOf(value);
      if (offset === undefined) continue;
      const streamOffsetBytes = this.#nearest(offset, range, index);
      if (streamOffsetBytes === undefined) continue;
      return { index, streamOffsetBytes, provenBytes: PROOF_BYTES, stream: this };
    }
    return undefined;
  }

  /** The word at an index when the ones after it, as far as a proof reaches, follow it by `step`. */
  #follows(block: Uint8Array, index: number, step: number): number | undefined {
    const last = this.#big ? this.wordBytes - 1 : 0;
    const low = (i: number) => block[index + i * this.wordBytes + last] as number;
    // Most places fail here: one byte is cheaper than a word.
    if (((low(1) - low(0)) & 0xff) !== (step & 0xff)) return undefined;
    const first = this.#read(block, index);
    let value = first;
    for (let at = this.wordBytes; at < PROOF_BYTES; at += this.wordBytes) {
      value = this.wordBytes === 4 ? (value + step) % TWO_32 : value + step;
      if (this.#read(block, index + at) !== value) return undefined;
    }
    return first;
  }

  /** A word as a number; words of 64 bits beyond 2^53 are not a number of this counter. */
  #read(block: Uint8Array, index: number): number {
    let value = 0;
    for (let i = 0; i < this.wordBytes; i += 1) {
      value = value * 256 + (block[index + (this.#big ? i : this.wordBytes - 1 - i)] as number);
    }
    return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
  }

  #units(value: number): number {
    const units = value - this.#start;
    return units < 0 && this.wordBytes === 4 ? units + TWO_32 : units;
  }

  #offsetOf(value: number): number | undefined {
    const offset = this.#units(value) * this.#unitBytes;
    return offset >= 0 && offset % this.wordBytes === 0 ? offset : undefined;
  }

  /**
   * All words of a sector are alike: where they end and the next sector's begin is their place. A sector without a
   * neighbour (a misdirected one) ends where a sector of the disk does.
   */
  #sectorOffset(block: Uint8Array, { index, value, nearBytes }: { index: number; value: number; nearBytes?: number }) {
    const units = this.#units(value);
    // Zeros are not a sector 0: holes and wiped blocks are full of them.
    if (units < 0 || value === 0) return undefined;
    let at = index;
    const end = Math.min(index + SECTOR_BYTES, block.length - this.wordBytes);
    while (at < end && this.#read(block, at) === value) at += this.wordBytes;
    const next = this.wordBytes === 4 ? (value + 1) % TWO_32 : value + 1;
    if (at <= end && this.#read(block, at) === next) return (units + 1) * SECTOR_BYTES - (at - index);
    if (nearBytes === undefined || (nearBytes + at) % SECTOR_BYTES !== 0) return undefined;
    return units * SECTOR_BYTES + SECTOR_BYTES - (at - index);
  }

  /** Of the places that hold this number, the one nearest to where the walk is; the first one when it is nowhere. */
  #nearest(offset: number, { limitBytes, nearBytes }: LocateRange, index: number): number | undefined {
    const span = this.wordBytes === 4 ? TWO_32 * this.#unitBytes : Infinity;
    const turns = nearBytes === undefined || span === Infinity ? 0 : Math.round((nearBytes + index - offset) / span);
    let streamOffsetBytes = offset + (turns === 0 ? 0 : turns * span);
    if (streamOffsetBytes + PROOF_BYTES > limitBytes && turns > 0) streamOffsetBytes -= span;
    return streamOffsetBytes >= 0 && streamOffsetBytes + PROOF_BYTES <= limitBytes ? streamOffsetBytes : undefined;
  }
}

/** `numbered({ width: 32, order: "big", unit: "sectors", start: 2048 })`: counters as other programs write them. */
export function numbered(options: NumberedOptions = {}): Pattern {
  return new Numbered(options);
}
