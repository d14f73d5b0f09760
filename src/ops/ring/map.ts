/**
 * The rings that liburing mapped, as typed arrays.
 *
 * Owns reading `struct io_uring` after set-up. Refuses to outlive it: the views are of memory that io_uring_queue_exit
 * unmaps, so the ring that made them drops them then.
 */
import { arrayBufferAt } from "../../sys/memory.ts";
import * as U from "../../sys/uapi/io_uring.ts";
import { assert } from "../errors.ts";

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

/** `words` are those of a `struct io_uring` that io_uring_queue_init_params has filled; what it filled is checked. */
export function mapRings(words: Uint32Array): RingMap {
  const at = U.io_uring.offsets;
  const word = (offsetBytes: number) => words[offsetBytes / 4] as number;
  const mapped = (offsetBytes: number, lengthBytes: number) => {
    const address = word(offsetBytes) + word(offsetBytes + 4) * 2 ** 32;
    assert(address > 0 && Number.isSafeInteger(address), "liburing left a ring without an address");
    return arrayBufferAt(address, lengthBytes);
  };
  const counter = (offsetBytes: number) => new Int32Array(mapped(offsetBytes, 4));
  const entries = ringSize(word(at["sq.ring_entries"]), word(at["sq.ring_mask"]), "submission");
  const completionEntries = ringSize(word(at["cq.ring_entries"]), word(at["cq.ring_mask"]), "completion");
  const map: RingMap = {
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
  // A ring that no one used: everything of it is at its beginning.
  const tail = counter(at["sq.ktail"]);
  for (const head of [map.sqHead, tail, map.cqHead, map.cqTail]) assert(head[0] === 0, "a new ring was not empty");
  assert(word(at["sq.sqe_head"]) === 0 && word(at["sq.sqe_tail"]) === 0, "liburing's entries were not at their start");
  assert((word(at.ring_fd) | 0) >= 0, "a new ring has no descriptor");
  return map;
}

/** The kernel rounds sizes up to a power of two, and finds an entry by its mask. */
function ringSize(entries: number, mask: number, which: string): number {
  assert(entries > 0 && (entries & (entries - 1)) === 0, `the ${which} ring has ${entries} entries, no power of two`);
  assert(mask === entries - 1, `the ${which} ring has ${entries} entries and the mask ${mask}`);
  return entries;
}

/** A ring without memory behind it, for one that is closed. */
export function emptyMap(): RingMap {
  const nothing = new Int32Array(1);
  return {
    entries: 1,
    completionEntries: 1,
    features: 0,
    sqes: new Uint32Array(U.io_uring_sqe.sizeBytes / 4),
    sqHead: nothing,
    sqFlags: nothing,
    cqHead: nothing,
    cqTail: nothing,
    cqes: new Int32Array(U.io_uring_cqe.sizeBytes / 4),
  };
}
