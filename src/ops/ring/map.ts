/**
 * The rings that liburing mapped, as typed arrays.
 *
 * Owns reading `struct io_uring` after set-up. Refuses to outlive it: the views are of memory that io_uring_queue_exit
 * unmaps, so the ring that made them drops them then.
 */
import { arrayBufferAt } from "../../sys/memory.ts";
import * as U from "../../sys/uapi/io_uring.ts";

export interface RingMap {
  readonly entries: number;
  readonly completionEntries: number;
  readonly features: number;
  readonly sqes: Uint32Array;
  readonly sqHead: Int32Array;
  readonly sqFlags: Int32Array;
  readonly cqHead: Int32Array;
  readonly cqTail: Int32Array;
  readonly cqes: Int32Array;
}

/** `words` are those of a `struct io_uring` that io_uring_queue_init_params has filled. */
export function mapRings(words: Uint32Array): RingMap {
  const at = U.io_uring.offsets;
  const word = (offsetBytes: number) => words[offsetBytes / 4] as number;
  const mapped = (offsetBytes: number, lengthBytes: number) =>
    arrayBufferAt(word(offsetBytes) + word(offsetBytes + 4) * 2 ** 32, lengthBytes);
  const counter = (offsetBytes: number) => new Int32Array(mapped(offsetBytes, 4));
  const entries = word(at["sq.ring_entries"]);
  const completionEntries = word(at["cq.ring_entries"]);
  return {
    entries,
    completionEntries,
    features: word(at.features),
    sqes: new Uint32Array(mapped(at["sq.sqes"], entries * U.io_uring_sqe.sizeBytes)),
    sqHead: counter(at["sq.khead"]),
    sqFlags: counter(at["sq.kflags"]),
    cqHead: counter(at["cq.khead"]),
    cqTail: counter(at["cq.ktail"]),
    cqes: new Int32Array(mapped(at["cq.cqes"], completionEntries * U.io_uring_cqe.sizeBytes)),
  };
}
