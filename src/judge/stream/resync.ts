/**
 * Looks for the end of damage: a walk resuming where it would be by now, bytes that prove another position, or the
 * stream's last bytes at the end of the file.
 *
 * Owns the preference between them. Remembers the shifts of the last few runs, because damage often ends where an
 * earlier run would continue (the page after a misplaced page). Refuses to remember anything else.
 */
import type { Location, Pattern } from "../../pattern/pattern.ts";
import { matchingBefore, overlapWithRun, WORD_BYTES } from "./boundary.ts";
import type { Part } from "./part.ts";

export const SCAN_STEP_MAX = 65536;
const EXPECTED_BYTES_MIN = 2112;
const SHIFTS_MAX = 3;
/** More bytes at the end of a file prove their place by themselves. */
const TAIL_BYTES = 64;

/** A piece of the file in memory: block[0] is at file offset `at`. */
export interface Window {
  readonly block: Uint8Array;
  readonly at: number;
}

export interface Found {
  readonly stream: Pattern;
  readonly own: boolean;
  /** File offset of the first byte of the proof, stream offset minus file offset, and bytes known to match from there. */
  readonly at: number;
  readonly shift: number;
  readonly provenBytes: number;
}

/** Where in the stream a proof may lie: without a known end, a jump within 8 TiB is believed. */
export function believedTo(endBytes: number, streamOffsetBytes: number): number {
  return endBytes === Infinity ? Math.max(2 ** 43, streamOffsetBytes * 2) : endBytes;
}

export class Seeker {
  readonly #pattern: Pattern;
  readonly #endBytes: number;
  /** Shifts of the last own runs, the newest first. */
  #shifts: number[] = [0];
  #expected = new Uint8Array(0);

  constructor({ pattern, endBytes }: { pattern: Pattern; endBytes: number }) {
    this.#pattern = pattern;
    this.#endBytes = endBytes;
  }

  /** The shift of the last own run. */
  get shift(): number {
    return this.#shifts[0] as number;
  }

  /** The shifts of the last runs. */
  get shifts(): readonly number[] {
    return this.#shifts;
  }

  /** Zeros from that file offset on may be the stream's own; beyond its end no stream holds any. */
  mayHoldZeros(at: number): boolean {
    return this.#pattern.holdsZeros === true && at + this.shift < this.#endBytes;
  }

  /** Forgets runs that turned out to be none. */
  restore(shifts: readonly number[]): void {
    this.#shifts = [...shifts];
  }

  remember(shift: number): void {
    if (this.#shifts[0] === shift) return;
    this.#shifts = [shift, ...this.#shifts.filter((one) => one !== shift)].slice(0, SHIFTS_MAX);
  }

  /** The earliest proof in [from, to); a walk resuming wins unless another position is proven before its word is over. */
  search(window: Window, { from, to }: { from: number; to: number }): Found | undefined {
    let resumed: Found | undefined;
    for (const shift of this.#shifts) {
      const found = this.#resume(window, { from, to: resumed?.at ?? to, shift });
      if (found !== undefined) resumed = found;
      if (this.#pattern.proofBytes === 0) return resumed;
    }
    return this.#locate(window, { from, to, resumed });
  }

  #locate(
    window: Window,
    { from, to, resumed }: { from: number; to: number; resumed: Found | undefined },
  ): Found | undefined {
    const before = resumed === undefined ? to : resumed.at + this.#pattern.wordBytes;
    let index = from - window.at;
    for (;;) {
      const location = this.#pattern.locate(window.block, {
        fromIndex: index,
        toIndex: before - window.at,
        limitBytes: this.#limitBytes(window.at),
        nearBytes: window.at + this.shift,
      });
      if (location === undefined) return resumed;
      const found = this.#foundAt(window, location);
      if (!found.own || !this.#shifts.includes(found.shift)) return found;
      // A proof of a walk that resumes there anyway, or of one that the word before did not show.
      if (resumed !== undefined && resumed.at <= found.at) return resumed;
      if (found.shift !== this.shift) return found;
      index = location.index + 1;
    }
  }

