/**
 * An io_uring: queue requests, submit, read completions.
 *
 * liburing owns set-up, submit and wait; entries are written and read here, on the mapped rings. Buffers of a request
 * are pinned from `queue` to its completion. Disposing a ring cancels what is in flight and waits for it, so that no
 * memory goes back while the kernel may write to it.
 */
import { ERRNO } from "../../sys/errno.ts";
import type { SqeFlags } from "../../sys/uapi/flags.ts";
import * as U from "../../sys/uapi/io_uring.ts";
import { assert, checkedNegative } from "../errors.ts";
import { checkUint } from "../integers.ts";
import { allocate, type Memory } from "../memory.ts";
import { throwIfInterrupted } from "../signals.ts";
import type { Completion } from "./completion.ts";
import { liburingSymbols, ringHint } from "./hints.ts";
import { emptyMap, mapRings } from "./map.ts";
import { asyncCancel, type Request } from "./request.ts";
import { type ChainLink, linkedFlags, SubmissionQueue, tooLong, USER_DATA_MARK } from "./submission.ts";
import { WatchedRequests } from "./watched.ts";

/** Sizes of a ring's two queues. */
export interface RingOptions {
  /** Submission entries; the kernel rounds up to a power of two. */
  readonly entries?: number;
  /** Completion entries; twice the submission entries unless given. */
  readonly completionEntries?: number;
}

interface Slot {
  tag: number;
  request: Request | undefined;
}

const CQE_WORDS = U.io_uring_cqe.sizeBytes / 4;
/** Where the fields of a completion lie, from the proven table, in 32-bit words. */
const CQE_USER_DATA = U.io_uring_cqe.offsets.user_data / 4;
const CQE_RES = U.io_uring_cqe.offsets.res / 4;
const CQE_FLAGS = U.io_uring_cqe.offsets.flags / 4;

/** An io_uring: queue requests (`sqe`), submit, read completions; `using` cancels what is in flight. io_uring(7). */
export class Ring implements Disposable {
  readonly features: number;
  readonly entries: number;
  readonly completionEntries: number;
  #uring: ReturnType<typeof liburingSymbols>;
  #struct: Memory;
  #words: Uint32Array;
  #submission: SubmissionQueue;
  #sqFlags: Int32Array;
  #cqHead: Int32Array;
  #cqTail: Int32Array;
  #cqes: Int32Array;
  #slots: Slot[] = [];
  #freeSlots: number[] = [];
  readonly #watched = new WatchedRequests();
  #inFlight = 0;
  #backlog: Completion[] = [];
  #open = true;

  constructor(options: RingOptions = {}) {
    this.#uring = liburingSymbols();
    const entries = checkUint("entries", options.entries ?? 8);
    const completionEntries = checkUint("completionEntries", options.completionEntries ?? 0);
    this.#struct = allocate(U.io_uring.sizeBytes);
    const params = allocate(U.io_uring_params.sizeBytes);
    params.bytes.fill(0);
    this.#struct.bytes.fill(0);
    if (options.completionEntries !== undefined) {
      params.view.setUint32(U.io_uring_params.offsets.flags, U.IORING_SETUP_CQSIZE, true);
      params.view.setUint32(U.io_uring_params.offsets.cq_entries, completionEntries, true);
    }
    const result = this.#uring.io_uring_queue_init_params(entries, this.#struct.address, params.address);
    params[Symbol.dispose]();
    if (result < 0) {
      this.#struct[Symbol.dispose]();
      checkedNegative(result, "io_uring_setup", `${entries} entries`, ringHint(-result));
    }
    this.#words = this.#struct.words;
    const map = mapRings(this.#words);
    this.entries = map.entries;
    this.completionEntries = map.completionEntries;
    this.features = map.features;
    this.#submission = new SubmissionQueue(map, this.#words);
    this.#sqFlags = map.sqFlags;
    this.#cqHead = map.cqHead;
    this.#cqTail = map.cqTail;
    this.#cqes = map.cqes;
  }

  #word(offsetBytes: number): number {
    return this.#words[offsetBytes / 4] as number;
  }

  /** Requests queued or submitted whose completion was not read yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** The ring's own descriptor, for poll(2). */
  get fd(): number {
    return this.#word(U.io_uring.offsets.ring_fd);
  }

