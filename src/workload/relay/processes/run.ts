/**
 * A self-contained run: source, relay and sink, each a process, on this machine.
 *
 * Owns the order of starting and ending, the addresses between them, and asking the relay for the calls behind each
 * finding. Decides no verdict: it returns what was sent, moved and found.
 */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RoleCalls } from "../../../evidence/role-tracks.ts";
import type { Finding } from "../../../judge/finding.ts";
import { createDirectory, type OwnDirectory } from "../../../machine/own-file.ts";
import { monotonicNs } from "../../../ops/clock.ts";
import { Inconclusive } from "../../../ops/errors.ts";
import { openPipe, type Pipe } from "../../../ops/pipe.ts";
import type { EndPlace } from "../ends/ends.ts";
import type { SinkResult } from "../ends/sink.ts";
import type { SourceResult } from "../ends/source.ts";
import type { InjectionDone } from "../engine/inject.ts";
import type { RelayResult } from "../engine/relay.ts";
import { attribute, type CallAnswer, questionFor } from "../evidence/attribution.ts";
import { hopOf, mergeFindings, type TapStream, troubleOf } from "../evidence/merge.ts";
import { spliceFlagsText, traceLines } from "../evidence/trace.ts";
import type { EndKind } from "../options.ts";
import { joinNetworks, RELAY_HOST, SOURCE_HOST } from "./networks.ts";
import type { RunPlan } from "./plan.ts";
import { RoleProcess } from "./roles.ts";

/** Findings that get their calls; the rest is listed without. */
const ATTRIBUTED_MAX = 64;
/** How long the streams have to end after a stop, and then the roles. */
const STOP_GRACE_MS = 600;
const INTERRUPTED = "interrupted before anything was verified";

export interface RunHooks {
  readonly progress: (bytes: number) => void;
  readonly narrate: (line: string) => void;
  readonly stopped: () => boolean;
}

export interface RunResult {
  readonly findings: readonly Finding[];
  readonly findingsLeftOut: number;
  readonly sentBytes: number;
  readonly verifiedBytes: number;
  readonly tappedBytes: number | undefined;
  readonly relay: RelayResult;
  readonly ktls: boolean;
  /** Packets that the kernel reports it edited; undefined when it was not asked to. */
  readonly editedPackets: number | undefined;
  readonly injected: InjectionDone | undefined;
  /** An injection was asked for and its moment never came. */
  readonly injectionMissed: boolean;
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  readonly roles: readonly RoleCalls[];
  /** Why a run without findings proves less than it should; undefined for a whole one. */
  readonly trouble: string | undefined;
  readonly seconds: number;
  readonly cpuSeconds: { readonly source: number; readonly relay: number; readonly sink: number };
  readonly relayResidentBytes: number;
}

interface Done {
  source: SourceResult;
  edited: number;
  relay: RelayResult;
  injected: InjectionDone | undefined;
  tapped: readonly TapStream[] | undefined;
  sink: SinkResult;
}

export class SelfContainedRun implements AsyncDisposable {
  readonly #plan: RunPlan;
  readonly #hooks: RunHooks;
  readonly #pipes: Pipe[] = [];
  readonly #roles: RoleProcess[] = [];
  #directory: OwnDirectory | undefined;
  readonly #places: string[] = [];
  #startNs = 0;
  /** Every role has its plan. */
  #flowing = false;
  #stopNs: number | undefined;
  readonly #stopSent = new Set<RoleProcess>();

  constructor(plan: RunPlan, hooks: RunHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
  }

