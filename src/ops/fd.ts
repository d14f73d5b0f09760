/**
 * File descriptors that close themselves.
 *
 * Owns the life of a descriptor: held by `using`, closed once, every later use an error that names it. Closing never
 * retries EINTR: on Linux the descriptor is gone by then (close(2)). Refuses to close a descriptor that a queued request
 * names: the kernel would look its number up later and find another file.
 */

import { libc } from "../sys/libc.ts";
import { F_GETFL, F_SETFL, O_NONBLOCK } from "../sys/uapi/fcntl.ts";
import { assert, checked } from "./errors.ts";
import { checkFd } from "./integers.ts";

/** A file descriptor: closed by `using`, once; every later use is an error that names it. close(2). */
export class Fd implements Disposable {
  /** For messages: the path, or what the descriptor is. */
  readonly label: string;
  #number: number;
  #pins = 0;

  constructor(number: number, label: string) {
    this.#number = checkFd(number);
    this.label = label;
  }

  /** The descriptor's number; an error once it was closed. */
  get number(): number {
    if (this.#number < 0) throw new RangeError(`${this.label} was used after it was closed`);
    return this.#number;
  }

  get closed(): boolean {
    return this.#number < 0;
  }

  /** A queued request names the descriptor: it stays open until `unpin`. Called by the ring. */
  pin(): void {
    assert(this.#number >= 0, `${this.label} was queued after it was closed`);
    this.#pins += 1;
  }

  unpin(): void {
    assert(this.#pins > 0, `${this.label} was unpinned more often than pinned`);
    this.#pins -= 1;
  }

  /** True while a request that the kernel has not looked at yet names the descriptor. */
  get pinned(): boolean {
    return this.#pins > 0;
  }

  #assertUnpinned(): void {
    assert(this.#pins === 0, `${this.label} was closed while a queued request names it: submit the request first`);
  }

  /** close(2). Errors matter: on NFS and quota file systems they report failed writes. Closing twice does nothing. */
  close(): void {
    if (this.#number < 0) return;
    this.#assertUnpinned();
    const number = this.#number;
    this.#number = -1;
    checked(libc.close(number), "close", this.label);
  }

  /** Gives the number away without closing it. */
  release(): number {
    this.#assertUnpinned();
    const number = this.number;
    this.#number = -1;
    return number;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** fcntl(F_GETFL): the file status flags. */
export function statusFlags(fd: Fd): number {
  return checked(libc.fcntl(fd.number, F_GETFL, 0), "fcntl", () => `${fd.label}, F_GETFL`);
}

/** fcntl(F_SETFL): switches O_NONBLOCK, keeping the other status flags. */
export function setNonblocking(fd: Fd, on: boolean): void {
  const flags = statusFlags(fd);
  const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  checked(libc.fcntl(fd.number, F_SETFL, wanted), "fcntl", () => `${fd.label}, F_SETFL`);
}

/** dup3(2) without the target: a second descriptor of the same open file (it shares the file position). */
export function duplicate(fd: Fd): Fd {
  return new Fd(checked(libc.dup(fd.number), "dup", fd.label), fd.label);
}
