/**
 * The few bytes around the beginning of a finding that a hex dump needs.
 *
 * Owns collecting them from the lines of the story as they are written down: every line knows its bytes (a stream's, one
 * value, the kept first bytes of foreign damage), so nothing of the file is kept for this. Refuses to guess: a dump ends
 * where bytes are not known.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import type { Sample } from "../finding.ts";
import type { Line } from "./story.ts";

const SAMPLE_BYTES = 64;
const LINE_BYTES = 16;
const BEFORE_BYTES = 2 * LINE_BYTES;

/** A dump that is not full yet. */
export interface OpenSample {
  readonly offsetBytes: number;
  readonly shift: number;
  readonly found: number[];
  closed: boolean;
}

export class Samples {
  readonly #pattern: Pattern;
  readonly #endBytes: number;
  #open: OpenSample[] = [];
  /** The last bytes of the file that were reported, up to `#at`. */
  #before: number[] = [];
  #at: number;

  constructor({ pattern, startBytes, endBytes }: { pattern: Pattern; startBytes: number; endBytes: number }) {
    this.#pattern = pattern;
    this.#endBytes = endBytes;
    this.#at = startBytes;
  }

  get isIdle(): boolean {
    return this.#open.length === 0;
  }

  /** Begins a line before the line that holds the first bad byte. */
  begin(at: number, shift: number): OpenSample {
    const line = Math.floor(at / LINE_BYTES) * LINE_BYTES - LINE_BYTES;
    const known = at === this.#at ? this.#before.length : 0;
    const offsetBytes = Math.max(line, at - known);
    const found = known === 0 ? [] : this.#before.slice(this.#before.length - (at - offsetBytes));
    const sample = { offsetBytes, shift, found, closed: false };
    this.#open.push(sample);
    return sample;
  }

  /** The next bytes of the file. */
  feed(line: Line): void {
    for (const sample of this.#open) {
      const from = Math.max(line.from, sample.offsetBytes + sample.found.length);
      const to = Math.min(line.to, sample.offsetBytes + SAMPLE_BYTES);
      if (to <= from) continue;
      if (from !== sample.offsetBytes + sample.found.length) sample.closed = true;
      const bytes = sample.closed ? [] : bytesIn(line, from, to);
      sample.found.push(...bytes);
      if (bytes.length < to - from || sample.found.length === SAMPLE_BYTES) sample.closed = true;
    }
    this.#open = this.#open.filter(({ closed }) => !closed);
    const from = Math.max(line.from, line.to - BEFORE_BYTES);
    const bytes = bytesIn(line, from, line.to);
    const known = bytes.length === line.to - from;
    this.#before = known ? [...(from === line.from ? this.#before : []), ...bytes].slice(-BEFORE_BYTES) : [];
    this.#at = line.to;
  }

  seal(sample: OpenSample): Sample {
    const { offsetBytes, shift, found } = sample;
    const start = offsetBytes + shift;
    const length = Math.max(0, Math.min(SAMPLE_BYTES, this.#endBytes - start));
    const expected = new Uint8Array(start < 0 ? 0 : length);
    this.#pattern.fill(expected, Math.max(0, start));
    return { offsetBytes, expectedHex: hexOf(expected), foundHex: hexOf(Uint8Array.from(found)) };
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The bytes of a line in [from, to), or as many as are known from `from` on. */
function bytesIn({ part, from: lineFrom }: Line, from: number, to: number): number[] {
  if (part.stream !== undefined) {
    const bytes = new Uint8Array(to - from);
    part.stream.fill(bytes, from + part.shift);
    return [...bytes];
  }
  if (part.head === undefined) {
    const known = from < part.lo ? 0 : Math.max(0, Math.min(to, part.hi) - from);
    return Array.from({ length: known }, () => part.value ?? 0);
  }
  // Damage may begin a few bytes before its first wrong one; those are not kept.
  const index = from - part.from;
  return index < 0 || lineFrom < part.from ? [] : [...part.head.subarray(index, index + to - from)];
}
