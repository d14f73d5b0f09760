/**
 * The doors: every way to append that the report's bug may come through, and the controls that it may not.
 *
 * Owns the open flags of each door and how a chunk is cut into requests. The calls themselves are in the script
 * (`Ways`); whoever uses a door continues short results.
 */

import type { Fd } from "../../ops/fd.ts";
import { type BufferPart, IoVectors } from "../../ops/file.ts";
import { AT_FILE_POSITION } from "../../ops/integers.ts";
import type { Memory } from "../../ops/memory.ts";
import { Ring } from "../../ops/ring/ring.ts";
import { ERRNO } from "../../sys/errno.ts";
import { O_APPEND, RWF_APPEND, RWF_NOWAIT } from "../../sys/uapi/fcntl.ts";
import type { ReadWriteFlags, SqeFlags } from "../../sys/uapi/flags.ts";
import { IOSQE_ASYNC, IOSQE_IO_LINK } from "../../sys/uapi/io_uring.ts";

interface DoorSpec {
  readonly engine: "uring" | "pwritev2" | "write";
  readonly openFlags: number;
  /** Whether the call names the offset, or leaves it to the end of file or the file position. */
  readonly explicitOffset: boolean;
  readonly rwFlags: number;
  readonly about: string;
}

export const DOORS = {
  "uring-append": {
    engine: "uring",
    openFlags: O_APPEND,
    explicitOffset: false,
    rwFlags: 0,
    about: "io_uring writev, O_APPEND, offset -1 (the report)",
  },
  "uring-append-offset": {
    engine: "uring",
    openFlags: O_APPEND,
    explicitOffset: true,
    rwFlags: 0,
    about: "io_uring writev, O_APPEND, explicit offset",
  },
  "uring-rwf-append": {
    engine: "uring",
    openFlags: 0,
    explicitOffset: false,
    rwFlags: RWF_APPEND,
    about: "io_uring writev, RWF_APPEND",
  },
  nowait: {
    engine: "pwritev2",
    openFlags: O_APPEND,
    explicitOffset: false,
    rwFlags: RWF_NOWAIT,
    about: "pwritev2 RWF_NOWAIT, O_APPEND, retried when refused",
  },
  write: { engine: "write", openFlags: O_APPEND, explicitOffset: false, rwFlags: 0, about: "write, O_APPEND" },
  "uring-offset": {
    engine: "uring",
    openFlags: 0,
    explicitOffset: true,
    rwFlags: 0,
    about: "control: io_uring writev, explicit offset (the report's control)",
  },
  "uring-position": {
    engine: "uring",
    openFlags: 0,
    explicitOffset: false,
    rwFlags: 0,
    about: "control: io_uring writev, file position",
  },
  "write-position": {
    engine: "write",
    openFlags: 0,
    explicitOffset: false,
    rwFlags: 0,
    about: "control: write, file position",
  },
} as const satisfies Record<string, DoorSpec>;

export type DoorName = keyof typeof DOORS;
export const DOOR_NAMES = Object.keys(DOORS) as DoorName[];

export interface DoorOptions {
  /** Pieces of one chunk in flight at once, as linked requests (io_uring doors). */
  readonly queueDepth: number;
  /** IOSQE_ASYNC on every request: never inline, so the race has no place. */
  readonly async: boolean;
}

/** What one call took of what it was asked to: bytes moved, or -errno. */
export interface CallResult {
  readonly requestedBytes: number;
  readonly result: number;
}

/** Makes the one system call in which the race lies, with whatever the pressure does around it; returns its result. */
export type Around = (call: () => number) => number;

/** A piece of a chunk as one request of a ring. */
export interface Piece {
  readonly vectors: IoVectors;
  readonly lengthBytes: number;
  readonly offsetBytes: number;
  /** RWF_* flags. */
  readonly flags: ReadWriteFlags;
  /** IOSQE_* flags: linked but for the last piece. */
  readonly sqeFlags: SqeFlags;
}

/** What a way to append is asked to do. */
export interface Append {
  readonly file: Fd;
  readonly buffer: Memory;
  readonly part: Required<BufferPart>;
  readonly around: Around;
}

/**
 * The ways to append, which the script shows: each makes its calls and returns the result of every piece, or the one of
 * its only call.
 */
export interface Ways {
  uring(append: Append & { readonly ring: Ring; readonly pieces: readonly Piece[] }): number[];
  pwritev2(append: Append & Pick<Piece, "vectors" | "offsetBytes" | "flags">): number;
  write(append: Append): number;
}

