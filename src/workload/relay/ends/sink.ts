/**
 * The sink: takes each connection's stream and hands every byte to its judge.
 *
 * Owns connecting (or reading a file or pipe), receiving into arena memory, and the second look that distinguishes a bad read
 * from bad bytes: with `peek` each block is first copied by MSG_PEEK, and the two copies must be the same.
 */

import type { Judgement } from "../../../judge/finding.ts";
import { monotonicNs } from "../../../ops/clock.ts";
import { EPOLLIN, Epoll } from "../../../ops/epoll.ts";
import { assert } from "../../../ops/errors.ts";
import { type Fd, setNonblocking } from "../../../ops/fd.ts";
import { read } from "../../../ops/file.ts";
import { raiseFileLimit } from "../../../ops/limits.ts";
import { allocate, KiB, type Memory } from "../../../ops/memory.ts";
import { tryReceive, trySend } from "../../../ops/socket.ts";
import type { TcpTuning } from "../../../ops/socket-option.ts";
import { ERRNO } from "../../../sys/errno.ts";
import { MSG_PEEK } from "../../../sys/uapi/socket.ts";
import { Random } from "../../random.ts";
import { damageInPlace } from "../engine/inject.ts";
import { type JudgeMaker, patternOf, type StreamJudge } from "../evidence/judge.ts";
import type { Feed, RelayInjection } from "../options.ts";
import { addressOfEnd, connectAt, type EndPlace, openStreamEnd, unlessInterrupted } from "./ends.ts";
import { REQUEST_BYTES } from "./source.ts";

const BLOCK_BYTES = 512 * KiB;
const TICK_MS = 100;
const PROGRESS_NS = 250e6;

export interface SinkPlan {
  readonly at: EndPlace;
  readonly feed: Feed;
  readonly connections: number;
  readonly tcp: TcpTuning;
  readonly peek: boolean;
  readonly timeoutSeconds: number;
  /** Pause before each read, for tests of a sink slower than its source. */
  readonly pauseMs?: number;
  /** Damage in the sink's own memory, after the peek: only an injection with hop "sink" is used. */
  readonly injection?: RelayInjection | undefined;
}

export interface SinkHooks {
  readonly progress?: (bytes: number) => void;
  readonly stopped?: () => boolean;
  /** Called once, when the first stream stops being intact. */
  readonly damaged?: () => void;
}

export interface SinkStream {
  readonly connection: number;
  readonly receivedBytes: number;
  readonly judgement: Judgement;
  /** Stream ranges in which two reads of the same bytes differed. */
  readonly unstable: readonly { readonly offsetBytes: number; readonly lengthBytes: number }[];
  /** The errno that ended the stream before its end; 0 for an orderly end. */
  readonly errno: number;
}

export interface SinkResult {
  readonly streams: readonly SinkStream[];
  readonly stalled: boolean;
}

interface SunkStream {
  readonly connection: number;
  readonly fd: Fd;
  readonly isSocket: boolean;
  readonly judge: StreamJudge;
  readonly unstable: { offsetBytes: number; lengthBytes: number }[];
  receivedBytes: number;
  errno: number;
}

export class Sink {
  readonly #plan: SinkPlan;
  readonly #hooks: SinkHooks;
  readonly #makeJudge: JudgeMaker;
  readonly #streams: SunkStream[] = [];
  readonly #block = allocate(BLOCK_BYTES);
  readonly #peeked: Memory;
  readonly #injection: RelayInjection | undefined;
  readonly #random: Random;
  readonly #flipAt: number;
  #damageSeen = false;

