/**
 * Tagged records: bytes that record who wrote them, in which file generation, as which record, and where in it they belong.
 *
 * Every 8-byte word of a record is (tag + index) * STEP modulo 2^64, where the tag holds writer (8 bits), generation
 * (12 bits) and sequence (23 bits), and index (21 bits) is the word's place in its record. STEP is odd, so a word can be
 * turned back into its tag; it is large, so every byte of every word changes; and consecutive words differ by STEP, so
 * three of them prove a place at any byte phase: STEP is the magic number. Words 5, 6 and 7 of a record additionally
 * carry (exclusive-or) its length, its offset in the writer's stream and a checksum of all of that, so the first 64 bytes
 * describe the record even to a reader that expected another. The payload follows from the tag: each byte is checked
 * against what it must be, which no checksum could better; the checksum only guards the three fields of the header.
 * It is the 64-bit finaliser of MurmurHash3 in two 32-bit lanes: it spreads a change of any bit over all 64, and costs
 * a few nanoseconds per record.
 */
import { add, multiply, readWord, type U64 } from "./u64.ts";
import { fillWords, firstSuccessor, firstWordMismatch, isSuccessor } from "./words.ts";

const WRITER_MAX = 0xff;
const TAG_GENERATION_MAX = 0xfff;
export const SEQUENCE_MAX = 0x7fffff;
const RECORD_BYTES_MIN = 64;
/** 2^21 words. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;

const HEADER_BYTES = 64;
const VERSION = 1;
const TWO_32 = 4294967296;

/** Odd, without zero bytes, its bits well mixed (the golden ratio's 64-bit fraction). */
export const STEP: U64 = { lo: 0x7f4a7c15, hi: 0x9e3779b9 };
/** STEP * INVERSE = 1 modulo 2^64. */
const INVERSE: U64 = { lo: 0x9937733d, hi: 0xf1de83e1 };

/** Who wrote a record and what it is. */
export interface RecordTag {
  readonly writer: number;
  readonly generation: number;
  readonly sequence: number;
  /** Whole length with its header; a multiple of 8. */
  readonly lengthBytes: number;
  /** Where the record begins in its writer's stream. Default: sequence * lengthBytes. */
  readonly streamOffsetBytes?: number;
}

export interface WordTag {
  readonly writer: number;
  readonly generation: number;
  readonly sequence: number;
  /** Offset in the record, in bytes. */
  readonly offsetBytes: number;
}

export function assertTag({ writer, generation, sequence, lengthBytes }: RecordTag): void {
  assertBetween("writer", writer, WRITER_MAX);
  assertBetween("generation", generation, TAG_GENERATION_MAX);
  assertBetween("sequence", sequence, SEQUENCE_MAX);
  if (lengthBytes % 8 !== 0 || !(lengthBytes >= RECORD_BYTES_MIN && lengthBytes <= RECORD_BYTES_MAX)) {
    throw new RangeError(
      `record length ${lengthBytes} is not a multiple of 8 from ${RECORD_BYTES_MIN} to ${RECORD_BYTES_MAX}`,
    );
  }
}

function assertBetween(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`${name} ${value} is not a whole number from 0 to ${most}`);
  }
}

/** The word at `index` of a record. */
function wordAt({ writer, generation, sequence }: Omit<RecordTag, "lengthBytes">, index: number): U64 {
  const lo = (((sequence & 0x7ff) << 21) | index) >>> 0;
  const hi = ((writer << 24) | (generation << 12) | (sequence >>> 11)) >>> 0;
  return multiply({ lo, hi }, STEP);
}

/** What a word claims about itself; any eight bytes claim something, so only several that agree are a proof. */
export function readTag(word: U64): WordTag {
  const { lo, hi } = multiply(word, INVERSE);
  return {
    writer: hi >>> 24,
    generation: (hi >>> 12) & 0xfff,
    sequence: ((hi & 0xfff) << 11) | (lo >>> 21),
    offsetBytes: (lo & 0x1fffff) * 8,
  };
}

function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function checksum(first: U64, lengthBytes: number, offset: U64): U64 {
  let lo = 0x243f6a88;
  let hi = 0x85a308d3;
  for (const value of [first.lo, first.hi, lengthBytes, offset.lo, offset.hi]) {
    lo = mix(lo ^ value);
    hi = mix((hi + value) ^ lo);
  }
  return { lo, hi };
}

const header = new Uint32Array(HEADER_BYTES / 4);
const headerBytes = new Uint8Array(header.buffer);

/** The first 64 bytes of a record, in a scratch array that the next call overwrites. */
function makeHeader(tag: RecordTag): Uint8Array {
  const streamOffset = tag.streamOffsetBytes ?? tag.sequence * tag.lengthBytes;
  const first = wordAt(tag, 0);
  let word = first;
  for (let i = 0; i < 8; i += 1) {
    header[i * 2] = word.lo;
    header[i * 2 + 1] = word.hi;
    word = add(word, STEP);
  }
  const offset = { lo: streamOffset % TWO_32, hi: Math.floor(streamOffset / TWO_32) };
  const sum = checksum(first, tag.lengthBytes, offset);
  const fields = [tag.lengthBytes, VERSION, offset.lo, offset.hi, sum.lo, sum.hi];
  fields.forEach((field, i) => {
    header[10 + i] = (header[10 + i] as number) ^ field;
  });
  return headerBytes;
}

