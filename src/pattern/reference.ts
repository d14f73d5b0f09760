/**
 * The reference pattern: the stream is whatever another file holds, as report 2 compares what went in and what came out.
 *
 * Owns comparing with bytes fetched on demand through a callback (this room opens no files). Arbitrary content does not
 * record where it belongs, but 64 bytes in a row that the reference holds do (`passages.ts`): lost, repeated and misplaced
 * bytes are found as what they are.
 */
import { firstDifference } from "./expected.ts";
import { PASSAGE_BYTES, Passages } from "./passages.ts";
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";

export interface ReferenceOptions {
  readonly lengthBytes: number;
  /** Fills the whole block with the reference's bytes from that offset on; both lie inside `lengthBytes`. */
  readonly read: (block: Uint8Array, offsetBytes: number) => void;
  /** How many bytes of a hole begin at that offset, where no passage is looked for; 0 in data. */
  readonly hole?: (offsetBytes: number) => number;
}

const COMPARE_BYTES = 262144;
const REACH_BYTES_MIN = 1024;

export interface ReferencePattern extends Pattern {
  /** A shorter piece that is called foreign may be the reference's own, from far away. */
  readonly foundBytes: number;
}

class Reference implements ReferencePattern {
  readonly name = "reference";
  readonly label = "the reference";
  readonly wordBytes = 8;
  /** Arbitrary content has equal bytes by chance; a damaged range ends where this many in a row are right again. */
  readonly resumeBytes = 32;
  readonly proofBytes = PASSAGE_BYTES;
  readonly reachBytes: number;
  readonly foundBytes: number;
  readonly holdsZeros = true;
  readonly #options: ReferenceOptions;
  readonly #passages: Passages;
  #scratch: Uint8Array | undefined;

  constructor(options: ReferenceOptions) {
    this.#options = options;
    this.#passages = new Passages(options);
    this.foundBytes = this.#passages.foundBytes;
    this.reachBytes = this.foundBytes === Infinity ? REACH_BYTES_MIN : Math.max(REACH_BYTES_MIN, this.foundBytes);
  }

  prepare(): Iterable<unknown> {
    return this.#passages.index();
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    assertStreamOffset(streamOffsetBytes);
    const inside = Math.max(0, Math.min(block.length, this.#options.lengthBytes - streamOffsetBytes));
    if (inside > 0) this.#options.read(inside === block.length ? block : block.subarray(0, inside), streamOffsetBytes);
    block.fill(0, inside);
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    assertStreamOffset(streamOffsetBytes);
    this.#scratch ??= new Uint8Array(new ArrayBuffer(COMPARE_BYTES));
    const inside = Math.max(0, Math.min(block.length, this.#options.lengthBytes - streamOffsetBytes));
    for (let done = 0; done < inside; done += COMPARE_BYTES) {
      const count = Math.min(COMPARE_BYTES, inside - done);
      const expected = this.#scratch.subarray(0, count);
      this.#options.read(expected, streamOffsetBytes + done);
      const found = block.subarray(done, done + count);
      const bad = firstDifference(found, expected);
      if (bad >= 0) return done + bad;
    }
    return inside < block.length ? inside : -1;
  }

  locate(block: Uint8Array, { nearBytes = 0, ...range }: LocateRange): Location | undefined {
    const passage = this.#passages.find(block, { ...range, nearBytes });
    if (passage === undefined) return undefined;
    const { index, offsetBytes } = passage;
    return { index, streamOffsetBytes: offsetBytes, provenBytes: PASSAGE_BYTES, stream: this };
  }
}

/** The bytes of a file or buffer as the pattern: what came back must be these. */
export function reference(options: ReferenceOptions): ReferencePattern {
  return new Reference(options);
}
