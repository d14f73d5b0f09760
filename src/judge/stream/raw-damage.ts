/**
 * Damaged bytes that no stream explains, cut into zeroed and foreign pieces while they pass by.
 *
 * Owns one rule: bytes that are all zero are `zeroed`; inside other damage only a run of at least 512 zeros (a sector)
 * is a piece of its own, because foreign data is full of small zeros (report 2's 172 foreign bytes hold 153 zeros in a
 * row). Keeps offsets and the first few bytes only, never the damage itself.
 */

export interface RawPiece {
  kind: "zeroed" | "foreign";
  from: number;
  to: number;
}

const ZERO_RUN_BYTES = 512;
export const RAW_HEAD_BYTES = 16;

export class RawSplitter {
  /** First bytes of the damage, enough to look for flipped bits in one word. */
  readonly head: number[] = [];
  readonly from: number;
  readonly #pieces: RawPiece[] = [];
  #pieceFrom: number;
  #zeroFrom = -1;
  #fed: number;

  constructor(from: number) {
    this.from = from;
    this.#pieceFrom = from;
    this.#fed = from;
  }

  /** File offset up to which bytes were fed. */
  get fed(): number {
    return this.#fed;
  }

  /** Feeds block[from, to), which are the next bytes of the damage. */
  feed(block: Uint8Array, from: number, to: number): void {
    if (to <= from) return;
    for (let i = from; i < to && this.head.length < RAW_HEAD_BYTES; i += 1) this.head.push(block[i] as number);
    let i = from;
    while (i < to) {
      const zerosEnd = skipZeros(block, i, to);
      if (zerosEnd > i && this.#zeroFrom < 0) this.#zeroFrom = this.#fed + (i - from);
      if (zerosEnd === to) break;
      this.#endZeros(this.#fed + (zerosEnd - from));
      i = zerosEnd + 1;
      while (i < to && block[i] !== 0) i += 1;
    }
    this.#fed += to - from;
  }

  /** More zeros that nobody holds: a hole. Only after a zero was fed. */
  skipZeros(count: number): void {
    if (this.#zeroFrom < 0) throw new Error("zeros are skipped only after zeros");
    this.#fed += count;
  }

  get endsInZeros(): boolean {
    return this.#zeroFrom >= 0;
  }

  #endZeros(at: number): void {
    if (this.#zeroFrom >= 0 && at - this.#zeroFrom >= ZERO_RUN_BYTES) {
      this.#add("foreign", this.#zeroFrom);
      this.#add("zeroed", at);
    }
    this.#zeroFrom = -1;
  }

  #add(kind: RawPiece["kind"], to: number): void {
    if (to > this.#pieceFrom) this.#pieces.push({ kind, from: this.#pieceFrom, to });
    this.#pieceFrom = to;
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
    if (this.#zeroFrom === this.#pieceFrom) this.#add("zeroed", to);
    else if (this.#zeroFrom >= 0 && to - this.#zeroFrom >= ZERO_RUN_BYTES) {
      this.#add("foreign", this.#zeroFrom);
      this.#add("zeroed", to);
    } else this.#add("foreign", to);
    return this.take();
  }
}

function skipZeros(block: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && block[i] === 0) i += 1;
  return i;
}