  /** True when no submission entry is free: what is queued now is parked until a submit has made room. */
  get full(): boolean {
    return this.#submission.full;
  }

  /**
   * Queues one request; nothing reaches the kernel before `submit` or `submitAndWait`. What finds no room is parked, in
   * order. `tag` comes back with the completion; `flags` are IOSQE_*. Requests with IOSQE_IO_LINK and the one behind them
   * are one chain, which is submitted whole. Its descriptors cannot be closed before the kernel has looked them up.
   */
  queue(request: Request, options: { tag?: number; flags?: SqeFlags } = {}): void {
    assert(this.#open, "a closed ring was used");
    const flags = options.flags ?? 0;
    if (!Number.isInteger(flags) || flags < 0 || flags > 0xff) {
      throw new RangeError(`flags must be IOSQE_* bits, 0 to 255, not ${flags}`);
    }
    const refusal = this.#submission.refusal();
    if (refusal !== undefined) throw new RangeError(refusal);
    for (const fd of request.fds) assert(!fd.closed, `${fd.label} was queued after it was closed`);
    const slot = this.#takeSlot(request, options.tag ?? 0);
    this.#submission.add({ request, slot, flags: flags | request.entryFlags });
  }

  /**
   * Queues requests that the kernel carries out one after the other (IOSQE_IO_LINK on all but the last, which a link may
   * replace by IOSQE_IO_HARDLINK). The chain is submitted whole or parked whole. io_uring_enter(2).
   */
  queueChain(links: readonly ChainLink[]): void {
    if (links.length === 0) throw new RangeError("a chain has at least one request");
    if (links.length > this.entries) throw new RangeError(tooLong(this.entries));
    for (const [index, { request, tag = 0, flags = 0 }] of links.entries()) {
      this.queue(request, { tag, flags: linkedFlags(flags, index === links.length - 1) });
    }
  }

  #takeSlot(request: Request, tag: number): number {
    const slot = this.#freeSlots.pop() ?? this.#slots.push({ tag: 0, request: undefined }) - 1;
    const entry = this.#slots[slot] as Slot;
    entry.tag = tag;
    entry.request = request;
    for (const memory of request.pins) memory.pin();
    this.#watched.queued(slot, request);
    this.#inFlight += 1;
    return slot;
  }

  /** io_uring_submit: hands the queued entries to the kernel without waiting; the number it took. */
  submit(): number {
    return this.#enter(0);
  }

  /** io_uring_submit_and_wait: submits, then waits until `count` completions can be read. */
  submitAndWait(count = 1): number {
    checkUint("count", count);
    if (count - this.#backlog.length > this.completionEntries) {
      throw new RangeError(`cannot wait for ${count} completions in a queue of ${this.completionEntries}`);
    }
    return this.#enter(count);
  }

