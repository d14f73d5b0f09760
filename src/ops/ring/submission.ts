/**
 * The submission side of a ring: entries written in order, chains whole, and what finds no room parked in order.
 *
 * Owns the submission entries and their tail, the requests that wait for room, and the descriptors that a request names:
 * each stays open until the kernel has looked its number up. Makes no system call; `ring.ts` does.
 */
import type { SqeFlags } from "../../sys/uapi/flags.ts";
import * as U from "../../sys/uapi/io_uring.ts";
import type { Fd } from "../fd.ts";
import type { RingMap } from "./map.ts";
import type { Request } from "./request.ts";

/** A request with its place in the ring's table and its IOSQE_* bits. */
export interface Entry {
  readonly request: Request;
  readonly slot: number;
  readonly flags: number;
}

/** One request of a chain. */
export interface ChainLink {
  readonly request: Request;
  readonly tag?: number;
  /** IOSQE_* bits; IOSQE_IO_HARDLINK instead of IOSQE_IO_LINK lets the chain go on after a failure. */
  readonly flags?: SqeFlags;
}

const SQE_WORDS = U.io_uring_sqe.sizeBytes / 4;
const LINKS = U.IOSQE_IO_LINK | U.IOSQE_IO_HARDLINK;
/**
 * With these bits, and for every request behind a linked one, the kernel looks the descriptor up when the request is
 * issued, which is later than its submit (io_assign_file in io_uring.c, since 5.18).
 */
const LATE = LINKS | U.IOSQE_ASYNC | U.IOSQE_IO_DRAIN;
/**
 * Upper half of every user_data, so that a completion that is not ours is noticed. Under 2^21, so that the whole
 * user_data is exact in a double, as the address field of a cancel request needs it.
 */
export const USER_DATA_MARK = 0x1b17e5;

/** Where each field lies, from the proven table: the index of its 32-bit word, and its shift inside it. */
const at = U.io_uring_sqe.offsets;
const word = (offsetBytes: number) => Math.floor(offsetBytes / 4);
const shift = (offsetBytes: number) => (offsetBytes % 4) * 8;
const [OPCODE, OPCODE_SHIFT] = [word(at.opcode), shift(at.opcode)];
const [FLAGS_SHIFT, IOPRIO_SHIFT] = [shift(at.flags), shift(at.ioprio)];
const [FD, OFF, ADDR, LEN, OP_FLAGS] = [word(at.fd), word(at.off), word(at.addr), word(at.len), word(at.rw_flags)];
const [USER_DATA, BUFFER, SPLICE_FD_IN, REST] = [
  word(at.user_data),
  word(at.buf_index),
  word(at.splice_fd_in),
  word(at.addr3),
];

export class SubmissionQueue {
  readonly #map: RingMap;
  /** The words of `struct io_uring`: its sqe_head and sqe_tail are liburing's, and ours between two calls of it. */
  readonly #struct: Uint32Array;
  readonly #tailAt = U.io_uring.offsets["sq.sqe_tail"] / 4;
  readonly #headAt = U.io_uring.offsets["sq.sqe_head"] / 4;
  /** Whole chains and single requests that wait for room. */
  readonly #parked: (readonly Entry[])[] = [];
  /** The chain whose last request was not queued yet. */
  #chain: Entry[] = [];
  /** How far the kernel's head had come when we last looked. */
  #seenHead = 0;
  /** The descriptors that are pinned for a slot. */
  readonly #pinned: (readonly Fd[] | undefined)[] = [];
  readonly #late: boolean[] = [];

  constructor(map: RingMap, struct: Uint32Array) {
    this.#map = map;
    this.#struct = struct;
  }

  get #free(): number {
    const head = Atomics.load(this.#map.sqHead, 0) >>> 0;
    return this.#map.entries - (((this.#struct[this.#tailAt] as number) - head) >>> 0);
  }

  /** True when the next request has to wait for a submit. */
  get full(): boolean {
    return this.#parked.length > 0 || this.#free === 0;
  }

  /** Undefined when the request may be queued, else why its chain cannot be. Checked before anything is pinned. */
  refusal(): string | undefined {
    return this.#chain.length < this.#map.entries ? undefined : tooLong(this.#map.entries);
  }

