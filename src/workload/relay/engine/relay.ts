/**
 * The relay: report 2's program without its faults, for any number of connections in one process.
 *
 * Owns accepting, connecting, the readiness loop, stalls, and the end of the run. The splices are in channel.ts; what
 * looks at or damages the bytes is a filter there. Nothing here judges.
 */
import type { Address } from "../../../ops/address.ts";
import { addressText } from "../../../ops/address.ts";
import { monotonicNs } from "../../../ops/clock.ts";
import { SyscallError } from "../../../ops/errors.ts";
import type { Fd } from "../../../ops/fd.ts";
import { raiseFileLimit } from "../../../ops/limits.ts";
import { ignoreBrokenPipes, localAddress, tryAccept } from "../../../ops/socket.ts";
import { startTls } from "../../../ops/tls.ts";
import { errnoName } from "../../../sys/errno.ts";
import type { Journal } from "../../journal.ts";
import { addressOfEnd, beginConnect, type EndPlace, listenAt, openStreamEnd, unlessInterrupted } from "../ends/ends.ts";
import type { JudgeMaker } from "../evidence/judge.ts";
import { Tap } from "../evidence/tap.ts";
import { relayJournal } from "../evidence/transfers.ts";
import type { Feed, RelayShape } from "../options.ts";
import type { Filter, RelayCalls, RelayChannel } from "./channel.ts";
import { type ConnectionOutcome, type End, RelayConnection } from "./connection.ts";
import { Injector } from "./inject.ts";
import { EdgeReadiness, LevelReadiness, type Readiness } from "./readiness.ts";
import { RingReadiness } from "./uring.ts";

/** All pipes together hold at most this much; each is at least the kernel's default of 64 KiB. */
const PIPES_BYTES_MAX = 256 * 1024 * 1024;
const PIPE_BYTES_MIN = 65_536;
const TICK_MS = 100;
const PROGRESS_NS = 250e6;

export interface RelayPlan {
  readonly shape: RelayShape;
  readonly feed: Feed;
  /** Where the bytes come from: the server's side. */
  readonly from: EndPlace;
  /** Where they go: the client's side. */
  readonly to: EndPlace;
  /** How many clients are served before the run ends. */
  readonly connections: number;
}

export interface RelayHooks {
  /** Called once with the address that clients connect to; not for files and pipes. */
  readonly listening?: (address: string) => void;
  readonly progress?: (bytes: number) => void;
  /** A line for people: a limit that was met, a connection that failed. */
  readonly narrate?: (line: string) => void;
  /** Another descriptor to watch, for questions while the relay runs. */
  readonly watch?: { readonly fd: Fd; readonly ready: () => void };
  /** True once the run should end with what it has. */
  readonly stopped?: () => boolean;
}

export interface RelayResult {
  readonly outcomes: readonly ConnectionOutcome[];
  readonly downBytes: number;
  /** splice-in and splice-out calls that moved bytes, both directions. */
  readonly calls: number;
  readonly eagain: number;
  /** Splice-outs that sent the bytes of more than one splice-in. */
  readonly manyChunks: number;
  /** Splice-ins that moved less than they asked for. */
  readonly shortIns: number;
  readonly journalDropped: number;
  /** The smallest pipe in use. */
  readonly pipeBytes: number;
  readonly stalled: boolean;
}

function readinessOf({ shape, connections }: RelayPlan, journal: Journal): Readiness {
  if (shape.engine === "uring") return new RingReadiness(journal, { connections, move: shape.move });
  return shape.wait === "always" ? new LevelReadiness(journal) : new EdgeReadiness();
}

/** What a script gives its relay: the judge of a tap, and the calls themselves. */
export interface RelayMeans {
  readonly makeJudge: JudgeMaker;
  readonly calls: RelayCalls;
}

export class Relay implements Disposable {
  readonly journal: Journal;
  readonly injector: Injector | undefined;
  readonly tap: Tap | undefined;
  readonly #plan: RelayPlan;
  readonly #hooks: RelayHooks;
  readonly #calls: RelayCalls;
  readonly #readiness: Readiness;
  readonly #filters: Filter[] = [];
  readonly #outcomes: ConnectionOutcome[] = [];
  readonly #live = new Set<RelayConnection>();
  readonly #downstream = new Map<number, number>();
  readonly #tlsStarted = new Set<RelayConnection>();
  #listener: Fd | undefined;
  #upstream: Address | undefined;
  #accepted = 0;
  #pipeBytes: number;
  #smallestPipe = Number.POSITIVE_INFINITY;
  #totals = { calls: 0, eagain: 0, manyChunks: 0, shortIns: 0, downBytes: 0 };