  /** Completions that can be read now. */
  #ready(): number {
    return this.#backlog.length + ((Atomics.load(this.#cqTail, 0) - Atomics.load(this.#cqHead, 0)) | 0);
  }

  #enter(count: number): number {
    assert(this.#open, "a closed ring was used");
    let taken = 0;
    this.#watched.entering();
    for (;;) {
      const more = this.#submission.refill();
      const missing = more ? 0 : Math.max(0, count - this.#backlog.length);
      const result = this.#uring.io_uring_submit_and_wait(this.#struct.address, missing);
      this.#submission.taken();
      if (result >= 0) {
        taken += result;
        if (more) continue;
        if (missing === 0 || this.#ready() >= count) return taken;
        // A signal cut the wait short, but the kernel answered with what it took, not with EINTR: a caller that waits
        // again would sleep on a signal that will not come twice.
        throwIfInterrupted();
      } else if (result === -ERRNO.EINTR) throwIfInterrupted();
      // The completion queue overflowed: make room, then go on (io_uring_enter(2), EBUSY).
      else if (result === -ERRNO.EBUSY) this.#drainInto(this.#backlog);
      else checkedNegative(result, "io_uring_enter", `wait for ${count}`);
    }
  }

  /** The completions that are there now, in the kernel's order, without waiting. */
  completions(): Completion[] {
    assert(this.#open, "a closed ring was used");
    const found = this.#backlog;
    this.#backlog = [];
    this.#drainInto(found);
    // Completions beyond the queue's size wait in the kernel (IORING_FEAT_NODROP) until it is entered.
    while ((Atomics.load(this.#sqFlags, 0) & U.IORING_SQ_CQ_OVERFLOW) !== 0) {
      const result = this.#uring.io_uring_get_events(this.#struct.address);
      if (result < 0 && result !== -ERRNO.EINTR && result !== -ERRNO.EBUSY) checkedNegative(result, "io_uring_enter");
      if (this.#drainInto(found) === 0) break;
    }
    return found;
  }

  #drainInto(list: Completion[]): number {
    let head = Atomics.load(this.#cqHead, 0);
    const tail = Atomics.load(this.#cqTail, 0);
    const count = (tail - head) | 0;
    while (head !== tail) {
      const base = (head & (this.completionEntries - 1)) * CQE_WORDS;
      const cqes = this.#cqes;
      list.push(this.#complete(cqes, base));
      head = (head + 1) | 0;
    }
    if (count !== 0) Atomics.store(this.#cqHead, 0, head);
    return count;
  }

  #complete(cqes: Int32Array, base: number): Completion {
    const index = cqes[base + CQE_USER_DATA] as number;
    const slot = this.#slots[index];
    assert(
      cqes[base + CQE_USER_DATA + 1] === USER_DATA_MARK && slot?.request !== undefined,
      "a completion for no request of this ring",
    );
    const { request, tag } = slot;
    const flags = (cqes[base + CQE_FLAGS] as number) >>> 0;
    // A multishot request and a zero-copy send complete again: their buffers stay pinned.
    const isLast = (flags & U.IORING_CQE_F_MORE) === 0;
    const result = cqes[base + CQE_RES] as number;
    this.#watched.completed(index, { result, isLast });
    if (isLast) this.#releaseSlot(index);
    return { tag, name: request.name, result, flags };
  }

  /**
   * One request, submitted and waited for: what the report's program does for every write. Only for a ring with
   * nothing else in flight. The result is the call's count, or -errno.
   */
  run(request: Request, options: { flags?: SqeFlags } = {}): number {
    assert(this.#inFlight === 0, "run() needs a ring with nothing in flight; use queue() and completions()");
    this.queue(request, options);
    for (;;) {
      this.submitAndWait(1);
      const [completion] = this.completions();
      if (completion !== undefined) return completion.result;
    }
  }

  /** Takes back what was queued and never submitted: disposing must not carry out what no one asked the kernel for. */
  #forgetUnsubmitted(): void {
    for (const slot of this.#submission.forget()) this.#releaseSlot(slot);
  }

  #releaseSlot(index: number): void {
    const slot = this.#slots[index] as Slot;
    this.#submission.completed(index);
    for (const memory of slot.request?.pins ?? []) memory.unpin();
    slot.request = undefined;
    this.#freeSlots.push(index);
    this.#inFlight -= 1;
  }

  /** Asks the kernel to cancel everything in flight and waits for the completions. */
  #cancelAll(): void {
    const targets = this.#slots.flatMap((slot, index) => (slot.request === undefined ? [] : [index]));
    for (const target of targets) {
      this.queue(asyncCancel(target + USER_DATA_MARK * 2 ** 32));
    }
    while (this.#inFlight > 0) {
      this.#submission.refill();
      const result = this.#uring.io_uring_submit_and_wait(this.#struct.address, 1);
      this.#submission.taken();
      if (result < 0 && result !== -ERRNO.EINTR && result !== -ERRNO.EBUSY) checkedNegative(result, "io_uring_enter");
      this.completions();
    }
  }

  /** Cancels and awaits what is in flight, then gives the ring back (io_uring_queue_exit). */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#forgetUnsubmitted();
    if (this.#inFlight > 0) this.#cancelAll();
    this.#open = false;
    this.#uring.io_uring_queue_exit(this.#struct.address);
    this.#struct[Symbol.dispose]();
    // A view of unmapped memory is a crash: leave none behind.
    const nothing = new Int32Array(1);
    this.#cqHead = this.#cqTail = this.#sqFlags = this.#cqes = nothing;
    this.#submission = new SubmissionQueue(emptyMap(), new Uint32Array(1));
  }
}