/** Writes a whole record at the beginning of the block. */
export function fillRecord(block: Uint8Array, tag: RecordTag): void {
  assertTag(tag);
  if (block.length < tag.lengthBytes)
    throw new RangeError(`a record of ${tag.lengthBytes} bytes needs as large a block`);
  fillPart(block, { tag, offsetBytes: 0, fromIndex: 0, toIndex: tag.lengthBytes });
}

/** Fills a buffer with as many whole records of one writer as it holds, the first of them `tag`'s. */
export function fillRecords(bytes: Uint8Array, tag: RecordTag): void {
  const { lengthBytes } = tag;
  for (let at = 0; at + lengthBytes <= bytes.length; at += lengthBytes) {
    fillRecord(bytes.subarray(at), { ...tag, sequence: tag.sequence + at / lengthBytes });
  }
}

/** The record whose first 64 bytes are at the index, or undefined when they are not a sound header. */
export function readRecord(block: Uint8Array, index: number): Required<RecordTag> | undefined {
  if (index + HEADER_BYTES > block.length) return undefined;
  const { writer, generation, sequence, offsetBytes } = readTag(readWord(block, index));
  if (offsetBytes !== 0) return undefined;
  const tag = { writer, generation, sequence };
  const lengthWord = readWord(block, index + 40);
  const offsetWord = readWord(block, index + 48);
  const mask5 = wordAt(tag, 5);
  const mask6 = wordAt(tag, 6);
  const lengthBytes = (lengthWord.lo ^ mask5.lo) >>> 0;
  const streamOffsetBytes = ((offsetWord.hi ^ mask6.hi) >>> 0) * TWO_32 + ((offsetWord.lo ^ mask6.lo) >>> 0);
  const whole = { ...tag, lengthBytes, streamOffsetBytes };
  if (lengthBytes % 8 !== 0 || lengthBytes < RECORD_BYTES_MIN || lengthBytes > RECORD_BYTES_MAX) return undefined;
  const expected = makeHeader(whole);
  for (let i = 0; i < HEADER_BYTES; i += 1) if (block[index + i] !== expected[i]) return undefined;
  return whole;
}

export interface RecordPart {
  readonly tag: RecordTag;
  /** Offset in the record of block[fromIndex]. */
  readonly offsetBytes: number;
  readonly fromIndex: number;
  readonly toIndex: number;
}

/** Writes a part of a record into block[fromIndex, toIndex). */
export function fillPart(block: Uint8Array, { tag, offsetBytes, fromIndex, toIndex }: RecordPart): void {
  let at = fromIndex;
  let offset = offsetBytes;
  if (offset < HEADER_BYTES) {
    const head = makeHeader(tag);
    for (; at < toIndex && offset < HEADER_BYTES; at += 1, offset += 1) block[at] = head[offset] as number;
  }
  while (at < toIndex) {
    const index = Math.floor(offset / 8);
    const words = offset % 8 === 0 ? Math.floor((toIndex - at) / 8) : 0;
    if (words > 0) {
      fillWords(block, { atIndex: at, words, start: wordAt(tag, index), step: STEP });
      at += words * 8;
      offset += words * 8;
      continue;
    }
    const word = wordAt(tag, index);
    const half = offset % 8 < 4 ? word.lo : word.hi;
    block[at] = (half >>> (8 * (offset % 4))) & 0xff;
    at += 1;
    offset += 1;
  }
}

const partScratch = new Uint8Array(16);

/** Index of the first byte of block[fromIndex, toIndex) that is not what the record has there, or -1. */
export function mismatchInPart(block: Uint8Array, part: RecordPart): number {
  const { tag, toIndex } = part;
  let at = part.fromIndex;
  let offset = part.offsetBytes;
  if (offset < HEADER_BYTES) {
    const head = makeHeader(tag);
    for (; at < toIndex && offset < HEADER_BYTES; at += 1, offset += 1) if (block[at] !== head[offset]) return at;
  }
  while (at < toIndex) {
    const words = offset % 8 === 0 ? Math.floor((toIndex - at) / 8) : 0;
    const start = wordAt(tag, Math.floor(offset / 8));
    const bad = firstWordMismatch(block, { atIndex: at, words, start, step: STEP });
    const same = (bad >= 0 ? bad : words) * 8;
    at += same;
    offset += same;
    const count = Math.min(toIndex - at, 8 - (offset % 8));
    if (count <= 0) break;
    fillPart(partScratch, { tag, offsetBytes: offset, fromIndex: 0, toIndex: count });
    for (let i = 0; i < count; i += 1) if (block[at + i] !== partScratch[i]) return at + i;
    at += count;
    offset += count;
  }
  return -1;
}

/** Calls `visit` with the tag of each place in the range that three words prove, until it answers something. */
export function findTag<T>(
  block: Uint8Array,
  { fromIndex, toIndex }: { fromIndex: number; toIndex: number },
  visit: (tag: WordTag, index: number) => T | undefined,
): T | undefined {
  let from = fromIndex;
  for (;;) {
    const index = firstSuccessor(block, { fromIndex: from, toIndex, step: STEP });
    if (index < 0) return undefined;
    if (isSuccessor(block, index + 8, STEP)) {
      const answer = visit(readTag(readWord(block, index)), index);
      if (answer !== undefined) return answer;
    }
    from = index + 1;
  }
}
