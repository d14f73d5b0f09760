/**
 * One direction of one relayed connection: socket -> pipe -> socket, by splice(2).
 *
 * Owns the pipe, the counts and the rules that the report's program broke: EAGAIN never means a close, the end of the
 * input closes the output only after the pipe has drained, and an error ends this connection alone. A splice that
 * would block may mean "nothing to read" or "pipe full"; the channel remembers which of the two can be meant.
 */
import { assert } from "../../../ops/errors.ts";
import type { Fd } from "../../../ops/fd.ts";
import { openPipe, type Pipe, queuedBytes } from "../../../ops/pipe.ts";
import { POLLOUT, waitFor } from "../../../ops/poll.ts";
import { SHUT_WR, shutdownSocket } from "../../../ops/socket.ts";
import { SPLICE_F_MOVE, SPLICE_F_NONBLOCK } from "../../../ops/splice.ts";
import { ERRNO } from "../../../sys/errno.ts";
import type { SpliceFlags } from "../../../sys/uapi/flags.ts";
import type { Journal } from "../../journal.ts";
import { SPLICE_IN, SPLICE_OUT } from "../evidence/transfers.ts";
import type { RelayShape } from "../options.ts";

/** A refusal that ended a connection: which call, which errno. */
export interface ChannelError {
  readonly call: "splice-in" | "splice-out" | "connect";
  readonly errno: number;
}

/** Bytes that went into the pipe and are not in it any more: where they are missing in what leaves. */
export interface PipeLoss {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Looks at, or changes, what a splice-in moved, before the next splice-out: the tap and the injection. */
export interface Filter {
  /** Called after a splice-in of `gotBytes` whose bytes lie at the end of the pipe. */
  filled(channel: RelayChannel, gotBytes: number): void;
  /** True while a splice-out must wait for another splice-in. */
  holds(channel: RelayChannel): boolean;
  /** True while a splice-in must wait for a splice-out. */
  holdsFill(channel: RelayChannel): boolean;
  /** Most bytes the next splice-in may ask for; undefined for no opinion. */
  askAtMost(channel: RelayChannel): number | undefined;
  /** The input ended. */
  ended(channel: RelayChannel): void;
  /** The pipe is full while a splice-out must wait. */
  full?(channel: RelayChannel): void;
}

export interface ChannelEnds {
  readonly from: Fd;
  readonly to: Fd;
  /** Whether `to` is a socket, which gets the end by shutdown(2); other ends are closed. */
  readonly toIsSocket: boolean;
}

/** The two calls of a relay, as the script makes them: the count moved, or -errno. */
export interface RelayCalls {
  spliceIn(socket: Fd, pipe: Fd, lengthBytes: number, flags: SpliceFlags): number;
  spliceOut(pipe: Fd, socket: Fd, lengthBytes: number, flags: SpliceFlags): number;
}

export class RelayChannel {
  readonly number: number;
  readonly pipe: Pipe;
  readonly ends: ChannelEnds;
  /** Bytes in the pipe, by our own count. */
  pipeBytes = 0;
  /** Offset of the next splice-in's first byte in the stream that leaves. Moves with what an injection adds or drops. */
  inOffsetBytes = 0;
  inBytes = 0;
  outBytes = 0;
  inCount = 0;
  outCount = 0;
  /** Splice-outs that sent more than one splice-in's bytes: the report's trigger. */
  manyChunksCount = 0;
  eagainCount = 0;
  /** Splice-ins that moved less than they asked for. */
  shortCount = 0;
  readable = true;
  writable = true;
  ended = false;
  finished = false;
  error: ChannelError | undefined;
  readonly lost: PipeLoss[] = [];
  #full = false;
  #shape: RelayShape;
  #calls: RelayCalls;
  #journal: Journal;
  #filters: readonly Filter[];
  #flags: number;
  #askBytes: number;
  /** Lengths of the splice-ins whose bytes wait in the pipe, oldest first. */
  #chunks: number[] = [];

  constructor(
    number: number,
    ends: ChannelEnds,
    shape: RelayShape,
    tools: { calls: RelayCalls; journal: Journal; filters: readonly Filter[]; pipeBytes: number; askBytes: number },
  ) {
    this.number = number;
    this.ends = ends;
    this.pipe = openPipe({ capacityBytes: tools.pipeBytes, label: `pipe of channel ${number}` });
    this.#shape = shape;
    this.#askBytes = tools.askBytes;
    this.#calls = tools.calls;
    this.#journal = tools.journal;
    this.#filters = tools.filters;
    this.#flags = (shape.move ? SPLICE_F_MOVE : 0) | (shape.nonblock ? SPLICE_F_NONBLOCK : 0);
  }

  /** True when a splice-in may be tried. */
  get mayFill(): boolean {
    return this.readable && this.wantsIn;
  }

  /** True when a splice-out may be tried. */
  get mayDrain(): boolean {
    return this.writable && this.pipeBytes > 0 && !this.#held();
  }

