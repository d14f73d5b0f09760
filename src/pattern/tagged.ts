/**
 * The tagged pattern: one writer's stream of records of one size, laid end to end.
 *
 * Owns the arithmetic between stream offsets and records; what a record looks like is `record.ts`'s. Several writers in
 * one file, or records of several sizes, are a log: see verify/record-log.ts.
 */
import { assertStreamOffset, type LocateRange, type Location, type Pattern } from "./pattern.ts";
import { assertTag, fillPart, findTag, mismatchInPart, type RecordPart, SEQUENCE_MAX, type WordTag } from "./record.ts";

/** Which writer's stream, in records of which size. */
export interface TaggedOptions {
  readonly writer?: number;
  readonly generation?: number;
  /** Every record of the stream has this length. Default 4096. */
  readonly recordBytes?: number;
}

const SEQUENCES = SEQUENCE_MAX + 1;

/** One writer's stream of records of one size, without gaps. */
export class Tagged implements Pattern {
  readonly name = "tagged";
  readonly label: string;
  readonly wordBytes = 8;
  readonly resumeBytes = 8;
  readonly proofBytes = 24;
  readonly reachBytes = 56;
  readonly #tag: { writer: number; generation: number; lengthBytes: number };

  constructor({ writer = 0, generation = 0, recordBytes = 4096 }: TaggedOptions = {}) {
    assertTag({ writer, generation, sequence: 0, lengthBytes: recordBytes });
    this.#tag = { writer, generation, lengthBytes: recordBytes };
    this.label = `writer ${writer}, generation ${generation}`;
  }

  fill(block: Uint8Array, streamOffsetBytes: number): void {
    this.#parts(block, streamOffsetBytes, (part) => {
      fillPart(block, part);
      return -1;
    });
  }

  firstMismatch(block: Uint8Array, streamOffsetBytes: number): number {
    return this.#parts(block, streamOffsetBytes, (part) => mismatchInPart(block, part));
  }

  #parts(block: Uint8Array, streamOffsetBytes: number, visit: (part: RecordPart) => number): number {
    assertStreamOffset(streamOffsetBytes);
    const size = this.#tag.lengthBytes;
    let at = 0;
    while (at < block.length) {
      const sequence = Math.floor((streamOffsetBytes + at) / size);
      const offsetBytes = streamOffsetBytes + at - sequence * size;
      const toIndex = Math.min(block.length, at + size - offsetBytes);
      const bad = visit({
        // Sequence numbers come again after 2^23 records; the header's stream offset does not.
        tag: { ...this.#tag, sequence: sequence % SEQUENCES, streamOffsetBytes: sequence * size },
        offsetBytes,
        fromIndex: at,
        toIndex,
      });
      if (bad >= 0) return bad;
      at = toIndex;
    }
    return -1;
  }

  locate(block: Uint8Array, { fromIndex, toIndex, limitBytes, nearBytes = 0 }: LocateRange): Location | undefined {
    return findTag(block, { fromIndex, toIndex }, (tag, index) =>
      this.#place(tag, { index, limitBytes, nearBytes: nearBytes + index }),
    );
  }

  #place(
    tag: WordTag,
    { index, limitBytes, nearBytes }: { index: number; limitBytes: number; nearBytes: number },
  ): Location | undefined {
    const { lengthBytes, writer, generation } = this.#tag;
    if (tag.offsetBytes + 24 > lengthBytes) return undefined;
    const first = tag.sequence * lengthBytes + tag.offsetBytes;
    const rounds = Math.max(0, Math.round((nearBytes - first) / (SEQUENCES * lengthBytes)));
    const nearest = first + rounds * SEQUENCES * lengthBytes;
    const streamOffsetBytes = rounds > 0 && nearest + 24 > limitBytes ? nearest - SEQUENCES * lengthBytes : nearest;
    const proof = { index, streamOffsetBytes, provenBytes: 24 };
    if (tag.writer !== writer || tag.generation !== generation) {
      return { ...proof, stream: new Tagged({ ...tag, recordBytes: lengthBytes }) };
    }
    return streamOffsetBytes + 24 <= limitBytes ? { ...proof, stream: this } : undefined;
  }
}

/** Records of one writer, of one size, end to end; each byte shows writer, generation, record and place. */
export function tagged(options: TaggedOptions = {}): Tagged {
  return new Tagged(options);
}