  constructor(plan: SinkPlan, hooks: SinkHooks, makeJudge: JudgeMaker) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#makeJudge = makeJudge;
    this.#peeked = allocate(plan.peek ? BLOCK_BYTES : 0);
    this.#injection = plan.injection?.hop === "sink" ? plan.injection : undefined;
    this.#random = new Random(plan.injection?.seed ?? 0, "inject");
    this.#flipAt = this.#random.below(plan.injection?.lengthBytes ?? 1);
  }

  async run(): Promise<SinkResult> {
    if (this.#plan.connections > 64) raiseFileLimit();
    await this.#open();
    const stalled = unlessInterrupted(() => this.#loop());
    return { stalled, streams: this.#streams.map((stream) => this.#finished(stream)) };
  }

  #finished(stream: SunkStream): SinkStream {
    if (!stream.fd.closed) stream.fd.close();
    const { connection, receivedBytes, unstable, errno } = stream;
    return { connection, receivedBytes, unstable, errno, judgement: stream.judge.finish() };
  }

  async #open(): Promise<void> {
    const { at, connections, feed, tcp } = this.#plan;
    const address = await addressOfEnd(at);
    for (let connection = 0; connection < connections; connection++) {
      const isSocket = address !== undefined;
      const fd = isSocket ? connectAt(address, tcp) : openStreamEnd(at, "read");
      const judge = this.#makeJudge(patternOf(feed, connection));
      this.#streams.push({ connection, fd, isSocket, judge, unstable: [], receivedBytes: 0, errno: 0 });
      if (connections > 1) this.#request(fd, connection);
      if (isSocket) setNonblocking(fd, true);
    }
  }

  #request(fd: Fd, connection: number): void {
    using memory = allocate(REQUEST_BYTES);
    memory.view.setUint32(0, connection, true);
    memory.view.setUint32(4, ~connection >>> 0, true);
    const sent = trySend(fd, memory, { lengthBytes: REQUEST_BYTES });
    assert(sent === REQUEST_BYTES || sent < 0, "a request of 8 bytes was sent in part");
  }

  #loop(): boolean {
    using epoll = new Epoll();
    let open = 0;
    for (const [token, stream] of this.#streams.entries()) {
      if (epoll.add(stream.fd, EPOLLIN, token)) open += 1;
      else while (this.#takeSome(stream));
    }
    let movedNs = monotonicNs();
    let progressNs = movedNs;
    while (open > 0) {
      const count = epoll.wait(TICK_MS);
      const nowNs = monotonicNs();
      for (let index = 0; index < count; index++) {
        const stream = this.#streams[epoll.tokenAt(index)] as SunkStream;
        movedNs = nowNs;
        if (stream.fd.closed || this.#takeSome(stream)) continue;
        stream.fd.close();
        open -= 1;
      }
      if (this.#hooks.stopped?.() === true) return false;
      if (nowNs - movedNs > this.#plan.timeoutSeconds * 1e9) return true;
      if (nowNs - progressNs < PROGRESS_NS) continue;
      progressNs = nowNs;
      this.#hooks.progress?.(this.#streams.reduce((sum, stream) => sum + stream.receivedBytes, 0));
    }
    return false;
  }

  /** One read; false when the stream is over. */
  #takeSome(stream: SunkStream): boolean {
    if (this.#plan.pauseMs !== undefined) Bun.sleepSync(this.#plan.pauseMs);
    const whole = { lengthBytes: BLOCK_BYTES };
    const peeks = this.#plan.peek && stream.isSocket;
    const peeked = peeks ? tryReceive(stream.fd, this.#peeked, { ...whole, flags: MSG_PEEK }) : 0;
    const part = peeked > 0 ? { lengthBytes: peeked } : whole;
    const got = stream.isSocket ? tryReceive(stream.fd, this.#block, part) : read(stream.fd, this.#block);
    if (got === -ERRNO.EAGAIN || got === -ERRNO.EINTR) return true;
    if (got <= 0) {
      stream.errno = -got;
      return false;
    }
    this.#damageOwnMemory(stream, got);
    const block = this.#block.bytes.subarray(0, got);
    if (peeked > 0) this.#compare(stream, block);
    stream.judge.push(block);
    if (!this.#damageSeen && !stream.judge.intact) {
      this.#damageSeen = true;
      this.#hooks.damaged?.();
    }
    stream.receivedBytes += got;
    return true;
  }

  /** Two copies of the same bytes of the same receive queue: where they differ, a read was bad, not the stream. */
  #compare(stream: SunkStream, block: Uint8Array): void {
    const other = this.#peeked.bytes.subarray(0, block.length);
    if (Buffer.compare(block, other) === 0) return;
    let first = 0;
    while (block[first] === other[first]) first += 1;
    let last = block.length - 1;
    while (block[last] === other[last]) last -= 1;
    stream.unstable.push({ offsetBytes: stream.receivedBytes + first, lengthBytes: last - first + 1 });
  }

  /** The part of the injected range that lies in this block: where blocks begin and end is not up to the seed. */
  #damageOwnMemory(stream: SunkStream, got: number): void {
    const injection = this.#injection;
    if (injection === undefined || injection.connection !== stream.connection) return;
    const flip = injection.kind === "bit-flipped";
    const fromBytes = injection.fromBytes + (flip ? this.#flipAt : 0);
    const endBytes = flip ? fromBytes + 1 : injection.fromBytes + injection.lengthBytes;
    const at = Math.max(fromBytes - stream.receivedBytes, 0);
    const end = Math.min(endBytes - stream.receivedBytes, got);
    if (at >= end) return;
    damageInPlace(injection.kind, this.#block.bytes, { at, end }, this.#random);
  }
}