  /** Queues one request; those with IOSQE_IO_LINK wait for the one that ends their chain. */
  add(entry: Entry): void {
    this.#pin(entry, (entry.flags & LATE) !== 0 || this.#chain.length > 0);
    if ((entry.flags & LINKS) !== 0) {
      this.#chain.push(entry);
      return;
    }
    if (this.#chain.length === 0 && this.#parked.length === 0 && this.#free > 0) this.#write(entry);
    else this.#place([...this.#chain.splice(0), entry]);
  }

  /** Pins what the request names: until the kernel took it, or `late`, until it completed. */
  #pin({ request, slot }: Entry, late: boolean): void {
    for (const fd of request.fds) fd.pin();
    this.#late[slot] = late;
    this.#pinned[slot] = request.fds;
  }

  #unpin(slot: number): void {
    const fds = this.#pinned[slot];
    if (fds === undefined) return;
    this.#pinned[slot] = undefined;
    for (const fd of fds) fd.unpin();
  }

  #place(unit: readonly Entry[]): void {
    if (this.#parked.length > 0 || this.#free < unit.length) this.#parked.push(unit);
    else for (const entry of unit) this.#write(entry);
  }

  /**
   * Before a submit: a chain that was left open ends here, as it would in the kernel, and what is parked moves up as far
   * as it fits whole. True when something still waits.
   */
  refill(): boolean {
    if (this.#chain.length > 0) this.#place(this.#chain.splice(0));
    while (this.#parked.length > 0 && this.#free >= (this.#parked[0] as readonly Entry[]).length) {
      for (const entry of this.#parked.shift() as readonly Entry[]) this.#write(entry);
    }
    return this.#parked.length > 0;
  }

  #write({ request, slot, flags }: Entry): void {
    const tail = this.#struct[this.#tailAt] as number;
    const base = (tail & (this.#map.entries - 1)) * SQE_WORDS;
    const { sqes } = this.#map;
    sqes[base + OPCODE] = (request.opcode << OPCODE_SHIFT) | (flags << FLAGS_SHIFT) | (request.ioprio << IOPRIO_SHIFT);
    sqes[base + FD] = request.fd;
    sqes[base + OFF] = request.offsetBytes;
    // floor, not truncation: -1 must become all ones in both halves.
    sqes[base + OFF + 1] = Math.floor(request.offsetBytes / 2 ** 32);
    sqes[base + ADDR] = request.address;
    sqes[base + ADDR + 1] = Math.floor(request.address / 2 ** 32);
    sqes[base + LEN] = request.length;
    sqes[base + OP_FLAGS] = request.opFlags;
    sqes[base + USER_DATA] = slot;
    sqes[base + USER_DATA + 1] = USER_DATA_MARK;
    sqes[base + BUFFER] = request.bufferGroup;
    sqes[base + SPLICE_FD_IN] = request.spliceFdIn;
    sqes.fill(0, base + REST, base + SQE_WORDS);
    this.#struct[this.#tailAt] = tail + 1;
  }

  #slotAt(index: number): number {
    return this.#map.sqes[(index & (this.#map.entries - 1)) * SQE_WORDS + USER_DATA] as number;
  }

  /** After every entry into the kernel: the descriptors of what it took are its own matter now. */
  taken(): void {
    const head = Atomics.load(this.#map.sqHead, 0) >>> 0;
    for (; this.#seenHead !== head; this.#seenHead = (this.#seenHead + 1) >>> 0) {
      const slot = this.#slotAt(this.#seenHead);
      if (this.#late[slot] !== true) this.#unpin(slot);
    }
  }

  /** The request in `slot` has completed. */
  completed(slot: number): void {
    this.#unpin(slot);
  }

  /** Takes back everything the kernel has not taken; the slots. */
  forget(): number[] {
    const head = this.#struct[this.#headAt] as number;
    const slots: number[] = [];
    for (let index = head; index !== this.#struct[this.#tailAt]; index = (index + 1) >>> 0) {
      slots.push(this.#slotAt(index));
    }
    this.#struct[this.#tailAt] = head;
    for (const unit of [...this.#parked.splice(0), this.#chain.splice(0)]) slots.push(...unit.map(({ slot }) => slot));
    for (const slot of slots) this.#unpin(slot);
    return slots;
  }
}

/** The flags of a chain's request: linked to the next one, but for the last. */
export function linkedFlags(flags: number, last: boolean): SqeFlags {
  const linked = last ? flags & ~LINKS : (flags & LINKS) === 0 ? flags | U.IOSQE_IO_LINK : flags;
  return linked as SqeFlags;
}

/** Why a chain is refused. */
export function tooLong(entries: number): string {
  return `a chain of more than ${entries} requests does not fit into a ring of ${entries} entries; make the ring larger`;
}
