/**
 * Where in a reference a few bytes are: an index of its passages, so that lost, repeated and misplaced bytes of arbitrary
 * content are found as those of a pattern that numbers its words are.
 *
 * A rolling hash over 32 bytes (a gear hash: each byte leaves it after 32 steps) picks one place in 1 to 2048 by content,
 * so that the same bytes are picked wherever they are; 64 equal bytes in a row prove the place. The surroundings of where
 * the bytes should be are indexed whole, so a lost line is found at once. Memory is bounded: 4 million places (100 MB) and
 * 512 KiB of surroundings. The larger the reference, the longer are pieces from far away that may be missed: some hundred
 * bytes at 512 MiB, a page at 8 GiB; beyond that only the surroundings are looked at. Owns hashing and choosing among
 * several places: the longest match, then the nearest. Equal bytes in a row prove nothing. Refuses to judge.
 */

const WINDOW_BYTES = 32;
export const PASSAGE_BYTES = 64;
/** Matches are compared as far as this, to choose the longest. */
const MATCH_BYTES_MAX = 4096;
const PLACES_MAX = 1 << 22;
/** A larger reference has no index of far places. */
const INDEXED_BYTES_MAX = 8 * 2 ** 30;
const READ_BYTES = 1 << 20;
const NEAR_BYTES = 256 * 1024;
/** Damage longer than this is no longer looked for in the surroundings of where it should be. */
const NEAR_SCAN_BYTES = 1 << 20;
const CANDIDATES_MAX = 32;
const EMPTY = -1;

export interface Readable {
  readonly lengthBytes: number;
  readonly read: (block: Uint8Array, offsetBytes: number) => void;
  /** How many bytes of a hole begin at that offset: equal bytes, which prove nothing. */
  readonly hole?: (offsetBytes: number) => number;
}

export interface Passage {
  readonly index: number;
  readonly offsetBytes: number;
}

export interface Wanted {
  readonly fromIndex: number;
  readonly toIndex: number;
  /** Where block[0] is expected. */
  readonly nearBytes: number;
  readonly limitBytes: number;
}

/** Fixed numbers of no meaning: each byte's part in the hash. */
const GEAR = (() => {
  let state = 0x9e3779b9;
  return Int32Array.from({ length: 256 }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x7f4a7c15;
    return (state ^ (state >>> 13)) | 0;
  });
})();

const mix = (hash: number) => Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0;

/** Offsets by hash: open addressing, at most half full. */
class Places {
  readonly #hashes: Int32Array;
  readonly #offsets: Float64Array;
  readonly #mask: number;