  /** True when the first wrong bytes behind a run prove another place by themselves. */
  locates(window: Window, run: { readonly hi: number; readonly shift: number }): boolean {
    if (this.#pattern.proofBytes === 0) return false;
    const fromIndex = run.hi - window.at;
    // The end of a sector whose words are all alike proves nothing; the next one's beginning does.
    const toIndex = fromIndex + this.#pattern.wordBytes + 24;
    const nearBytes = window.at + run.shift;
    const range = { fromIndex, toIndex, limitBytes: this.#limitBytes(window.at), nearBytes };
    const location = this.#pattern.locate(window.block, range);
    if (location === undefined) return false;
    const found = this.#foundAt(window, location);
    return !found.own || found.shift !== run.shift;
  }

  /**
   * What is where the run ended, whatever the words look like: the last bytes of the stream and the file, or another record of
   * patterns whose records differ in a few bits.
   */
  replaced({ block, at }: Window, run: Part, last: boolean): Found | undefined {
    const tail = last ? this.#tail({ block, at }, run.hi, run) : undefined;
    if (tail?.at === run.hi) return tail;
    const place = { streamOffsetBytes: run.hi + run.shift, limitBytes: this.#limitBytes(at) };
    const location = this.#pattern.replacedAt?.(block, run.hi - at, place);
    return location === undefined ? undefined : this.#foundAt({ block, at }, location);
  }

  #foundAt(window: Window, location: Location): Found {
    const at = window.at + location.index;
    const shift = location.streamOffsetBytes - at;
    const period = this.#pattern.periodBytes;
    // Where only a phase is proven, a walk that was there before is meant.
    const known = period === undefined ? undefined : this.#shifts.find((one) => (one - shift) % period === 0);
    return {
      stream: location.stream,
      own: location.stream === this.#pattern,
      at,
      shift: known ?? shift,
      provenBytes: location.provenBytes,
    };
  }

  #limitBytes(at: number): number {
    return believedTo(this.#endBytes, at + this.shift);
  }

  #resume(window: Window, { from, to, shift }: { from: number; to: number; shift: number }): Found | undefined {
    const { wordBytes, resumeBytes } = this.#pattern;
    const start = from + shift;
    if (start < 0) return undefined;
    const first = from + ((wordBytes - (start % wordBytes)) % wordBytes);
    const mostBeforeEnd = this.#endBytes - (this.#pattern.proofBytes === 0 ? resumeBytes : 1) - shift;
    const lastStart = Math.min(to - 1, window.at + window.block.length - resumeBytes, mostBeforeEnd);
    if (lastStart < first) return undefined;
    const length = lastStart - first + resumeBytes;
    if (this.#expected.length < length) {
      const roomBytes = length <= EXPECTED_BYTES_MIN ? EXPECTED_BYTES_MIN : SCAN_STEP_MAX + 2048;
      this.#expected = new Uint8Array(new ArrayBuffer(roomBytes));
    }
    const expected = this.#expected.subarray(0, length);
    this.#pattern.fill(expected, first + shift);
    const offset = first - window.at;
    for (let i = 0; i + resumeBytes <= length; i += wordBytes) {
      let same = 0;
      while (same < resumeBytes && window.block[offset + i + same] === expected[i + same]) same += 1;
      if (same === resumeBytes && this.#isProven(window, first + i, shift)) return this.inPlaceAt(first + i, shift);
    }
    return undefined;
  }

  /** A word is enough where the last walk would be; that an earlier one resumes takes as much as any other place. */
  #isProven({ block, at: blockAt }: Window, at: number, shift: number): boolean {
    if (shift === this.shift) return true;
    const most = Math.min(this.#pattern.proofBytes, blockAt + block.length - at, this.#endBytes - shift - at);
    const expected = new Uint8Array(Math.max(0, most));
    this.#pattern.fill(expected, at + shift);
    return expected.every((byte, i) => block[at - blockAt + i] === byte);
  }

  inPlaceAt(at: number, shift = this.shift): Found {
    return { stream: this.#pattern, own: true, at, shift, provenBytes: this.#pattern.resumeBytes };
  }

  /**
   * Damage reaches to the end of the file: the stream's last bytes, or the walk resuming in place there, where less than a word
   * may be right again. `most`: how many bytes before what was found may be.
   */
  atEnd(window: Window, from: number): { readonly found: Found; readonly most: number } {
    const end = window.at + window.block.length;
    const tail = this.#tail(window, from);
    if (tail !== undefined) return { found: tail, most: tail.at - from };
    const found = { ...this.inPlaceAt(end), provenBytes: 0 };
    const inside = end + found.shift <= this.#endBytes && end + found.shift >= 0;
    return { found, most: inside ? end - from : 0 };
  }

  /** The stream's last bytes at the end of the file: too few to prove a place, but for where they end. */
  #tail({ block, at }: Window, from: number, run?: Part): Found | undefined {
    const { proofBytes, periodBytes, resumeBytes } = this.#pattern;
    const end = at + block.length;
    const shift = this.#endBytes - end;
    if (shift === Infinity || shift === this.shift || proofBytes === 0 || periodBytes !== undefined) return undefined;
    const most = Math.min(TAIL_BYTES, end - from);
    const place = { stream: this.#pattern, streamOffsetBytes: this.#endBytes, most };
    const same = matchingBefore(block, block.length, place);
    // The first of them may be the run's last ones too.
    const both = { stream: this.#pattern, streamOffsetBytes: from + shift, most: WORD_BYTES };
    const before = run !== undefined && same === end - from ? overlapWithRun(run, both) : 0;
    if (before + same < Math.max(WORD_BYTES, resumeBytes)) return undefined;
    return { stream: this.#pattern, own: true, at: end - same, shift, provenBytes: same };
  }
}
