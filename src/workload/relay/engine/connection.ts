/**
 * One relayed connection: the client that was accepted, the server that was connected to, a channel each way.
 *
 * Owns the life of both ends: the channels start when the connect has succeeded, and the ends close when both
 * directions are done or one of them failed. A reset of one connection is that connection's own matter.
 */
import type { Fd } from "../../../ops/fd.ts";
import { SHUT_RDWR, shutdownSocket } from "../../../ops/socket.ts";
import { pendingError } from "../../../ops/socket-option.ts";
import type { Journal } from "../../journal.ts";
import type { RelayShape } from "../options.ts";
import { type ChannelError, type Filter, type PipeLoss, type RelayCalls, RelayChannel } from "./channel.ts";

/** An end of a connection and what can be done with it. */
export interface End {
  readonly fd: Fd;
  readonly isSocket: boolean;
}

/** What became of one connection. */
export interface ConnectionOutcome {
  readonly connection: number;
  /** Server to client. */
  readonly downBytes: number;
  /** Client to server. */
  readonly upBytes: number;
  /** True when the server's stream ended and every byte of it was handed to the client. */
  readonly complete: boolean;
  /** What vanished from the pipe on the way down. */
  readonly lost?: readonly PipeLoss[];
  readonly error?: ChannelError & { readonly direction: "down" | "up" };
}

export interface ChannelTools {
  readonly shape: RelayShape;
  readonly calls: RelayCalls;
  readonly journal: Journal;
  readonly filters: readonly Filter[];
  /** Size of each pipe; less than the shape's when many connections share a budget. */
  readonly pipeBytes: number;
  /** What a splice-in asks for. */
  readonly askBytes: number;
}

export class RelayConnection {
  readonly number: number;
  readonly client: End;
  readonly server: End;
  readonly down: RelayChannel;
  /** Files and pipes have one direction. */
  readonly up: RelayChannel | undefined;
  connecting: boolean;
  closed = false;
  /** Requests of an io_uring that name these descriptors; nothing is closed while there are any. */
  inFlight = 0;

  constructor(number: number, ends: { client: End; server: End; connecting: boolean }, tools: ChannelTools) {
    this.number = number;
    this.client = ends.client;
    this.server = ends.server;
    this.connecting = ends.connecting;
    const { client, server } = ends;
    const down = { from: server.fd, to: client.fd, toIsSocket: client.isSocket };
    this.down = new RelayChannel(number * 2, down, tools.shape, tools);
    const up = { from: client.fd, to: server.fd, toIsSocket: true };
    // What clients send is requests: the pipe the kernel gives by default is enough.
    const most = Math.min(tools.pipeBytes, 65_536);
    const small = { ...tools, pipeBytes: most, askBytes: most };
    this.up = client.isSocket && server.isSocket ? new RelayChannel(number * 2 + 1, up, tools.shape, small) : undefined;
  }

  get channels(): readonly RelayChannel[] {
    return this.up === undefined ? [this.down] : [this.down, this.up];
  }

  /** The server's socket became writable while connecting: did the connect succeed? */
  finishConnect(): void {
    const errno = pendingError(this.server.fd);
    if (errno !== 0) this.down.fail("connect", errno);
    this.connecting = false;
  }

  /** Moves what can be moved both ways; true when any byte moved. */
  pump(turns: number): boolean {
    if (this.connecting || this.closed) return false;
    let moved = this.down.pump(turns);
    if (this.up?.pump(turns) === true) moved = true;
    this.#closeWhenDone();
    return moved;
  }

  #closeWhenDone(): void {
    const { down, up } = this;
    const downFailed = down.finished && down.error !== undefined;
    // A client that takes no more bytes ends the connection even while the server still sends. A server that takes no
    // more requests does not: what it sent may still lie in the receive queue.
    if (downFailed || (down.finished && (up === undefined || up.finished))) {
      if (this.inFlight === 0) this.close();
      else this.#hangUp();
    }
  }

  /** Ends every request in flight: both ends report a hang-up from now on. */
  #hangUp(): void {
    for (const channel of this.channels) channel.finished = true;
    for (const end of [this.client, this.server]) if (end.isSocket) shutdownSocket(end.fd, { how: SHUT_RDWR });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const channel of this.channels) channel.pipe[Symbol.dispose]();
    this.client.fd.close();
    if (this.server.fd !== this.client.fd) this.server.fd.close();
  }

  get outcome(): ConnectionOutcome {
    const { down, up } = this;
    const complete = down.finished && down.ended && down.error === undefined;
    const failed = down.error !== undefined ? ("down" as const) : up?.error !== undefined ? ("up" as const) : undefined;
    const error = failed === "down" ? down.error : failed === "up" ? up?.error : undefined;
    return {
      connection: this.number,
      downBytes: down.outBytes,
      upBytes: up?.outBytes ?? 0,
      complete,
      ...(down.lost.length === 0 ? {} : { lost: down.lost }),
      ...(failed === undefined || error === undefined ? {} : { error: { ...error, direction: failed } }),
    };
  }
}
