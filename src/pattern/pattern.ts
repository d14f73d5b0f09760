/**
 * What a self-describing stream of bytes can do for the judge: return what should be at an offset, and where found
 * bytes belong.
 *
 * Owns the interface that every pattern implements. Refuses to know about files or damage: offsets here are offsets in
 * the stream, the order in which the writer meant the bytes to be.
 */

/** Found bytes that prove where they belong. */
export interface Location {
  /** Index in the searched block at which the proof begins. */
  readonly index: number;
  readonly streamOffsetBytes: number;
  /** How many bytes from the index are as the stream has them. */
  readonly provenBytes: number;
  /** The pattern itself, or its sibling of another generation, file or writer. */
  readonly stream: Pattern;
}

export interface LocateRange {
  readonly fromIndex: number;
  /** Proofs begin before this index; they may read `proofBytes` from there. */
  readonly toIndex: number;
  /** Offsets of the pattern's own stream at or beyond this are not believed. */
  readonly limitBytes: number;
  /**
   * Where in the stream block[0] belongs if nothing is missing or inserted before it; negative when it is before the
   * stream's beginning. A pattern whose words come again
   * (32-bit counters) takes the place nearest to it. Left out: the first place.
   */
  readonly nearBytes?: number;
}

/** A stream of bytes that record where they belong: filled, compared and located at any offset. */
export interface Pattern {
  /** "counter", "tagged", "zero", "byte", "prng", "reference". */
  readonly name: string;
  /** Which stream this is, for sentences: "generation 3", "writer 2 of generation 7". */
  readonly label: string;
  /** In-place damage ends at a multiple of this (in the stream) … */
  readonly wordBytes: number;
  /** … from which this many bytes are as they should be. */
  readonly resumeBytes: number;
  /** Bytes that a proof by `locate` reads from its index; 0 when bytes of this pattern cannot locate themselves. */
  readonly proofBytes: number;
  /** A run found by `locate` may reach this far back before its proof. */
  readonly reachBytes: number;
  /** Of streams that are one short cycle of bytes again and again: its length. Their bytes prove no more than a phase. */
  readonly periodBytes?: number;
  /** True for streams that may hold zeros in a row, so that zeros in a file are not damage by themselves. */
  readonly holdsZeros?: boolean;
  /** Writes what should be at stream offsets [streamOffsetBytes, + block.length). */
  fill(block: Uint8Array, streamOffsetBytes: number): void;
  /** Index of the first byte of the block that is not what should be there, or -1. */
  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number;
  /** The first place in the range whose bytes prove their position in this stream or in a sibling's. */
  locate(block: Uint8Array, range: LocateRange): Location | undefined;
  /** Long work that `locate` needs once, a few milliseconds a turn; what is not done by then, `locate` does itself. */
  prepare?(): Iterable<unknown>;
  /** Of text: the line that holds the byte at that offset. */
  lineAt?(streamOffsetBytes: number): { readonly offsetBytes: number; readonly lengthBytes: number };
  /**
   * Records that differ in a few bits only: which one is at the index, where the stream is right before it and should go
   * on at that offset; undefined when it is none, or one with flipped bits.
   */
  replacedAt?(
    block: Uint8Array,
    index: number,
    place: { readonly streamOffsetBytes: number; readonly limitBytes: number },
  ): Location | undefined;
}

/** Asserts an offset that JavaScript numbers hold exactly; 2^53 bytes are 8 PiB. */
export function assertStreamOffset(offsetBytes: number): void {
  if (!Number.isSafeInteger(offsetBytes) || offsetBytes < 0) {
    throw new RangeError(`stream offset ${offsetBytes} is not a whole number from 0 to 2^53 - 1`);
  }
}
