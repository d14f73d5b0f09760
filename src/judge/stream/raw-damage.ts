/**
 * Damaged bytes that no stream explains, cut into zeroed, filled and foreign pieces while they pass by.
 *
 * Owns one rule: bytes that are all one value are `zeroed` or `filled`; inside other damage only a run of at least 512
 * equal bytes (a sector) is a piece of its own, because foreign data is full of small zeros (report 2's 172 foreign
 * bytes hold 153 zeros in a row). Keeps offsets and the first bytes of each piece only, never the damage itself.
 */

export interface RawPiece {
  readonly kind: "zeroed" | "filled" | "foreign";
  readonly from: number;
  readonly to: number;
  /** The value of every byte, of pieces that are not foreign ones. */
  readonly value: number;
  /** Its first bytes, at most `HEAD_BYTES`. */
  readonly head: Uint8Array;
}

const RUN_BYTES = 512;
/** Fewer equal bytes than this are not a fill but chance; zeros are named at any length. */
const FILL_BYTES_MIN = 4;
const HEAD_BYTES = 64;

/**
 * Where the first run of `RUN_BYTES` equal bytes begins, or the one that block[from, to) ends in. Looks at every 512th
 * byte: a run as long holds one of them, and is seen by looking back from there.
 */
function nextRun(block: Uint8Array, from: number, to: number): number {
  let run = from;
  for (;;) {
    const last = Math.min(run + RUN_BYTES, to) - 1;
    const value = block[last];
    let at = last;
    while (at > run && block[at - 1] === value) at -= 1;
    if (at === run || last === to - 1) return at;
    run = at;
  }
}

export class RawSplitter {
  readonly from: number;
  #pieces: RawPiece[] = [];
  #pieceFrom: number;
  #head: number[] = [];
  /** The run of equal bytes that the last byte fed belongs to. */
  #runFrom: number;
  #value = -1;
  #fed: number;

  constructor(from: number) {
    this.from = from;
    this.#pieceFrom = from;
    this.#runFrom = from;
    this.#fed = from;
  }

  /** File offset up to which bytes were fed. */
  get fed(): number {
    return this.#fed;
  }

  /** The last byte fed, or -1. */
  get lastByte(): number {
    return this.#value;
  }

  /** Feeds block[from, to), which are the next bytes of the damage. */
  feed(block: Uint8Array, from: number, to: number): void {
    const base = this.#fed - from;
    let value = this.#value;
    for (let i = from; i < to; ) {
      const run = i;
      while (i < to && block[i] === value) i += 1;
      if (this.#head.length < HEAD_BYTES) this.#addToHead(value, i - run);
      if (i >= to) break;
      this.#value = value;
      this.#endRun(base + i);
      if (this.#head.length >= HEAD_BYTES) i = nextRun(block, i, to);
      value = block[i] as number;
      this.#runFrom = base + i;
      if (this.#head.length < HEAD_BYTES) this.#head.push(value);
      i += 1;
    }
    this.#value = value;
    this.#fed += Math.max(0, to - from);
  }

  #addToHead(value: number, count: number): void {
    for (let left = count; left > 0 && this.#head.length < HEAD_BYTES; left -= 1) this.#head.push(value);
  }

  /** More zeros that are not in memory: a hole. Only after a zero was fed. */
  skipZeros(count: number): void {
    if (this.#value !== 0) throw new Error("zeros are skipped only after zeros");
    this.#addToHead(0, Math.min(count, HEAD_BYTES));
    this.#fed += count;
  }

  get endsInZeros(): boolean {
    return this.#value === 0;
  }

  #endRun(at: number): void {
    if (at - this.#runFrom >= RUN_BYTES) {
      this.#add(this.#runFrom, false);
      this.#add(at, true);
    }
  }

  #add(to: number, constant: boolean): void {
    if (to <= this.#pieceFrom) return;
    const kind = !constant ? "foreign" : this.#value === 0 ? "zeroed" : "filled";
    const head = constant ? new Uint8Array(0) : Uint8Array.from(this.#head.slice(0, to - this.#pieceFrom));
    this.#pieces.push({ kind, from: this.#pieceFrom, to, value: constant ? this.#value : -1, head });
    this.#pieceFrom = to;
    this.#head = [];
  }

  /** Pieces that are complete, taken away; for callers that must bound what they keep. */
  take(): RawPiece[] {
    return this.#pieces.splice(0);
  }

  get complete(): number {
    return this.#pieces.length;
  }

  /** The last pieces; nothing may be fed afterwards. */
  finish(): RawPiece[] {
    const to = this.#fed;
    const length = to - this.#runFrom;
    const whole = this.#runFrom === this.#pieceFrom && (this.#value === 0 || length >= FILL_BYTES_MIN);
    if (!whole && length >= RUN_BYTES) this.#add(this.#runFrom, false);
    this.#add(to, whole || length >= RUN_BYTES);
    return this.take();
  }
}