  /** What a wait must ask for: the report's rule, bytes in when the pipe has room, bytes out when it has any. */
  get wantsIn(): boolean {
    if (this.ended || this.#full || this.#filters.some((filter) => filter.holdsFill(this))) return false;
    return this.#shape.read === "always" ? this.pipeBytes < this.#askBytes : this.pipeBytes === 0;
  }

  get wantsOut(): boolean {
    return this.pipeBytes > 0 && !this.#held();
  }

  /** Alternates splice-in and splice-out until neither moves a byte or `turns` are used up; true when any byte moved. */
  pump(turns: number): boolean {
    let moved = false;
    for (let turn = 0; turn < turns && !this.finished; turn++) {
      const filled = this.mayFill ? this.fill() : 0;
      const drained = this.mayDrain ? this.drain() : 0;
      if (filled <= 0 && drained <= 0) break;
      moved = true;
    }
    this.#finishWhenDrained();
    return moved;
  }

  /** One splice-in: the bytes it moved, 0 when it would block or the input ended. */
  fill(): number {
    const asked = this.#askAtMost();
    const atNs = this.#journal.nowNs();
    const got = this.#calls.spliceIn(this.ends.from, this.pipe.writeEnd, asked, this.#flags);
    return this.filled(asked, got, atNs, this.#journal.nowNs());
  }

  /** Takes the result of a splice-in, whoever made the call. */
  filled(asked: number, got: number, atNs: number, endNs: number): number {
    if (got > 0) {
      this.inCount += 1;
      if (got < asked) this.shortCount += 1;
      this.#journal.record(SPLICE_IN, this.number, atNs, endNs, asked, got, this.inCount, this.inOffsetBytes);
      this.#took(got);
      return got;
    }
    this.#journal.record(SPLICE_IN, this.number, atNs, endNs, asked, got, 0, this.inOffsetBytes);
    this.#tookNothing(got);
    return 0;
  }

  #took(got: number): void {
    this.inBytes += got;
    this.inOffsetBytes += got;
    this.pipeBytes += got;
    this.#chunks.push(got);
    for (const filter of this.#filters) filter.filled(this, got);
  }

  #tookNothing(result: number): void {
    if (result === 0) {
      this.ended = true;
      for (const filter of this.#filters) filter.ended(this);
      return;
    }
    if (result === -ERRNO.EAGAIN) {
      this.eagainCount += 1;
      // With bytes in the pipe it may be the pipe that is full: try again once some have left. While a filter keeps
      // them there none will leave, and the pipe itself must show which of the two it is.
      if (this.pipeBytes === 0) this.readable = false;
      else if (!this.#held()) this.#full = true;
      else if (waitFor(this.pipe.writeEnd, POLLOUT, 0) !== 0) this.readable = false;
      else {
        this.#full = true;
        for (const filter of this.#filters) filter.full?.(this);
      }
      return;
    }
    if (result !== -ERRNO.EINTR) this.fail("splice-in", -result);
  }

  /** One splice-out: the bytes it sent, 0 when it would block. */
  drain(): number {
    const asked =
      this.#shape.chunks === "one" ? Math.min(this.pipeBytes, this.#chunks[0] ?? this.pipeBytes) : this.pipeBytes;
    const atNs = this.#journal.nowNs();
    const sent = this.#calls.spliceOut(this.pipe.readEnd, this.ends.to, asked, this.#flags);
    return this.drained(asked, sent, atNs, this.#journal.nowNs());
  }

  /** Takes the result of a splice-out, whoever made the call. */
  drained(asked: number, sent: number, atNs: number, endNs: number): number {
    if (sent > 0) {
      this.outCount += 1;
      this.#journal.record(SPLICE_OUT, this.number, atNs, endNs, asked, sent, this.outCount, this.outBytes);
      this.outBytes += sent;
      this.pipeBytes -= sent;
      this.#full = false;
      if (this.#takeChunks(sent) > 1) this.manyChunksCount += 1;
      return sent;
    }
    this.#journal.record(SPLICE_OUT, this.number, atNs, endNs, asked, sent, 0, this.outBytes);
    if (sent === -ERRNO.EAGAIN) {
      this.eagainCount += 1;
      if (this.pipeBytes > 0 && queuedBytes(this.pipe.readEnd) === 0) this.#pipeLost();
      else this.writable = false;
    } else if (sent === 0 && this.pipeBytes > 0) this.#pipeLost();
    else if (sent !== -ERRNO.EINTR) this.fail("splice-out", -sent);
    return 0;
  }

  /** How many splice-ins' bytes a splice-out of `sent` bytes carried, at least in part. */
  #takeChunks(sent: number): number {
    let left = sent;
    let count = 0;
    while (left > 0 && this.#chunks.length > 0) {
      const first = this.#chunks[0] as number;
      count += 1;
      if (first > left) {
        this.#chunks[0] = first - left;
        break;
      }
      left -= first;
      this.#chunks.shift();
    }
    return count;
  }

  /** The ledger of the pipe: what went in and has not come out must still be there. Evidence, and no error. */
  #pipeLost(): void {
    this.lost.push({ offsetBytes: this.outBytes, lengthBytes: this.pipeBytes });
    this.pipeBytes = 0;
    this.#chunks.length = 0;
    this.#full = false;
  }

  /** An injection put `deltaBytes` more (or fewer) bytes into the pipe than the last splice-in did. */
  adjust(deltaBytes: number): void {
    this.pipeBytes += deltaBytes;
    this.inOffsetBytes += deltaBytes;
    const last = (this.#chunks.pop() ?? 0) + deltaBytes;
    if (last > 0) this.#chunks.push(last);
    assert(this.pipeBytes >= 0, "an injection took more bytes out of the pipe than it held");
  }

  fail(call: ChannelError["call"], errno: number): void {
    this.error ??= { call, errno };
    this.finished = true;
  }

  #finishWhenDrained(): void {
    if (!this.ended || this.pipeBytes > 0 || this.finished) return;
    this.finished = true;
    if (this.ends.toIsSocket) shutdownSocket(this.ends.to, { how: SHUT_WR });
  }

  #askAtMost(): number {
    let asked = this.#askBytes - this.pipeBytes;
    for (const filter of this.#filters) asked = Math.min(asked, filter.askAtMost(this) ?? asked);
    return asked;
  }

  #held(): boolean {
    return !this.ended && this.#filters.some((filter) => filter.holds(this));
  }
}
