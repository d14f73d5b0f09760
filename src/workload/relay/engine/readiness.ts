/**
 * Two ways to wait for readiness.
 *
 * `EdgeReadiness` registers every descriptor once, edge-triggered, and is asked only when nothing moves any more: the
 * channels splice first and wait after EAGAIN. `LevelReadiness` is the report's loop: before every pair of splices it
 * asks for exactly what the channel could do next, and records the question and the answer in the journal.
 */
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, Epoll } from "../../../ops/epoll.ts";
import type { Fd } from "../../../ops/fd.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, PollSet } from "../../../ops/poll.ts";
import type { Journal, JournalCall } from "../../journal.ts";
import { WAIT, WAIT_IN, WAIT_OUT } from "../evidence/transfers.ts";
import type { RelayConnection } from "./connection.ts";

/** Something else to watch: the listening socket, the control line. */
export interface Watched {
  readonly fd: Fd;
  readonly ready: () => void;
}

export interface Readiness extends Disposable {
  watch(watched: Watched): void;
  unwatch(fd: Fd): void;
  add(connection: RelayConnection): void;
  remove(connection: RelayConnection): void;
  /** Waits; marks channels readable and writable; the connections that something happened to. False after the timeout. */
  wait(timeoutMs: number, touched: Set<RelayConnection>): boolean;
  /** Splices per wait and direction; 0 when waiting itself moves the bytes. */
  readonly turns: number;
}

/** When a call began and when it returned, by the journal's clock. */
type CallEnds = Pick<JournalCall, "atNs" | "endNs">;

const TOKENS_PER_CONNECTION = 2;
const WATCHED_MAX = 16;

export class EdgeReadiness implements Readiness {
  readonly turns = 16;
  readonly #epoll = new Epoll();
  readonly #watched: (Watched | undefined)[] = [];
  readonly #connections = new Map<number, RelayConnection>();

  watch(watched: Watched): void {
    this.#epoll.add(watched.fd, EPOLLIN, this.#watched.push(watched) - 1);
  }

  unwatch(fd: Fd): void {
    this.#epoll.remove(fd);
  }

  add(connection: RelayConnection): void {
    this.#connections.set(connection.number, connection);
    const events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    const token = WATCHED_MAX + connection.number * TOKENS_PER_CONNECTION;
    // Regular files are refused: they never block, so their channels stay readable and writable.
    this.#epoll.add(connection.client.fd, events >>> 0, token);
    this.#epoll.add(connection.server.fd, events >>> 0, token + 1);
  }

  remove(connection: RelayConnection): void {
    // Closing the descriptors has taken them out of the epoll set.
    this.#connections.delete(connection.number);
  }

  wait(timeoutMs: number, touched: Set<RelayConnection>): boolean {
    const count = this.#epoll.wait(timeoutMs);
    for (let index = 0; index < count; index++) {
      const token = this.#epoll.tokenAt(index);
      if (token < WATCHED_MAX) this.#watched[token]?.ready();
      else this.#mark(token - WATCHED_MAX, this.#epoll.eventsAt(index), touched);
    }
    return count > 0;
  }

  #mark(token: number, events: number, touched: Set<RelayConnection>): void {
    const connection = this.#connections.get(Math.floor(token / TOKENS_PER_CONNECTION));
    if (connection === undefined || connection.closed) return;
    const fromServer = token % TOKENS_PER_CONNECTION === 1;
    const broken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    const reads = fromServer ? connection.down : connection.up;
    const writes = fromServer ? connection.up : connection.down;
    if (broken || (events & (EPOLLIN | EPOLLRDHUP)) !== 0) if (reads !== undefined) reads.readable = true;
    if (broken || (events & EPOLLOUT) !== 0) {
      if (writes !== undefined) writes.writable = true;
      if (fromServer && connection.connecting) connection.finishConnect();
    }
    touched.add(connection);
  }

  [Symbol.dispose](): void {
    this.#epoll[Symbol.dispose]();
  }
}

export class LevelReadiness implements Readiness {
  readonly turns = 1;
  readonly #watched: Watched[] = [];
  readonly #connections: RelayConnection[] = [];
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  watch(watched: Watched): void {
    this.#watched.push(watched);
  }

  unwatch(fd: Fd): void {
    const index = this.#watched.findIndex((watched) => watched.fd === fd);
    if (index >= 0) this.#watched.splice(index, 1);
  }

  add(connection: RelayConnection): void {
    this.#connections.push(connection);
    // Nothing is tried before a wait has reported a descriptor ready.
    for (const channel of connection.channels) channel.readable = channel.writable = false;
  }

  remove(connection: RelayConnection): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
  }

  wait(timeoutMs: number, touched: Set<RelayConnection>): boolean {
    const atNs = this.#journal.nowNs();
    using set = new PollSet(this.#watched.length + this.#connections.length * 2);
    for (const watched of this.#watched) set.add(watched.fd, POLLIN);
    for (const { client, server, down, up, connecting } of this.#connections) {
      const serverOut = connecting || up?.wantsOut === true;
      ask(set, client.fd, (down.wantsOut ? POLLOUT : 0) | (up?.wantsIn === true ? POLLIN : 0));
      ask(set, server.fd, (down.wantsIn && !connecting ? POLLIN : 0) | (serverOut ? POLLOUT : 0));
    }
    const count = set.wait(timeoutMs);
    const ends = { atNs, endNs: this.#journal.nowNs() };
    const { length } = this.#watched;
    for (const [index, connection] of this.#connections.entries()) {
      if (count > 0 && this.#mark(connection, set.ready(length + index * 2), set.ready(length + index * 2 + 1), ends))
        touched.add(connection);
    }
    for (const [slot, watched] of [...this.#watched].entries()) if (count > 0 && set.ready(slot) !== 0) watched.ready();
    return count > 0;
  }

  #mark(connection: RelayConnection, client: number, server: number, { atNs, endNs }: CallEnds): boolean {
    const { down, up } = connection;
    const readableBits = POLLIN | POLLERR | POLLHUP | POLLRDHUP;
    const writableBits = POLLOUT | POLLERR | POLLHUP;
    if (connection.connecting) {
      if ((server & writableBits) !== 0) connection.finishConnect();
      return !connection.connecting;
    }
    const asked = (down.wantsIn ? WAIT_IN : 0) | (down.wantsOut ? WAIT_OUT : 0);
    down.readable = down.wantsIn && (server & readableBits) !== 0;
    down.writable = down.wantsOut && (client & writableBits) !== 0;
    const got = (down.readable ? WAIT_IN : 0) | (down.writable ? WAIT_OUT : 0);
    if (got !== 0) this.#journal.record(WAIT, down.number, atNs, endNs, asked, got, 0, down.outBytes);
    if (up !== undefined) {
      up.readable = up.wantsIn && (client & readableBits) !== 0;
      up.writable = up.wantsOut && (server & writableBits) !== 0;
    }
    return got !== 0 || up?.readable === true || up?.writable === true;
  }

  [Symbol.dispose](): void {}
}

/** poll(2) reports hang-ups even when nothing was asked; a descriptor with no question must not end every wait. */
function ask(set: PollSet, fd: Fd, events: number): void {
  const slot = set.add(fd, events);
  if (events === 0) set.ignore(slot);
}