export class Door implements Disposable {
  readonly name: DoorName;
  readonly openFlags: number;
  /** The call as strace names it. */
  readonly call: string;
  /** True when the call itself may wait for memory: pressure must leave it a way on. */
  readonly sleeps: boolean;
  #spec: DoorSpec;
  #ring: Ring | undefined;
  #vectors: IoVectors[];
  #options: DoorOptions;
  #ways: Ways;

  constructor(name: DoorName, options: DoorOptions, ways: Ways) {
    this.name = name;
    this.#ways = ways;
    this.#spec = DOORS[name];
    this.#options = options;
    this.openFlags = this.#spec.openFlags;
    this.sleeps = this.#spec.engine === "write";
    this.call = { uring: "io_uring writev", pwritev2: "pwritev2", write: "write" }[this.#spec.engine];
    const depth = this.#spec.engine === "uring" ? options.queueDepth : 1;
    // 8 entries as in the report, more when the depth asks for it.
    if (this.#spec.engine === "uring") this.#ring = new Ring({ entries: Math.max(8, depth) });
    this.#vectors = Array.from({ length: depth }, () => new IoVectors(1));
  }

  /** Appends `part` of the buffer; `offsetBytes` is where its first byte belongs, for doors that name it. */
  append(append: Append, offsetBytes: number): CallResult[] {
    const { engine, explicitOffset, rwFlags } = this.#spec;
    const { lengthBytes } = append.part;
    const at = explicitOffset ? offsetBytes : AT_FILE_POSITION;
    if (engine === "write") return [{ requestedBytes: lengthBytes, result: this.#ways.write(append) }];
    if (engine === "pwritev2") return [this.#pwritev2(append, at, rwFlags)];
    const pieces = this.#pieces(append, at);
    const results = this.#ways.uring({ ...append, ring: this.#ring as Ring, pieces });
    return pieces
      .map((piece, index) => ({ requestedBytes: piece.lengthBytes, result: results[index] as number }))
      .filter(({ result }, index) => index === 0 || result !== -ERRNO.ECANCELED);
  }

  /** True for the result of a door that may refuse "now": the caller repeats the same bytes by `retry`. */
  refusesNow({ result }: CallResult): boolean {
    return (this.#spec.rwFlags & RWF_NOWAIT) !== 0 && (result === -ERRNO.EAGAIN || result === -ERRNO.EOPNOTSUPP);
  }

  /** What a correct caller does when "now" was refused: the same bytes again, willing to wait. */
  retry(append: Omit<Append, "around">): CallResult {
    return this.#pwritev2({ ...append, around: (call) => call() }, AT_FILE_POSITION, 0);
  }

  #pwritev2(append: Append, offsetBytes: number, flags: ReadWriteFlags): CallResult {
    const vectors = (this.#vectors[0] as IoVectors).clear().add(append.buffer, append.part);
    const result = this.#ways.pwritev2({ ...append, vectors, offsetBytes, flags });
    return { requestedBytes: append.part.lengthBytes, result };
  }

  /** The chunk as `queueDepth` linked requests: the kernel runs them in order, one short result cancels the rest. */
  #pieces({ buffer, part }: Append, at: number): Piece[] {
    const pieceBytes = Math.max(8, Math.ceil(part.lengthBytes / this.#vectors.length / 8) * 8);
    const async = this.#options.async ? IOSQE_ASYNC : 0;
    const pieces: Piece[] = [];
    for (let done = 0; done < part.lengthBytes; done += pieceBytes) {
      const lengthBytes = Math.min(pieceBytes, part.lengthBytes - done);
      const vectors = (this.#vectors[pieces.length] as IoVectors).clear();
      vectors.add(buffer, { bufferOffsetBytes: part.bufferOffsetBytes + done, lengthBytes });
      const offsetBytes = at === AT_FILE_POSITION ? at : at + done;
      const link = done + pieceBytes >= part.lengthBytes ? 0 : IOSQE_IO_LINK;
      pieces.push({ vectors, lengthBytes, offsetBytes, flags: this.#spec.rwFlags, sqeFlags: link | async });
    }
    return pieces;
  }

  [Symbol.dispose](): void {
    this.#ring?.[Symbol.dispose]();
    for (const vectors of this.#vectors) vectors[Symbol.dispose]();
  }
}
