/**
 * The source: sends each connection its own self-describing stream.
 *
 * Owns accepting (or writing to a file or pipe), filling, sending, and knowing how many bytes each connection was
 * really given. With several connections each client first names which stream it wants (an 8-byte request), because the
 * order in which a relay's connects arrive is not the order of its clients.
 */
import { addressText } from "../../../ops/address.ts";
import { monotonicNs } from "../../../ops/clock.ts";
import { EPOLLIN, EPOLLOUT, EPOLLRDHUP, Epoll } from "../../../ops/epoll.ts";
import { SyscallError } from "../../../ops/errors.ts";
import type { Fd } from "../../../ops/fd.ts";
import { tryWrite } from "../../../ops/file.ts";
import { raiseFileLimit } from "../../../ops/limits.ts";
import { allocate, KiB, type Memory } from "../../../ops/memory.ts";
import {
  ignoreBrokenPipes,
  localAddress,
  SHUT_WR,
  shutdownSocket,
  tryAccept,
  tryReceive,
  trySend,
} from "../../../ops/socket.ts";
import { setNoDelay, type TcpTuning } from "../../../ops/socket-option.ts";
import { startTls } from "../../../ops/tls.ts";
import type { Pattern } from "../../../pattern/pattern.ts";
import { ERRNO } from "../../../sys/errno.ts";
import { patternOf } from "../evidence/judge.ts";
import type { Feed } from "../options.ts";
import { addressOfEnd, type EndPlace, listenAt, openStreamEnd, unlessInterrupted } from "./ends.ts";

export const REQUEST_BYTES = 8;
const LISTENER = 0xffffffff;
const TICK_MS = 50;
const WIRE_NS_PER_BYTE = 8;
const WIRE_SLACK_NS = 20_000;

export interface SourcePlan {
  readonly at: EndPlace;
  readonly feed: Feed;
  readonly connections: number;
  /** Bytes per connection; undefined: until `seconds` are over. */
  readonly bytesPerConnection: number | undefined;
  readonly seconds: number | undefined;
  readonly tcp: TcpTuning;
  readonly ktls: boolean;
  readonly timeoutSeconds: number;
}

export interface SourceHooks {
  readonly listening?: (address: string) => void;
  readonly stopped?: () => boolean;
}

export interface SourceResult {
  /** Bytes that send accepted, per connection. */
  readonly sentBytes: readonly number[];
  readonly errors: readonly { readonly connection: number; readonly errno: number }[];
  readonly stalled: boolean;
}

interface SourceStream {
  readonly fd: Fd;
  readonly isSocket: boolean;
  /** Which stream; -1 until the client asked. */
  connection: number;
  pattern: Pattern | undefined;
  sentBytes: number;
  finished: boolean;
}

export class Source implements Disposable {
  readonly #plan: SourcePlan;
  readonly #hooks: SourceHooks;
  readonly #epoll = new Epoll();
  readonly #streams: SourceStream[] = [];
  readonly #errors: { connection: number; errno: number }[] = [];
  readonly #block: Memory;
  readonly #request = allocate(REQUEST_BYTES);
  /** Which bytes of which stream the block holds. */
  #held: { stream: SourceStream | undefined; startBytes: number } = { stream: undefined, startBytes: 0 };
  #listener: Fd | undefined;
  #deadlineNs = Number.POSITIVE_INFINITY;
  #open = 0;
  #wireFreeNs = 0;

  constructor(plan: SourcePlan, hooks: SourceHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#block = allocate(plan.connections > 8 ? 64 * KiB : 512 * KiB);
  }

