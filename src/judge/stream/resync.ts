/**
 * Looks for the end of damage: the walk resuming in place, or bytes that prove another position.
 *
 * Owns the preference between the two. Refuses to remember more than the last own position.
 */
import type { Location, Pattern } from "../../pattern/pattern.ts";

export const SCAN_STEP_MAX = 65536;
const EXPECTED_BYTES_MIN = 2112;

/** A piece of the file in memory: block[0] stands at file offset `at`. */
export interface Window {
  readonly block: Uint8Array;
  readonly at: number;
}

export interface Found {
  readonly stream: Pattern;
  readonly own: boolean;
  /** File offset and stream offset of the first byte of the proof, and bytes known to match from there. */
  readonly at: number;
  readonly streamOffsetBytes: number;
  readonly provenBytes: number;
}

export class Seeker {
  readonly #pattern: Pattern;
  readonly #endBytes: number;
  /** A place on the last own run: the walk in place counts from it. */
  anchor: { file: number; stream: number };
  #expected = new Uint8Array(0);

  constructor({ pattern, endBytes, startBytes }: { pattern: Pattern; endBytes: number; startBytes: number }) {
    this.#pattern = pattern;
    this.#endBytes = endBytes;
    this.anchor = { file: startBytes, stream: startBytes };
  }

  /** The earliest proof in [from, to); in place wins unless another position is proven before its word is over. */
  search(window: Window, { from, to }: { from: number; to: number }): Found | undefined {
    const inPlace = this.#resume(window, { from, to });
    if (this.#pattern.proofBytes === 0) return inPlace;
    const before = inPlace === undefined ? to : inPlace.at + this.#pattern.wordBytes;
    let index = from - window.at;
    for (;;) {
      const location = this.#pattern.locate(window.block, {
        fromIndex: index,
        toIndex: before - window.at,
        limitBytes: this.#limitBytes(),
      });
      if (location === undefined) return inPlace;
      const found = this.#foundAt(window, location);
      const delta = found.own ? found.streamOffsetBytes - this.inPlaceOffset(found.at) : 1;
      if (delta !== 0) return found;
      if (inPlace !== undefined) return inPlace;
      index = location.index + 1;
    }
  }

  #foundAt(window: Window, location: Location): Found {
    return {
      stream: location.stream,
      own: location.stream === this.#pattern,
      at: window.at + location.index,
      streamOffsetBytes: location.streamOffsetBytes,
      provenBytes: location.provenBytes,
    };
  }

  /** Without a known end, a jump within 8 TiB is believed. */
  #limitBytes(): number {
    return this.#endBytes === Infinity ? Math.max(2 ** 43, this.anchor.stream * 2) : this.#endBytes;
  }

  inPlaceOffset(file: number): number {
    return this.anchor.stream + (file - this.anchor.file);
  }

  #resume(window: Window, { from, to }: { from: number; to: number }): Found | undefined {
    const { wordBytes, resumeBytes } = this.#pattern;
    const start = this.inPlaceOffset(from);
    const first = from + ((wordBytes - (start % wordBytes)) % wordBytes);
    const mostBeforeEnd = this.#endBytes - (this.#pattern.proofBytes === 0 ? resumeBytes : 1) - start + from;
    const lastStart = Math.min(to - 1, window.at + window.block.length - resumeBytes, mostBeforeEnd);
    if (lastStart < first) return undefined;
    const length = lastStart - first + resumeBytes;
    if (this.#expected.length < length) {
      const roomBytes = length <= EXPECTED_BYTES_MIN ? EXPECTED_BYTES_MIN : SCAN_STEP_MAX + 2048;
      this.#expected = new Uint8Array(new ArrayBuffer(roomBytes));
    }
    const expected = this.#expected.subarray(0, length);
    this.#pattern.fill(expected, this.inPlaceOffset(first));
    const offset = first - window.at;
    for (let i = 0; i + resumeBytes <= length; i += wordBytes) {
      let same = 0;
      while (same < resumeBytes && window.block[offset + i + same] === expected[i + same]) same += 1;
      if (same === resumeBytes) return this.inPlaceAt(first + i);
    }
    return undefined;
  }

  inPlaceAt(at: number): Found {
    return {
      stream: this.#pattern,
      own: true,
      at,
      streamOffsetBytes: this.inPlaceOffset(at),
      provenBytes: this.#pattern.resumeBytes,
    };
  }
}
