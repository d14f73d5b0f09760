/**
 * Readiness of many descriptors: epoll(7).
 *
 * Owns one epoll instance and the array its answers arrive in. A descriptor is registered with a number of the
 * caller's (`token`); answers carry that number, never a pointer.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as S from "../sys/uapi/socket.ts";
import { checked, checkedNegative, SyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { checkInt, checkUint } from "./integers.ts";
import { allocate, type Memory } from "./memory.ts";
import { throwIfInterrupted } from "./signals.ts";

export { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../sys/uapi/socket.ts";

export class Epoll implements Disposable {
  readonly #fd: Fd;
  readonly #events: Memory;
  readonly #change: Memory;
  readonly #capacityCount: number;

  /** `int epoll_create1(EPOLL_CLOEXEC)`; one wait answers for at most `capacityCount` descriptors. epoll_create(2). */
  constructor(capacityCount = 256) {
    this.#fd = new Fd(checked(libc.epoll_create1(S.EPOLL_CLOEXEC), "epoll_create1"), "epoll");
    this.#capacityCount = capacityCount;
    this.#events = allocate(capacityCount * S.epoll_event.sizeBytes);
    this.#change = allocate(S.epoll_event.sizeBytes);
  }

  /** EPOLL_CTL_ADD; false when the descriptor is always ready and cannot be waited for (EPERM: regular files). */
  add(fd: Fd, events: number, token: number): boolean {
    const result = this.#control(S.EPOLL_CTL_ADD, fd, events, token);
    if (result === -ERRNO.EPERM) return false;
    checkedNegative(result, "epoll_ctl", `add ${fd.label}`);
    return true;
  }

  /** EPOLL_CTL_MOD. */
  modify(fd: Fd, events: number, token: number): void {
    checkedNegative(this.#control(S.EPOLL_CTL_MOD, fd, events, token), "epoll_ctl", `modify ${fd.label}`);
  }

  /** EPOLL_CTL_DEL; closing the last descriptor of an open file does the same. */
  remove(fd: Fd): void {
    const result = this.#control(S.EPOLL_CTL_DEL, fd, 0, 0);
    if (result < 0 && result !== -ERRNO.ENOENT) throw new SyscallError("epoll_ctl", -result, `remove ${fd.label}`);
  }

  /**
   * `int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)`: how many answers there are,
   * 0 after `timeoutMs` (-1 waits for ever). A watched signal ends it with Interrupted. epoll_wait(2).
   */
  wait(timeoutMs: number): number {
    checkInt("timeoutMs", timeoutMs);
    for (;;) {
      const result = negated(libc.epoll_wait(this.#fd.number, this.#events.address, this.#capacityCount, timeoutMs));
      if (result !== -ERRNO.EINTR) return checkedNegative(result, "epoll_wait");
      throwIfInterrupted();
    }
  }

  /** The events of answer `index` of the last wait. */
  eventsAt(index: number): number {
    return this.#events.view.getUint32(index * S.epoll_event.sizeBytes, true);
  }

  /** The token of answer `index`. */
  tokenAt(index: number): number {
    return this.#events.view.getUint32(index * S.epoll_event.sizeBytes + S.epoll_event.offsets.data, true);
  }

  #control(operation: number, fd: Fd, events: number, token: number): number {
    const at = S.epoll_event.offsets.data;
    this.#change.view.setUint32(0, checkUint("events", events), true);
    this.#change.view.setUint32(at, checkUint("token", token), true);
    this.#change.view.setUint32(at + 4, 0, true);
    return negated(libc.epoll_ctl(this.#fd.number, operation, fd.number, this.#change.address));
  }

  [Symbol.dispose](): void {
    this.#fd.close();
    this.#events[Symbol.dispose]();
    this.#change[Symbol.dispose]();
  }
}