  async run(): Promise<SourceResult> {
    ignoreBrokenPipes();
    if (this.#plan.connections > 64) raiseFileLimit();
    const address = await addressOfEnd(this.#plan.at);
    if (address === undefined) this.#begin({ fd: openStreamEnd(this.#plan.at, "write"), isSocket: false });
    else {
      this.#listener = listenAt(address, this.#plan.tcp);
      this.#epoll.add(this.#listener, EPOLLIN, LISTENER);
      this.#hooks.listening?.(addressText(localAddress(this.#listener)));
    }
    const stalled = unlessInterrupted(() => this.#loop());
    const sentBytes = Array<number>(this.#plan.connections).fill(0);
    for (const stream of this.#streams) if (stream.connection >= 0) sentBytes[stream.connection] = stream.sentBytes;
    return { sentBytes, errors: this.#errors, stalled };
  }

  #begin(end: { fd: Fd; isSocket: boolean }): void {
    if (this.#plan.seconds !== undefined && this.#streams.length === 0) {
      this.#deadlineNs = monotonicNs() + this.#plan.seconds * 1e9;
    }
    const asks = end.isSocket && this.#plan.connections > 1;
    const stream: SourceStream = { ...end, connection: -1, pattern: undefined, sentBytes: 0, finished: false };
    if (!asks) this.#serve(stream, 0);
    if (end.isSocket && this.#plan.ktls) startTls(end.fd, { direction: "send" });
    if (this.#plan.tcp.maxSegmentBytes !== undefined) setNoDelay(end.fd);
    const token = this.#streams.push(stream) - 1;
    this.#open += 1;
    const waits = this.#epoll.add(end.fd, asks ? EPOLLIN : EPOLLOUT, token);
    // A regular file cannot be waited for and never blocks.
    if (!waits) while (!stream.finished) this.#sendSome(stream, token);
  }

  #serve(stream: SourceStream, connection: number): void {
    stream.connection = connection;
    stream.pattern = patternOf(this.#plan.feed, connection);
  }

  #loop(): boolean {
    let movedNs = monotonicNs();
    while (this.#open > 0 || this.#streams.length < this.#plan.connections) {
      const count = this.#epoll.wait(TICK_MS);
      for (let index = 0; index < count; index++) {
        const token = this.#epoll.tokenAt(index);
        if (token === LISTENER) this.#accept();
        else this.#advance(this.#streams[token] as SourceStream, token, this.#epoll.eventsAt(index));
        movedNs = monotonicNs();
      }
      if (this.#hooks.stopped?.() === true) this.#deadlineNs = 0;
      if (this.#deadlineNs === 0 && this.#streams.length < this.#plan.connections) return false;
      if (count === 0 && monotonicNs() > this.#deadlineNs) this.#finishIdle();
      if (monotonicNs() - movedNs > this.#plan.timeoutSeconds * 1e9) return true;
    }
    return false;
  }

  /** The time is over while no one reads: streams that wait for room end where they are. */
  #finishIdle(): void {
    for (const [token, stream] of this.#streams.entries()) if (!stream.finished) this.#finish(stream, token);
  }

  #accept(): void {
    while (this.#listener !== undefined && this.#streams.length < this.#plan.connections) {
      const client = tryAccept(this.#listener, { nonblocking: true });
      if (typeof client === "number") {
        if (client !== -ERRNO.EAGAIN) throw new SyscallError("accept", -client, this.#listener.label);
        return;
      }
      this.#begin({ fd: client, isSocket: true });
    }
    this.#listener?.close();
    this.#listener = undefined;
  }

  #advance(stream: SourceStream, token: number, events: number): void {
    if (stream.finished) this.#awaitClose(stream);
    else if (stream.connection >= 0) this.#sendSome(stream, token);
    else if ((events & EPOLLIN) !== 0) this.#readRequest(stream, token);
    else this.#drop(stream, ERRNO.ECONNRESET);
  }

  /** The client's request: a u32 that names which stream, and a u32 that repeats it inverted. */
  #readRequest(stream: SourceStream, token: number): void {
    const got = tryReceive(stream.fd, this.#request, { lengthBytes: REQUEST_BYTES });
    const wanted = this.#request.view.getUint32(0, true);
    const inverted = this.#request.view.getUint32(4, true);
    if (got !== REQUEST_BYTES || (wanted ^ inverted) >>> 0 !== 0xffffffff || wanted >= this.#plan.connections) {
      this.#drop(stream, got < 0 ? -got : ERRNO.EPROTO);
      return;
    }
    this.#serve(stream, wanted);
    this.#epoll.modify(stream.fd, EPOLLOUT, token);
  }

  /** Sends until the socket is full, the turn is over or the stream has its bytes. */
  #sendSome(stream: SourceStream, token: number): void {
    const total = this.#plan.bytesPerConnection ?? Number.MAX_SAFE_INTEGER;
    for (let turn = 0; turn < 16; turn++) {
      if (stream.sentBytes >= total || monotonicNs() > this.#deadlineNs) {
        this.#finish(stream, token);
        return;
      }
      const at = this.#ready(stream);
      // With a segment size of its own the stream goes out one segment per send, as a network card would bring it.
      const most = this.#plan.tcp.maxSegmentBytes ?? this.#block.lengthBytes;
      const lengthBytes = Math.min(most, this.#block.lengthBytes - at, total - stream.sentBytes);
      if (most < this.#block.lengthBytes) this.#pace(lengthBytes);
      const part = { bufferOffsetBytes: at, lengthBytes };
      const sent = stream.isSocket
        ? trySend(stream.fd, this.#block, part)
        : tryWrite(stream.fd, this.#block, { bufferOffsetBytes: at, lengthBytes });
      if (sent === -ERRNO.EAGAIN) return;
      if (sent < 0) {
        this.#drop(stream, -sent);
        return;
      }
      stream.sentBytes += sent;
    }
  }

  /** Waits until a gigabit wire would have carried the segment before: the report's cards delivered one at a time. */
  #pace(lengthBytes: number): void {
    while (monotonicNs() < this.#wireFreeNs) {}
    this.#wireFreeNs = Math.max(this.#wireFreeNs, monotonicNs() - WIRE_SLACK_NS) + lengthBytes * WIRE_NS_PER_BYTE;
  }

  /** Makes the block hold the stream's next bytes; where they begin. */
  #ready(stream: SourceStream): number {
    const at = stream.sentBytes - this.#held.startBytes;
    const isZero = stream.pattern?.name === "zero" && this.#held.stream !== undefined;
    if (isZero) return 0;
    if (this.#held.stream === stream && at >= 0 && at < this.#block.lengthBytes) return at;
    stream.pattern?.fill(this.#block.bytes, stream.sentBytes);
    this.#held = { stream, startBytes: stream.sentBytes };
    return 0;
  }

  #finish(stream: SourceStream, token: number): void {
    stream.finished = true;
    if (!stream.isSocket) {
      this.#close(stream);
      return;
    }
    shutdownSocket(stream.fd, { how: SHUT_WR });
    // The socket stays open until the peer has taken everything; closing early could reset the connection.
    this.#epoll.modify(stream.fd, EPOLLIN | EPOLLRDHUP, token);
  }

  #awaitClose(stream: SourceStream): void {
    const got = tryReceive(stream.fd, this.#request, { lengthBytes: REQUEST_BYTES });
    if (got === 0 || (got < 0 && got !== -ERRNO.EAGAIN)) this.#close(stream);
  }

  #drop(stream: SourceStream, errno: number): void {
    this.#errors.push({ connection: stream.connection, errno });
    stream.finished = true;
    this.#close(stream);
  }

  #close(stream: SourceStream): void {
    if (stream.fd.closed) return;
    stream.fd.close();
    this.#open -= 1;
  }

  [Symbol.dispose](): void {
    for (const stream of this.#streams) stream.fd.close();
    this.#listener?.close();
    this.#epoll[Symbol.dispose]();
  }
}
