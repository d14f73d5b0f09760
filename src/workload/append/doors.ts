/**
 * The doors: every way to append that the report's bug may come through, and the controls that it may not.
 *
 * Owns the open flags and the call of each door. A door answers like the call it makes: bytes moved, or -errno; whoever
 * uses it continues short results.
 */

import type { Fd } from "../../ops/fd.ts";
import { IoVectors, type Part, tryWrite, tryWriteVectors } from "../../ops/file.ts";
import { AT_FILE_POSITION } from "../../ops/integers.ts";
import type { Memory } from "../../ops/memory.ts";
import { writev } from "../../ops/ring/request.ts";
import { Ring } from "../../ops/ring/ring.ts";
import { ERRNO } from "../../sys/errno.ts";
import { O_APPEND, RWF_APPEND, RWF_NOWAIT } from "../../sys/uapi/fcntl.ts";
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

/** One result per piece asked for; pieces after a short or failed one are -ECANCELED and not listed. */
export interface Answer {
  readonly requestedBytes: number;
  readonly result: number;
}

/** Makes the call; what surrounds it is the caller's. Returns what the call returned. */
export type Attempt = (call: () => number) => number;

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
  #submit = () => (this.#ring as Ring).submit();

  constructor(name: DoorName, options: DoorOptions) {
    this.name = name;
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

  /**
   * Appends `part` of the buffer; `offsetBytes` is where its first byte belongs, for doors that say so. `attempt` makes
   * the one system call in which the race lies (the submit, or the write itself), so that pressure can surround it.
   */
  append(fd: Fd, memory: Memory, part: Required<Part>, offsetBytes: number, attempt: Attempt): Answer[] {
    const { engine, explicitOffset, rwFlags } = this.#spec;
    const at = explicitOffset ? offsetBytes : AT_FILE_POSITION;
    if (engine === "uring") return this.#chain(fd, memory, part, at, attempt);
    if (engine === "write")
      return [
        this.#answer(
          part,
          attempt(() => tryWrite(fd, memory, part)),
        ),
      ];
    return [
      this.#answer(
        part,
        attempt(() => this.#pwritev2(fd, memory, part, at, rwFlags)),
      ),
    ];
  }

  /** True for the answer of a door that may say "not now": the caller repeats the same bytes by `retry`. */
  refusesNow({ result }: Answer): boolean {
    return (this.#spec.rwFlags & RWF_NOWAIT) !== 0 && (result === -ERRNO.EAGAIN || result === -ERRNO.EOPNOTSUPP);
  }

  /** What a correct caller does when "now" was refused: the same bytes again, willing to wait. */
  retry(fd: Fd, memory: Memory, part: Required<Part>): Answer {
    return this.#answer(part, this.#pwritev2(fd, memory, part, AT_FILE_POSITION, 0));
  }

  #answer(part: Required<Part>, result: number): Answer {
    return { requestedBytes: part.lengthBytes, result };
  }

  #pwritev2(fd: Fd, memory: Memory, part: Required<Part>, offsetBytes: number, flags: number): number {
    const vectors = (this.#vectors[0] as IoVectors).clear().add(memory, part);
    return tryWriteVectors(fd, vectors, { offsetBytes, flags });
  }

  /** The chunk as `queueDepth` linked requests: the kernel runs them in order, one short result cancels the rest. */
  #chain(fd: Fd, memory: Memory, part: Required<Part>, at: number, attempt: Attempt): Answer[] {
    const ring = this.#ring as Ring;
    const depth = this.#vectors.length;
    const pieceBytes = Math.max(8, Math.ceil(part.lengthBytes / depth / 8) * 8);
    const requested: number[] = [];
    for (let done = 0; done < part.lengthBytes; done += pieceBytes) {
      const lengthBytes = Math.min(pieceBytes, part.lengthBytes - done);
      const vectors = (this.#vectors[requested.length] as IoVectors).clear();
      vectors.add(memory, { bufferOffsetBytes: part.bufferOffsetBytes + done, lengthBytes });
      const offsetBytes = at === AT_FILE_POSITION ? at : at + done;
      const last = done + pieceBytes >= part.lengthBytes;
      const flags = (last ? 0 : IOSQE_IO_LINK) | (this.#options.async ? IOSQE_ASYNC : 0);
      const request = { ...writev(fd, vectors, { offsetBytes, flags: this.#spec.rwFlags }) };
      ring.queue({ ...request, pins: [vectors.memory, memory] }, { tag: requested.length, flags });
      requested.push(lengthBytes);
    }
    attempt(this.#submit);
    const results = new Array<number>(requested.length).fill(-ERRNO.ECANCELED);
    for (let missing = requested.length; missing > 0; ) {
      ring.submitAndWait(1);
      for (const completion of ring.completions()) {
        results[completion.tag] = completion.result;
        missing -= 1;
      }
    }
    return requested
      .map((requestedBytes, index) => ({ requestedBytes, result: results[index] as number }))
      .filter((answer, index) => index === 0 || answer.result !== -ERRNO.ECANCELED);
  }

  [Symbol.dispose](): void {
    this.#ring?.[Symbol.dispose]();
    for (const vectors of this.#vectors) vectors[Symbol.dispose]();
  }
}
