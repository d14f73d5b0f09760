/**
 * Readiness of a few descriptors: poll(2).
 *
 * Owns one array of struct pollfd in arena memory. For many descriptors see epoll.ts.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { pollfd } from "../sys/uapi/socket.ts";
import { checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { checkInt } from "./integers.ts";
import { allocate, type Memory } from "./memory.ts";
import { throwIfInterrupted } from "./signals.ts";

export { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDHUP } from "../sys/uapi/socket.ts";

/** `poll` with this timeout waits until something is ready. */
export const FOREVER = -1;

/** A set of descriptors to wait for; slots are numbered in the order they were added. */
export class PollSet implements Disposable {
  readonly #memory: Memory;
  readonly #capacityCount: number;
  #count = 0;

  constructor(capacityCount: number) {
    this.#capacityCount = capacityCount;
    this.#memory = allocate(capacityCount * pollfd.sizeBytes);
  }

  /** Adds a descriptor and returns its slot. */
  add(fd: Fd, events: number): number {
    if (this.#count === this.#capacityCount) throw new RangeError(`a poll set for ${this.#capacityCount} is full`);
    const slot = this.#count;
    this.#count += 1;
    this.#memory.view.setInt32(slot * pollfd.sizeBytes, fd.number, true);
    this.want(slot, events);
    return slot;
  }

  /** Changes what a slot waits for; 0 leaves only errors and hang-ups. */
  want(slot: number, events: number): void {
    this.#memory.view.setInt16(slot * pollfd.sizeBytes + pollfd.offsets.events, events, true);
  }

  /** Takes a descriptor out of the question: poll(2) skips negative numbers. */
  ignore(slot: number): void {
    this.#memory.view.setInt32(slot * pollfd.sizeBytes, -1, true);
  }

  /** What the last `wait` found for a slot. */
  ready(slot: number): number {
    return this.#memory.view.getInt16(slot * pollfd.sizeBytes + pollfd.offsets.revents, true);
  }

  /**
   * `int poll(struct pollfd *fds, nfds_t nfds, int timeout)`: how many are ready, 0 after `timeoutMs`. EINTR is
   * retried with the full time again; a watched signal ends it with Interrupted. poll(2).
   */
  wait(timeoutMs: number): number {
    checkInt("timeoutMs", timeoutMs);
    for (;;) {
      const result = negated(libc.poll(this.#memory.address, this.#count, timeoutMs));
      if (result !== -ERRNO.EINTR) return checkedNegative(result, "poll");
      throwIfInterrupted();
    }
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

/** Waits for one descriptor; its events, or 0 after `timeoutMs`. */
export function waitFor(fd: Fd, events: number, timeoutMs: number): number {
  using set = new PollSet(1);
  const slot = set.add(fd, events);
  return set.wait(timeoutMs) === 0 ? 0 : set.ready(slot);
}
