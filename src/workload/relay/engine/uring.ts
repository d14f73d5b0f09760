/**
 * The relay's engine on io_uring: poll -> splice-in -> splice-out as one linked chain per direction.
 *
 * Owns the ring and what each chain is doing. A short splice counts as a failure of a link, so splice-in is hard-linked:
 * the splice-out after it runs whatever it moved (io_uring_enter(2), IOSQE_IO_HARDLINK). The kernel carries out
 * IORING_OP_SPLICE in its worker threads. Nothing is closed while a request names it.
 */
import { Fd } from "../../../ops/fd.ts";
import { POLLIN, POLLOUT, POLLRDHUP, PollSet } from "../../../ops/poll.ts";
import type { Completion } from "../../../ops/ring/completion.ts";
import { pollAdd, splice } from "../../../ops/ring/request.ts";
import { Ring } from "../../../ops/ring/ring.ts";
import { SPLICE_F_MOVE, SPLICE_F_NONBLOCK } from "../../../ops/splice.ts";
import { IOSQE_IO_HARDLINK, IOSQE_IO_LINK } from "../../../sys/uapi/io_uring.ts";
import type { Journal } from "../../journal.ts";
import type { RelayChannel } from "./channel.ts";
import type { RelayConnection } from "./connection.ts";
import type { Readiness, Watched } from "./readiness.ts";

const STEPS = ["poll", "splice-in", "splice-out", "connect"] as const;
const POLL = 0;
const IN = 1;
const OUT = 2;
const CONNECT = 3;
const ENTRIES_MAX = 4096;

export class RingReadiness implements Readiness {
  readonly turns = 0;
  readonly #ring: Ring;
  readonly #ringFd: Fd;
  readonly #flags: number;
  readonly #watched: Watched[] = [];
  readonly #connections = new Map<number, RelayConnection>();
  readonly #journal: Journal;
  /** When the chain of a channel was queued: the beginning of its calls, whose ends are when their completions are read. */
  readonly #queuedNs: number[] = [];

  constructor(journal: Journal, options: { connections: number; move: boolean }) {
    this.#journal = journal;
    const entries = Math.min(ENTRIES_MAX, 2 ** Math.ceil(Math.log2(options.connections * 6 + 2)));
    this.#ring = new Ring({ entries });
    // Only to be polled; the ring closes it.
    this.#ringFd = new Fd(this.#ring.fd, "io_uring");
    this.#flags = SPLICE_F_NONBLOCK | (options.move ? SPLICE_F_MOVE : 0);
  }

  watch(watched: Watched): void {
    this.#watched.push(watched);
  }

  unwatch(fd: Fd): void {
    const index = this.#watched.findIndex((watched) => watched.fd === fd);
    if (index >= 0) this.#watched.splice(index, 1);
  }

  add(connection: RelayConnection): void {
    this.#connections.set(connection.number, connection);
    if (connection.connecting) this.#queueConnect(connection);
    else this.#begin(connection);
  }

  remove(connection: RelayConnection): void {
    this.#connections.delete(connection.number);
  }

  #begin(connection: RelayConnection): void {
    for (const channel of connection.channels) this.#continue(connection, channel);
  }

  #queueConnect(connection: RelayConnection): void {
    connection.inFlight += 1;
    this.#ring.queue(pollAdd(connection.server.fd, { events: POLLOUT }), {
      tag: connection.down.number * STEPS.length + CONNECT,
    });
  }

  /** The next chain of a channel: out first what the pipe still holds, else wait, read and send. */
  #continue(connection: RelayConnection, channel: RelayChannel): void {
    const { from, to } = channel.ends;
    const { pipe } = channel;
    const tag = channel.number * STEPS.length;
    const lengthBytes = pipe.capacityBytes;
    this.#queuedNs[channel.number] = this.#journal.nowNs();
    const send = splice(pipe.readEnd, to, { lengthBytes, flags: this.#flags });
    if (channel.pipeBytes > 0) {
      connection.inFlight += 2;
      this.#ring.queue(pollAdd(to, { events: POLLOUT }), { tag: tag + POLL, flags: IOSQE_IO_LINK });
      this.#ring.queue(send, { tag: tag + OUT });
      return;
    }
    if (channel.ended || channel.finished) return;
    connection.inFlight += 3;
    this.#ring.queue(pollAdd(from, { events: POLLIN | POLLRDHUP }), { tag: tag + POLL, flags: IOSQE_IO_LINK });
    const receive = splice(from, pipe.writeEnd, { lengthBytes, flags: this.#flags });
    this.#ring.queue(receive, { tag: tag + IN, flags: IOSQE_IO_HARDLINK });
    this.#ring.queue(send, { tag: tag + OUT });
  }

  wait(timeoutMs: number, touched: Set<RelayConnection>): boolean {
    this.#ring.submit();
    let completions = this.#ring.completions();
    if (completions.length === 0) {
      this.#sleep(timeoutMs);
      completions = this.#ring.completions();
    }
    const nowNs = this.#journal.nowNs();
    for (const completion of completions) {
      const connection = this.#take(completion, nowNs);
      if (connection !== undefined) touched.add(connection);
    }
    return completions.length > 0;
  }

  /** Waits for completions, clients and questions alike: a ring's descriptor can be polled. */
  #sleep(timeoutMs: number): void {
    using set = new PollSet(this.#watched.length + 1);
    set.add(this.#ringFd, POLLIN);
    for (const watched of this.#watched) set.add(watched.fd, POLLIN);
    if (set.wait(timeoutMs) === 0) return;
    for (const [index, watched] of [...this.#watched].entries()) if (set.ready(index + 1) !== 0) watched.ready();
  }

  #take({ tag, result }: Completion, nowNs: number): RelayConnection | undefined {
    const number = Math.floor(tag / STEPS.length);
    const step = tag % STEPS.length;
    const connection = this.#connections.get(number >> 1);
    const channel = connection?.channels[number & 1];
    if (connection === undefined || channel === undefined) return undefined;
    connection.inFlight -= 1;
    if (step === POLL) return undefined;
    if (step === CONNECT) {
      connection.finishConnect();
      if (!connection.down.finished) this.#begin(connection);
      return connection;
    }
    const asked = channel.pipe.capacityBytes;
    const queuedNs = this.#queuedNs[channel.number] ?? nowNs;
    if (step === IN) {
      channel.filled(asked, result, queuedNs, nowNs);
      return connection;
    }
    channel.drained(asked, result, queuedNs, nowNs);
    if (!channel.finished) this.#continue(connection, channel);
    return connection;
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    if (!this.#ringFd.closed) this.#ringFd.release();
  }
}
