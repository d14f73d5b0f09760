/**
 * Text whose lines are numbered: each line is a prefix, its number (padded with zeros to so many digits), a suffix and a
 * newline; `seq 1 1000` is one, and so are most logs that testers write.
 *
 * Owns the arithmetic between offsets and numbers, and self-location: a whole line proves its place, and so do the bytes
 * around it as far as they continue. Damage is named as in any stream: a lost line is `lost`, lines in another order are
 * `misplaced`, a repeated one is `duplicated`, byte for byte. Lines that differ in more than their number are not a text of this kind.
 */
import { mismatchByFilling } from "./expected.ts";
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";

const NEWLINE = 10;
const ZERO = 48;
/** Of a number. */
export const DIGITS_MAX = 15;
const PROOF_BYTES_MIN = 16;
const FLIPPED_BITS_MAX = 3;
const NEARBY_LINES = 64;
/** Beyond this, numbers are damage. */
const OFFSET_MAX = 2 ** 52;
/** Of one line, without its number. */
export const LINE_TEXT_BYTES_MAX = 256;

/** What is in a line besides its number. */
export interface LinesOptions {
  readonly prefix?: string;
  readonly suffix?: string;
  /** At least so many digits, with leading zeros. Default 15: all lines are of one length. */
  readonly digits?: number;
  /** The first line's number. Default 0. */
  readonly start?: number;
}

/** The lines that fill.ts writes: 64 bytes each. */
export const SUFFIX = " is the number of this line, which has 64 bytes.";

/** Lines whose numbers have so many digits. */
interface Stretch {
  readonly digits: number;
  readonly firstNumber: number;
  readonly firstOffset: number;
  readonly lineBytes: number;
}

export class Lines implements Pattern {
  readonly name = "lines";
  readonly label: string;
  readonly wordBytes = 8;
  /** Lines are alike but for their numbers; a damaged range ends where as many bytes as hold one are right again. */
  readonly resumeBytes: number;
  readonly proofBytes: number;
  readonly reachBytes: number;
  readonly #prefix: Uint8Array;
  readonly #suffix: Uint8Array;
  readonly #digits: number;
  readonly #stretches: readonly Stretch[];

  constructor({ prefix = "", suffix = SUFFIX, digits = DIGITS_MAX, start = 0 }: LinesOptions = {}) {
    this.#prefix = new TextEncoder().encode(prefix);
    this.#suffix = new TextEncoder().encode(`${suffix}\n`);
    const text = this.#prefix.length + this.#suffix.length;
    if (text > LINE_TEXT_BYTES_MAX || `${prefix}${suffix}`.includes("\n"))
      throw new RangeError(`a line has at most ${LINE_TEXT_BYTES_MAX} bytes besides its number, and one newline`);
    if (!Number.isInteger(digits) || digits < 1 || digits > DIGITS_MAX)
      throw new RangeError(`a line's number has 1 to ${DIGITS_MAX} digits, not ${digits}`);
    if (!Number.isSafeInteger(start) || start < 0 || start >= 10 ** DIGITS_MAX)
      throw new RangeError(`lines start at a whole number of at most ${DIGITS_MAX} digits, not ${start}`);
    this.#digits = digits;
    this.#stretches = stretchesOf(text, digits, start);
    this.resumeBytes = text + Math.max(digits, 8);
    // The rest of a line, and a whole one.
    this.proofBytes = 2 * (text + DIGITS_MAX);
    this.reachBytes = text + DIGITS_MAX;
    this.label = `lines numbered from ${start}`;
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    assertStreamOffset(streamOffsetBytes);
    let at = 0;
    while (at < block.length) {
      const stretch = this.#stretchAt(streamOffsetBytes + at);
      const next = this.#stretches[this.#stretches.indexOf(stretch) + 1]?.firstOffset ?? Infinity;
      const to = Math.min(block.length, next - streamOffsetBytes);
      this.#fillStretch(block.subarray(at, to), streamOffsetBytes + at, stretch);
      at = to;
    }
  }