  constructor(capacity: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * 2)));
    this.#hashes = new Int32Array(slots);
    this.#offsets = new Float64Array(slots).fill(EMPTY);
    this.#mask = slots - 1;
  }

  /** Adds a place, unless this hash has as many as are looked at. */
  add(hash: number, offset: number): void {
    let slot = mix(hash) & this.#mask;
    let same = 0;
    while (this.#offsets[slot] !== EMPTY) {
      if (this.#hashes[slot] === hash) same += 1;
      if (same >= CANDIDATES_MAX) return;
      slot = (slot + 1) & this.#mask;
    }
    this.#hashes[slot] = hash;
    this.#offsets[slot] = offset;
  }

  collect(hash: number, into: number[]): void {
    for (let slot = mix(hash) & this.#mask; this.#offsets[slot] !== EMPTY; slot = (slot + 1) & this.#mask)
      if (this.#hashes[slot] === hash) into.push(this.#offsets[slot] as number);
  }
}

/** Calls `take` with the hash and index of each window whose bytes are not all equal. */
function eachWindow(block: Uint8Array, from: number, to: number, take: (hash: number, index: number) => boolean): void {
  let hash = 0;
  let equal = 0;
  const end = Math.min(block.length, to + WINDOW_BYTES - 1);
  for (let i = from; i < end; i += 1) {
    const byte = block[i] as number;
    hash = ((hash << 1) + (GEAR[byte] as number)) | 0;
    equal = i > from && byte === block[i - 1] ? equal + 1 : 0;
    const index = i - WINDOW_BYTES + 1;
    if (index >= from && equal < WINDOW_BYTES - 1 && take(hash, index)) return;
  }
}

export class Passages {
  readonly #source: Readable;
  readonly #spacing: number;
  #far: Places | undefined;
  #near: { readonly from: number; readonly to: number; readonly places: Places } | undefined;
  /** The scan that goes on: where in the stream it began, and how far it is. */
  #scanFrom = 0;
  #scanTo = EMPTY;

  constructor(source: Readable) {
    this.#source = source;
    const least = Math.ceil(source.lengthBytes / PLACES_MAX);
    this.#spacing = 2 ** Math.ceil(Math.log2(Math.max(1, least)));
  }

  /** A piece of so many bytes is found wherever it is from, but for chance (e^-16); Infinity where far places are not known. */
  get foundBytes(): number {
    return this.#source.lengthBytes > INDEXED_BYTES_MAX ? Infinity : Math.max(PASSAGE_BYTES, this.#spacing * 16);
  }

  /** The first index in the range from which at least 64 bytes are the reference's own, and where they are in it. */
  find(block: Uint8Array, wanted: Wanted): Passage | undefined {
    const { fromIndex, nearBytes } = wanted;
    const to = Math.min(wanted.toIndex, block.length - PASSAGE_BYTES + 1);
    if (to <= fromIndex) return undefined;
    const at = nearBytes + fromIndex;
    if (at < this.#scanFrom || at > this.#scanTo + PASSAGE_BYTES) this.#scanFrom = at;
    this.#scanTo = nearBytes + to;
    const near = at - this.#scanFrom < NEAR_SCAN_BYTES ? this.#nearPlaces(this.#scanFrom).places : undefined;
    const far = this.#farPlaces();
    const candidates: number[] = [];
    let found: Passage | undefined;
    eachWindow(block, fromIndex, to, (hash, index) => {
      candidates.length = 0;
      near?.collect(hash, candidates);
      if (this.#isPicked(hash)) far?.collect(hash, candidates);
      const offsetBytes = candidates.length === 0 ? undefined : this.#longest(block, candidates, { ...wanted, index });
      if (offsetBytes !== undefined) found = { index, offsetBytes };
      return found !== undefined;
    });
    return found;
  }

  #isPicked(hash: number): boolean {
    return mix(hash) < 2 ** 32 / this.#spacing;
  }

  #farPlaces(): Places | undefined {
    for (const _ of this.index());
    return this.#far;
  }

  /** Builds the index of far places, a megabyte a turn, unless it is there or the source is too large for one. */
  *index(): Generator<undefined> {
    const { lengthBytes, read, hole } = this.#source;
    if (this.#far !== undefined || lengthBytes > INDEXED_BYTES_MAX) return;
    const places = new Places(Math.min(PLACES_MAX, Math.ceil(lengthBytes / this.#spacing)));
    let left = PLACES_MAX;
    const block = new Uint8Array(new ArrayBuffer(READ_BYTES + WINDOW_BYTES));
    for (let from = 0; from < lengthBytes && left > 0; from += READ_BYTES) {
      // The last window before data reaches into it.
      from += Math.max(0, Math.floor(((hole?.(from) ?? 0) - WINDOW_BYTES) / READ_BYTES)) * READ_BYTES;
      const view = block.subarray(0, Math.min(block.length, lengthBytes - from));
      read(view, from);
      eachWindow(view, 0, READ_BYTES, (hash, index) => {
        if (!this.#isPicked(hash)) return false;
        places.add(hash, from + index);
        left -= 1;
        return left === 0;
      });
      yield undefined;
    }
    this.#far = places;
  }

  #nearPlaces(at: number): { readonly places: Places } {
    const { lengthBytes, read } = this.#source;
    const known = this.#near;
    const margin = NEAR_BYTES / 2;
    if (known !== undefined && (known.from === 0 || known.from <= at - margin)) {
      if (known.to === lengthBytes || known.to >= at + margin) return known;
    }
    const from = Math.max(0, Math.min(lengthBytes, at) - NEAR_BYTES);
    const to = Math.min(lengthBytes, Math.max(0, at) + NEAR_BYTES);
    const block = new Uint8Array(new ArrayBuffer(Math.max(0, to - from)));
    if (block.length > 0) read(block, from);
    const places = new Places(block.length);
    eachWindow(block, 0, block.length, (hash, index) => {
      places.add(hash, from + index);
      return false;
    });
    this.#near = { from, to, places };
    return this.#near;
  }

  /** Of the places that hold at least a passage of the bytes at the index, the one that holds most, then the nearest. */
  #longest(
    block: Uint8Array,
    candidates: readonly number[],
    { index, nearBytes, limitBytes }: { index: number; nearBytes: number; limitBytes: number },
  ): number | undefined {
    const { lengthBytes, read } = this.#source;
    const end = Math.min(lengthBytes, limitBytes);
    let best: { offset: number; length: number; distance: number } | undefined;
    for (const offset of candidates) {
      const most = Math.min(MATCH_BYTES_MAX, block.length - index, end - offset);
      if (most < PASSAGE_BYTES) continue;
      const distance = Math.abs(offset - nearBytes - index);
      if (best !== undefined && best.length >= most && best.distance <= distance) continue;
      const expected = scratch.subarray(0, most);
      read(expected, offset);
      let length = 0;
      while (length < most && expected[length] === block[index + length]) length += 1;
      if (length < PASSAGE_BYTES) continue;
      if (best === undefined || length > best.length || (length === best.length && distance < best.distance))
        best = { offset, length, distance };
    }
    return best?.offset;
  }
}

const scratch = new Uint8Array(new ArrayBuffer(MATCH_BYTES_MAX));