  async run(): Promise<RunResult> {
    const { from, to, namespaces, shape } = this.#plan;
    const fromPipe = from === "pipe" ? this.#pipe() : undefined;
    const toPipe = to === "pipe" ? this.#pipe() : undefined;
    const fds = (...pipes: (number | undefined)[]) => pipes.filter((fd) => fd !== undefined);
    const own = { ownNetwork: namespaces };
    const source = this.#start(new RoleProcess("source", { ...own, extraFds: fds(fromPipe?.writeEnd.number) }));
    const relayFds = fds(fromPipe?.readEnd.number, toPipe?.writeEnd.number);
    const relay = this.#start(new RoleProcess("relay", { ...own, extraFds: relayFds }));
    const sink = this.#start(new RoleProcess("sink", { ...own, extraFds: fds(toPipe?.readEnd.number) }));
    // Our own copies would keep the pipes open after the roles have closed theirs.
    for (const pipe of this.#pipes) pipe[Symbol.dispose]();
    if (namespaces) await joinNetworks({ source, relay, sink }, this.#plan.edit, (promise) => this.#until(promise));
    this.#startNs = monotonicNs();
    const done = await this.#converse({ source, relay, sink });
    const seconds = (monotonicNs() - this.#startNs) / 1e9;
    const { findings, sections, roles, leftOut, verifiedBytes } = await this.#evidence(relay, done);
    await Promise.all(this.#roles.map((role) => role.end()));
    return {
      findings,
      findingsLeftOut: leftOut,
      sentBytes: done.source.sentBytes.reduce((sum, bytes) => sum + bytes, 0),
      verifiedBytes,
      tappedBytes: done.tapped?.reduce((sum, stream) => sum + stream.judgement.verifiedBytes, 0),
      relay: done.relay,
      ktls: shape.ktls,
      editedPackets: this.#plan.edit === undefined ? undefined : done.edited,
      injected: done.injected,
      injectionMissed: shape.injection !== undefined && shape.injection.hop !== "sink" && done.injected === undefined,
      sections,
      roles,
      trouble: troubleOf(done, shape.timeoutSeconds),
      seconds,
      cpuSeconds: { source: source.cpuSeconds, relay: relay.cpuSeconds, sink: sink.cpuSeconds },
      relayResidentBytes: relay.residentBytesMax,
    };
  }

  #start(role: RoleProcess): RoleProcess {
    this.#roles.push(role);
    role.onMessage = (message) => {
      if (message.type === "narrate") this.#hooks.narrate(message.line);
      if (message.type === "damaged") for (const other of this.#roles) if (other.role === "relay") other.send(message);
      if (message.type === "progress" && role.role === "relay") this.#hooks.progress(message.bytes);
    };
    return role;
  }

  #pipe(): Pipe {
    const pipe = openPipe({ capacityBytes: this.#plan.shape.pipeBytes });
    this.#pipes.push(pipe);
    return pipe;
  }

  /** Where an end listens before its port is known. */
  #place(kind: EndKind, which: "from" | "to", descriptor: number): EndPlace {
    if (kind === "pipe") return { kind, place: String(descriptor) };
    if (kind === "tcp") {
      const network = which === "from" ? SOURCE_HOST : RELAY_HOST;
      const host = this.#plan.namespaces ? network : this.#plan.ipv6 ? "[::1]" : "127.0.0.1";
      return { kind, place: `${host}:0` };
    }
    this.#directory ??= createDirectory(join(tmpdir(), "bytewitness-relay-"));
    const place = join(this.#directory.path, which);
    this.#places.push(place);
    return { kind, place };
  }

  /** Starts the roles one after the other, as addresses become known, and waits for their results. */
  async #converse(roles: { source: RoleProcess; relay: RoleProcess; sink: RoleProcess }): Promise<Done> {
    const { source, relay, sink } = roles;
    const { shape, feed, connections, bytesPerConnection, seconds, from, to } = this.#plan;
    const { tcp, timeoutSeconds, ktls, injection } = shape;
    const common = { feed, connections, tcp, timeoutSeconds };
    const fromPlace = this.#place(from, "from", 3);
    source.send({ type: "start-source", plan: { ...common, at: fromPlace, bytesPerConnection, seconds, ktls } });
    const listens = (kind: EndKind) => kind === "tcp" || kind === "unix";
    const sourceDone = source.wait("source-done");
    sourceDone.catch(() => {});
    // A file must be whole before the relay reads it: its end is the end of the stream.
    if (from === "file") await this.#until(sourceDone);
    const upstream = listens(from) ? await this.#address(source, fromPlace) : fromPlace;
    const toPlace = this.#place(to, "to", from === "pipe" ? 4 : 3);
    relay.send({ type: "start-relay", plan: { shape, feed, connections, from: upstream, to: toPlace } });
    const relayDone = relay.wait("relay-done");
    relayDone.catch(() => {});
    if (to === "file") await this.#until(relayDone);
    const sinkPlace =
      to === "pipe" ? { kind: to, place: "3" } : listens(to) ? await this.#address(relay, toPlace) : toPlace;
    const pause = this.#plan.sinkPauseMs === undefined ? {} : { pauseMs: this.#plan.sinkPauseMs };
    const peek = shape.tap && listens(to);
    sink.send({ type: "start-sink", plan: { ...common, ...pause, at: sinkPlace, peek, injection } });
    const sinkDone = sink.wait("sink-done");
    sinkDone.catch(() => {});
    this.#flowing = true;
    const [moved, taken, sent] = await this.#until(Promise.all([relayDone, sinkDone, sourceDone]));
    return {
      source: sent.result,
      edited: sent.edited,
      relay: moved.result,
      injected: moved.injected,
      tapped: moved.tapped,
      sink: taken.result,
    };
  }

  async #address(role: RoleProcess, place: EndPlace): Promise<EndPlace> {
    const { address } = await this.#until(role.wait("listening"));
    return place.kind === "unix" ? place : { kind: place.kind, place: address };
  }

  /**
   * Waits, looking for a stop every 50 ms. Before bytes flow there is nothing to report; later the source is asked to
   * end its streams, then everyone, and then the wait is over.
   */
  async #until<Value>(promise: Promise<Value>): Promise<Value> {
    // What is no longer waited for may still fail, when the roles are killed.
    promise.catch(() => {});
    for (;;) {
      const tick = new Promise<"tick">((resolve) => setTimeout(resolve, 50, "tick"));
      const first = await Promise.race([promise, tick]).catch((error: unknown) => {
        // Ctrl-C reaches a role too, which dies of it while it is starting.
        throw this.#hooks.stopped() ? new Inconclusive(INTERRUPTED) : error;
      });
      if (first !== "tick") return first as Value;
      if (this.#hooks.stopped()) this.#stop();
    }
  }

  #stop(): void {
    if (!this.#flowing) throw new Inconclusive(INTERRUPTED);
    this.#stopNs ??= monotonicNs();
    const waitedMs = (monotonicNs() - this.#stopNs) / 1e6;
    if (waitedMs > STOP_GRACE_MS * 2) throw new Inconclusive("interrupted, and a role did not end when asked to");
    for (const role of this.#roles) {
      if (this.#stopSent.has(role) || (role.role !== "source" && waitedMs < STOP_GRACE_MS)) continue;
      this.#stopSent.add(role);
      role.send({ type: "stop" });
    }
  }

  /** Findings with hop and calls, and the trace around the first. */
  async #evidence(relay: RoleProcess, done: Done) {
    const merged = mergeFindings({
      streams: done.sink.streams,
      sentBytes: done.source.sentBytes,
      outcomes: done.relay.outcomes,
      sourceErrors: done.source.errors,
      selfLocating: this.#plan.feed.pattern === "counter",
      stalled: done.sink.stalled || done.relay.stalled,
    });
    const asked = merged.found.slice(0, ATTRIBUTED_MAX);
    const questions = asked.map((one) => questionFor(one.connection, one.finding));
    relay.send({ type: "calls", questions });
    const { answers } = await this.#until(relay.wait("calls"));
    const findings = merged.found.map((one, index): Finding => {
      const sink = done.sink.streams.find((stream) => stream.connection === one.connection);
      const hop = hopOf(one, done.tapped, sink);
      const named = this.#plan.connections > 1 ? { ...one.finding, file: `connection ${one.connection}` } : one.finding;
      const given = answers[index];
      if (given === undefined) return named;
      return attribute(named, given, { startNs: this.#startNs, ...(hop === undefined ? {} : { hop }) });
    });
    const sections = await this.#traces(relay, answers[0]);
    return {
      findings,
      sections,
      roles: await this.#journal(relay),
      leftOut: merged.leftOut,
      verifiedBytes: merged.verifiedBytes,
    };
  }

  /** The relay's journal, where a trace was asked for. */
  async #journal(relay: RoleProcess): Promise<readonly RoleCalls[]> {
    if (!this.#plan.journal) return [];
    relay.send({ type: "journal" });
    return [{ role: "relay", ...(await this.#until(relay.wait("journal"))) }];
  }

  async #traces(relay: RoleProcess, first: CallAnswer | undefined) {
    const options = { flags: spliceFlagsText(this.#plan.shape), startNs: this.#startNs };
    if (first !== undefined && first.around.length > 0) {
      const marked = new Set([...first.spliceIns, ...first.spliceOuts].map((call) => call.sequence));
      return [{ title: "calls around the first finding", lines: traceLines(first.around, { ...options, marked }) }];
    }
    if (this.#plan.firstCalls === 0) return [];
    relay.send({ type: "first-calls", count: this.#plan.firstCalls });
    const { calls } = await this.#until(relay.wait("first-calls"));
    return [{ title: `the relay's first ${calls.length} calls`, lines: traceLines(calls, options) }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const role of this.#roles) role.kill();
    for (const pipe of this.#pipes) pipe[Symbol.dispose]();
    // Sockets and files of the roles, in a directory that is ours alone.
    for (const place of this.#places) rmSync(place, { force: true });
    this.#directory?.remove();
  }
}