  constructor(plan: RelayPlan, hooks: RelayHooks, { makeJudge, calls }: RelayMeans) {
    this.#plan = plan;
    this.#calls = calls;
    this.#hooks = hooks;
    const { shape } = plan;
    this.journal = relayJournal(shape.journalCalls);
    this.#readiness = readinessOf(plan, this.journal);
    const share = 2 ** Math.floor(Math.log2(PIPES_BYTES_MAX / plan.connections));
    this.#pipeBytes = Math.min(shape.pipeBytes, Math.max(PIPE_BYTES_MIN, share));
    const connectionOf = (channel: RelayChannel) => this.#downstream.get(channel.number);
    const { injection } = shape;
    if (shape.tap) this.tap = new Tap({ pipeBytes: this.#pipeBytes, feed: plan.feed, makeJudge, connectionOf });
    if (injection !== undefined && injection.hop !== "sink")
      this.injector = new Injector(injection, this.journal, connectionOf);
    const order = injection?.hop === "out" ? [this.tap, this.injector] : [this.injector, this.tap];
    for (const filter of order) if (filter !== undefined) this.#filters.push(filter);
  }

  /** Runs until all clients were served, nothing moved for the timeout, or `stopped`. */
  async run(): Promise<RelayResult> {
    const { shape } = this.#plan;
    ignoreBrokenPipes();
    if (this.#plan.connections > 64) raiseFileLimit();
    await this.#open();
    const { watch } = this.#hooks;
    if (watch !== undefined) this.#readiness.watch(watch);
    const stalled = unlessInterrupted(() => this.#loop());
    // Requests in flight name the descriptors that retiring closes.
    if (shape.engine === "uring") this.#readiness[Symbol.dispose]();
    for (const connection of [...this.#live]) this.#retire(connection);
    return {
      outcomes: this.#outcomes,
      ...this.#totals,
      journalDropped: this.journal.dropped,
      pipeBytes: Number.isFinite(this.#smallestPipe) ? this.#smallestPipe : 0,
      stalled,
    };
  }

  async #open(): Promise<void> {
    const { from, to, shape } = this.#plan;
    this.#upstream = await addressOfEnd(from);
    const downstream = await addressOfEnd(to);
    if (downstream === undefined) {
      this.#admit({ fd: openStreamEnd(to, "write"), isSocket: false });
      return;
    }
    this.#listener = listenAt(downstream, shape.tcp);
    this.#readiness.watch({ fd: this.#listener, ready: () => this.#accept() });
    this.#hooks.listening?.(addressText(localAddress(this.#listener)));
  }

  #accept(): void {
    while (this.#listener !== undefined && this.#accepted < this.#plan.connections) {
      const client = tryAccept(this.#listener, { nonblocking: true });
      if (typeof client === "number") {
        const quiet = ["EAGAIN", "ECONNABORTED"].includes(errnoName(-client));
        if (!quiet) throw new SyscallError("accept", -client, this.#listener.label);
        return;
      }
      this.#admit({ fd: client, isSocket: true });
    }
    if (this.#accepted < this.#plan.connections || this.#listener === undefined) return;
    this.#readiness.unwatch(this.#listener);
    this.#listener.close();
    this.#listener = undefined;
  }

  /** Gives a client its server and starts both directions. */
  #admit(client: End): void {
    const number = this.#accepted;
    this.#accepted += 1;
    const { shape } = this.#plan;
    // A slot of a pipe may hold a large page of the network's, so that a pipe takes several times its nominal capacity;
    // where many pipes share a budget none may.
    const askBytes = this.#pipeBytes === shape.pipeBytes ? shape.askBytes : this.#pipeBytes;
    const calls = this.#calls;
    const tools = { shape, calls, journal: this.journal, filters: this.#filters, pipeBytes: this.#pipeBytes, askBytes };
    try {
      const server = this.#openServer();
      const connection = new RelayConnection(number, { client, ...server }, tools);
      this.#downstream.set(connection.down.number, number);
      this.#live.add(connection);
      this.#readiness.add(connection);
      this.#smallestPipe = Math.min(this.#smallestPipe, connection.down.pipe.capacityBytes);
      if (connection.down.pipe.refusal < 0 && number === 0) this.#narrateRefusal(connection);
    } catch (error) {
      client.fd.close();
      // One failed connection is the run's failure; among many it is that connection's.
      if (!(error instanceof SyscallError) || this.#plan.connections === 1) throw error;
      const failure = { call: "connect" as const, errno: error.errno, direction: "down" as const };
      this.#outcomes.push({ connection: number, downBytes: 0, upBytes: 0, complete: false, error: failure });
    }
  }

  #openServer(): { server: End; connecting: boolean } {
    if (this.#upstream === undefined) {
      return { server: { fd: openStreamEnd(this.#plan.from, "read"), isSocket: false }, connecting: false };
    }
    const { shape } = this.#plan;
    const { fd, connecting } = beginConnect(this.#upstream, shape.tcp);
    return { server: { fd, isSocket: true }, connecting };
  }

  #narrateRefusal(connection: RelayConnection): void {
    const { capacityBytes, refusal } = connection.down.pipe;
    const why = `${errnoName(-refusal)}; see /proc/sys/fs/pipe-max-size and pipe-user-pages-soft`;
    this.#hooks.narrate?.(`a pipe of ${this.#pipeBytes} bytes was refused (${why}); using ${capacityBytes} bytes`);
  }

  /** True when it ended because nothing moved for too long. */
  #loop(): boolean {
    const touched = new Set<RelayConnection>(this.#live);
    const timeoutNs = this.#plan.shape.timeoutSeconds * 1e9;
    let movedNs = monotonicNs();
    let progressNs = movedNs;
    while (this.#accepted < this.#plan.connections || this.#live.size > 0) {
      // A ring moves the bytes while it waits: what it touched has moved.
      if (this.#readiness.turns === 0 && touched.size > 0) movedNs = monotonicNs();
      for (const connection of touched) {
        if (this.#pump(connection)) movedNs = monotonicNs();
        else touched.delete(connection);
      }
      if (this.#hooks.stopped?.() === true) return false;
      if (this.#live.size === 0 && this.#accepted >= this.#plan.connections) break;
      this.#readiness.wait(touched.size > 0 && this.#readiness.turns > 1 ? 0 : TICK_MS, touched);
      const nowNs = monotonicNs();
      if (nowNs - movedNs > timeoutNs) return !this.#allComplete();
      if (nowNs - progressNs < PROGRESS_NS) continue;
      progressNs = nowNs;
      this.#hooks.progress?.(this.#bytesSoFar());
    }
    return false;
  }

  #pump(connection: RelayConnection): boolean {
    const wasConnecting = connection.connecting;
    if (!wasConnecting && this.#plan.shape.ktls) this.#startTlsOnce(connection);
    const moved = connection.pump(this.#readiness.turns);
    if (connection.closed) this.#retire(connection);
    // A level-triggered wait decides anew what may be tried.
    return moved && !connection.closed && this.#readiness.turns > 1;
  }

  #startTlsOnce(connection: RelayConnection): void {
    if (this.#tlsStarted.has(connection) || connection.closed) return;
    this.#tlsStarted.add(connection);
    startTls(connection.server.fd, { direction: "receive" });
  }

  #bytesSoFar(): number {
    let bytes = this.#totals.downBytes;
    for (const connection of this.#live) bytes += connection.down.outBytes;
    return bytes;
  }

  /** A client that keeps its own direction open after it got everything has not stalled anything. */
  #allComplete(): boolean {
    return this.#accepted === this.#plan.connections && [...this.#live].every((one) => one.outcome.complete);
  }

  /** The connection is over: what became of it. */
  #retire(connection: RelayConnection): void {
    connection.close();
    if (!this.#live.delete(connection)) return;
    this.#readiness.remove(connection);
    const { outcome } = connection;
    this.#outcomes.push(outcome);
    this.#totals.downBytes += outcome.downBytes;
    for (const channel of connection.channels) {
      this.#totals.calls += channel.inCount + channel.outCount;
      this.#totals.eagain += channel.eagainCount;
      this.#totals.manyChunks += channel.manyChunksCount;
      this.#totals.shortIns += channel.shortCount;
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#live) connection.close();
    this.#listener?.close();
    this.#readiness[Symbol.dispose]();
    this.tap?.[Symbol.dispose]();
  }
}