  #fillStretch(block: Uint8Array, offset: number, { digits, firstNumber, firstOffset, lineBytes }: Stretch): void {
    const line = new Uint8Array(lineBytes);
    const lead = (offset - firstOffset) % lineBytes;
    let number = firstNumber + (offset - firstOffset - lead) / lineBytes;
    const last = this.#prefix.length + digits - 1;
    line.set(this.#prefix);
    line.set(this.#suffix, last + 1);
    line.set(new TextEncoder().encode(String(number).padStart(digits, "0").slice(-digits)), this.#prefix.length);
    for (let at = -lead; at < block.length; at += lineBytes, number += 1) {
      if (at >= 0 && at + lineBytes <= block.length) block.set(line, at);
      else block.set(line.subarray(Math.max(0, -at), Math.min(lineBytes, block.length - at)), Math.max(0, at));
      let digit = last;
      while (digit > last - digits && line[digit] === ZERO + 9) line[digit--] = ZERO;
      line[digit] = (line[digit] as number) + 1;
    }
  }

  lineAt(streamOffsetBytes: number): { readonly offsetBytes: number; readonly lengthBytes: number } {
    const { firstOffset, lineBytes } = this.#stretchAt(streamOffsetBytes);
    return { offsetBytes: streamOffsetBytes - ((streamOffsetBytes - firstOffset) % lineBytes), lengthBytes: lineBytes };
  }

  #stretchAt(offset: number): Stretch {
    return this.#stretches.findLast(({ firstOffset }) => firstOffset <= offset) as Stretch;
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    assertStreamOffset(streamOffsetBytes);
    return mismatchByFilling(block, streamOffsetBytes, (expected, at) => this.fill(expected, at));
  }

  /** A whole line between two newlines shows where the bytes around it belong. */
  locate(block: Uint8Array, { fromIndex, toIndex, limitBytes }: LocateRange): Location | undefined {
    for (let end = block.indexOf(NEWLINE, fromIndex); end >= 0; end = block.indexOf(NEWLINE, end + 1)) {
      if (end >= toIndex + this.reachBytes) return undefined;
      const found = this.#lineEndingAt(block, end);
      if (found === undefined) continue;
      const { line, offset } = found;
      // The line that holds the first byte may begin before it.
      const index = line <= fromIndex ? fromIndex : this.#beginning(block, { ...found, fromIndex });
      const streamOffsetBytes = offset + index - line;
      const provenBytes = end + 1 - index;
      if (index >= toIndex) return undefined;
      if (streamOffsetBytes + provenBytes > limitBytes || !this.#isProof(block, { ...found, index })) continue;
      return { index, streamOffsetBytes, provenBytes, stream: this };
    }
    return undefined;
  }

  /** The whole line whose newline is at the index; what is before it need not be another line. */
  #lineEndingAt(block: Uint8Array, end: number): { line: number; offset: number } | undefined {
    const to = end + 1 - this.#suffix.length;
    let digits = 0;
    while (digits < DIGITS_MAX && ((block[to - digits - 1] ?? 0) - ZERO) >>> 0 <= 9) digits += 1;
    for (const count of [digits, this.#digits]) {
      const line = to - count - this.#prefix.length;
      const offset = line < 0 || count > digits ? undefined : this.#offsetOfLine(block, line);
      if (offset !== undefined) return { line, offset };
    }
    return undefined;
  }

  /**
   * Another line in place of the right one, up to whose number both are alike. One to three wrong bits before a right line
   * are flips and no other line.
   */
  replacedAt(
    block: Uint8Array,
    index: number,
    { streamOffsetBytes, limitBytes }: { streamOffsetBytes: number; limitBytes: number },
  ): Location | undefined {
    const { firstOffset, lineBytes } = this.#stretchAt(streamOffsetBytes);
    const lead = (streamOffsetBytes - firstOffset) % lineBytes;
    const end = block.indexOf(NEWLINE, index);
    if (end < 0 || end - index > this.reachBytes) return undefined;
    const length = lead + end + 1 - index;
    const line = new Uint8Array(length + this.#prefix.length + DIGITS_MAX);
    this.fill(line.subarray(0, lead), streamOffsetBytes - lead);
    line.set(block.subarray(index, index + line.length - lead), lead);
    const offset = this.#offsetOfLine(line, 0);
    if (offset === undefined || offset === streamOffsetBytes - lead || offset + length > limitBytes) return undefined;
    const right = new Uint8Array(line.length);
    this.fill(right, streamOffsetBytes - lead);
    const isNextRight = Buffer.compare(line.subarray(length), right.subarray(length)) === 0;
    if (isNextRight && wrongBits(line, right) <= FLIPPED_BITS_MAX) return undefined;
    const isProven =
      // As long as the right one, before a right one: it replaces it.
      (isNextRight && length === lineBytes) ||
      this.#isProof(line, { line: 0, offset, index: 0 }) ||
      this.#isOutOfOrder(block, { end, offset, home: streamOffsetBytes - lead, length });
    if (!isProven) return undefined;
    return { index, streamOffsetBytes: offset + lead, provenBytes: end + 1 - index, stream: this };
  }

  /**
   * A line of nearby, behind which the line is that it took the place of, or the one that follows it: lines in another order,
   * though each of them is short. (Lines with wrong bits may be any others.)
   */
  #isOutOfOrder(
    block: Uint8Array,
    { end, offset, home, length }: { end: number; offset: number; home: number; length: number },
  ): boolean {
    const { lineBytes } = this.#stretchAt(home);
    if (Math.abs(offset - home) > NEARBY_LINES * lineBytes) return false;
    const next = this.#offsetOfLine(block, end + 1);
    return next !== undefined && (next === home || next === offset + length);
  }

  /** A short line may be a part of a longer one: it proves its place together with what is around it. */
  #isProof(block: Uint8Array, { line, offset, index }: { line: number; offset: number; index: number }): boolean {
    const from = Math.min(line, index);
    const expected = new Uint8Array(Math.min(PROOF_BYTES_MIN, block.length - from));
    this.fill(expected, offset + from - line);
    return expected.length === PROOF_BYTES_MIN && expected.every((byte, i) => block[from + i] === byte);
  }

  /** Stream offset of the whole line at the index, if it is one of this text. */
  #offsetOfLine(block: Uint8Array, line: number): number | undefined {
    const end = block.indexOf(NEWLINE, line);
    const digits = end + 1 - line - this.#prefix.length - this.#suffix.length;
    if (end < 0 || digits < this.#digits || digits > DIGITS_MAX) return undefined;
    const from = line + this.#prefix.length;
    if (!this.#prefix.every((byte, i) => block[line + i] === byte)) return undefined;
    if (!this.#suffix.every((byte, i) => block[from + digits + i] === byte)) return undefined;
    let number = 0;
    for (let i = from; i < from + digits; i += 1) {
      const digit = (block[i] as number) - ZERO;
      if (digit < 0 || digit > 9) return undefined;
      number = number * 10 + digit;
    }
    if (digits > this.#digits && block[from] === ZERO) return undefined;
    const stretch = this.#stretches.find((one) => one.digits === digits);
    if (stretch === undefined || number < stretch.firstNumber) return undefined;
    const offset = stretch.firstOffset + (number - stretch.firstNumber) * stretch.lineBytes;
    return offset < OFFSET_MAX ? offset : undefined;
  }

  /** How far back before a line the bytes are the stream's too. */
  #beginning(
    block: Uint8Array,
    { line, offset, fromIndex }: { line: number; offset: number; fromIndex: number },
  ): number {
    const count = Math.min(line - fromIndex, offset, this.reachBytes);
    if (count <= 0) return line;
    const before = new Uint8Array(count);
    this.fill(before, offset - count);
    let same = 0;
    while (same < count && block[line - 1 - same] === before[count - 1 - same]) same += 1;
    return line - same;
  }
}

function wrongBits(found: Uint8Array, expected: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < found.length; i += 1)
    for (let bits = (found[i] as number) ^ (expected[i] as number); bits > 0; bits >>= 1) count += bits & 1;
  return count;
}

function stretchesOf(textBytes: number, digits: number, start: number): Stretch[] {
  const stretches: Stretch[] = [];
  let firstNumber = start;
  let firstOffset = 0;
  for (let count = Math.max(digits, String(start).length); count <= DIGITS_MAX; count += 1) {
    const lineBytes = textBytes + count;
    stretches.push({ digits: count, firstNumber, firstOffset, lineBytes });
    firstOffset += (10 ** count - firstNumber) * lineBytes;
    firstNumber = 10 ** count;
    if (firstOffset > Number.MAX_SAFE_INTEGER) break;
  }
  return stretches;
}

/** `lines()`: what fill.ts writes; `lines({ suffix: "", digits: 1, start: 1 })`: what `seq 1 N` writes. */
export function lines(options: LinesOptions = {}): Pattern {
  return new Lines(options);
}
