/**
 * The result of a run or a role, in the words and numbers of a report.
 *
 * Owns the totals, the trigger (how often one splice-out sent the bytes of several splice-ins: where report 2's damage
 * always was; with kernel TLS, how often a full pipe cut a splice-in short) and the sentences of sections. Makes no verdict of its own.
 */

import type { RoleCalls } from "../../../evidence/role-tracks.ts";
import type { Finding } from "../../../judge/finding.ts";
import { errnoName } from "../../../sys/errno.ts";
import type { SinkResult } from "../ends/sink.ts";
import type { SourceResult } from "../ends/source.ts";
import type { InjectionDone } from "../engine/inject.ts";
import type { RelayResult } from "../engine/relay.ts";
import type { RunResult } from "../processes/run.ts";
import { type JudgedStream, lengthFinding, type TapStream } from "./merge.ts";

/** The fields of a front-desk outcome that a relay fills. */
export interface RelayOutcome {
  readonly findings: readonly Finding[];
  readonly findingsLeftOut?: number;
  readonly trigger: { readonly reached: number | null; readonly attempts: number; readonly how: string };
  readonly totals: {
    readonly bytesWritten: number;
    readonly bytesVerified: number;
    readonly files: number;
    readonly calls: number;
    readonly [name: string]: number;
  };
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  /** The relay's journal, for a trace. */
  readonly roles?: readonly RoleCalls[];
  readonly verdict?: "inconclusive";
  readonly reason?: string;
}

function triggerOf(relay: RelayResult, ktls: boolean): RelayOutcome["trigger"] {
  if (ktls) return { reached: relay.shortIns, attempts: relay.calls, how: "splice-ins cut short by a full pipe" };
  return { reached: relay.manyChunks, attempts: relay.calls, how: "splice-outs that sent several splice-ins' bytes" };
}

/** A self-contained run. */
export function outcomeOfRun(result: RunResult): RelayOutcome {
  const { relay } = result;
  const inconclusive =
    result.findings.length === 0 && result.trouble !== undefined
      ? { verdict: "inconclusive" as const, reason: result.trouble }
      : {};
  const unreached =
    result.findings.length === 0 && result.trouble === undefined && result.injectionMissed && result.verifiedBytes > 0
      ? { verdict: "inconclusive" as const, reason: "the stream ended before the injection: give more --bytes" }
      : {};
  return {
    findings: result.findings,
    ...(result.findingsLeftOut === 0 ? {} : { findingsLeftOut: result.findingsLeftOut }),
    trigger: triggerOf(relay, result.ktls),
    totals: {
      bytesWritten: result.sentBytes,
      bytesVerified: result.verifiedBytes,
      files: relay.outcomes.length,
      calls: relay.calls,
      eagain: relay.eagain,
      pipeBytes: relay.pipeBytes,
      relayResidentBytes: result.relayResidentBytes,
      ...(result.tappedBytes === undefined ? {} : { bytesTapped: result.tappedBytes }),
      ...injectedTotals(result.injected),
      ...(result.editedPackets === undefined ? {} : { editedPackets: result.editedPackets }),
    },
    ...(result.roles.length === 0 ? {} : { roles: result.roles }),
    sections: [throughput(result), ...injectedSection(result.injected), ...result.sections],
    ...inconclusive,
    ...unreached,
  };
}

function throughput(result: RunResult) {
  const gigabytes = result.verifiedBytes / 1e9;
  const rate = result.seconds > 0 ? gigabytes / result.seconds : 0;
  const { source, relay, sink } = result.cpuSeconds;
  const perGigabyte = (seconds: number) => (gigabytes > 0 ? (seconds / gigabytes).toFixed(3) : "-");
  const lines = [
    `${rate.toFixed(2)} GB/s over ${result.seconds.toFixed(2)} s, ${result.relay.outcomes.length} connection(s)`,
    `CPU seconds per GB: source ${perGigabyte(source)}, relay ${perGigabyte(relay)}, sink ${perGigabyte(sink)}`,
    `relay: ${result.relay.calls} splices, ${result.relay.manyChunks} sent several chunks, pipe ${result.relay.pipeBytes} bytes`,
  ];
  return { title: "relay", lines };
}

/** What was damaged on purpose, as numbers that a test compares with the finding. */
function injectedTotals(done: InjectionDone | undefined): Record<string, number> {
  if (done === undefined) return {};
  const { offsetBytes, lengthBytes, spliceIn, chunkOffsetBytes, chunkBytes, connection } = done;
  return {
    injectedAtBytes: offsetBytes,
    injectedBytes: lengthBytes,
    injectedChunkAtBytes: chunkOffsetBytes,
    injectedChunkBytes: chunkBytes,
    injectedSpliceIn: spliceIn,
    injectedConnection: connection,
  };
}

function injectedSection(done: InjectionDone | undefined) {
  if (done === undefined) return [];
  const { kind, hop, connection, offsetBytes, lengthBytes, spliceIn } = done;
  const where = `connection ${connection}, ${lengthBytes} bytes at ${offsetBytes}, splice-in #${spliceIn}`;
  return [{ title: "injected on purpose", lines: [`${kind} (hop: ${hop}): ${where}`] }];
}

/** What a role alone knows of the streams' lengths, without the source's report. */
export interface KnownLengths {
  /** Of each connection's stream; undefined when unknown. */
  readonly expectedBytes: number | undefined;
  readonly selfLocating: boolean;
  /** The run was asked to stop: a short stream is not evidence. */
  readonly stopped: boolean;
}

const UNCHECKED = "the length was not checked: --bytes gives it";

/** Findings of streams judged alone, their lengths too where they can be known, named by connection. */
function judgedAlone(streams: readonly JudgedStream[], lengths: KnownLengths): Finding[] {
  const many = streams.length > 1;
  return streams.flatMap((stream) => {
    const { expectedBytes, selfLocating, stopped } = lengths;
    const ended = expectedBytes !== undefined && !stopped && stream.errno === 0;
    const length = ended ? lengthFinding(stream, expectedBytes, selfLocating) : undefined;
    const found = [...stream.judgement.findings, ...(length === undefined ? [] : [length])];
    return many ? found.map((finding) => ({ ...finding, file: `connection ${stream.connection}` })) : found;
  });
}

/** Verdict and reason of a role alone: a trouble makes it inconclusive, an unchecked length is reported. */
function verdictAlone(options: {
  findings: number;
  bytesVerified: number;
  trouble: string | undefined;
  lengths: KnownLengths;
}): Pick<RelayOutcome, "verdict" | "reason"> {
  const { findings, bytesVerified, trouble, lengths } = options;
  if (findings > 0) return trouble === undefined ? {} : { reason: trouble };
  if (trouble !== undefined) return { verdict: "inconclusive", reason: trouble };
  return bytesVerified > 0 && lengths.expectedBytes === undefined ? { reason: UNCHECKED } : {};
}

/** A relay alone: it relays; only a tap verifies. */
export function outcomeOfRelay(
  relay: RelayResult,
  tapped: readonly TapStream[] | undefined,
  lengths: KnownLengths,
): RelayOutcome {
  const failed = relay.outcomes.find((one) => one.error !== undefined);
  // With one error anywhere no short stream is evidence.
  const cut = relay.stalled || relay.outcomes.some((one) => !one.complete);
  const streams = (tapped ?? []).map(({ connection, judgement }) => ({
    ...{ connection, judgement, errno: 0, receivedBytes: judgement.verifiedBytes },
  }));
  const findings = judgedAlone(streams, { ...lengths, stopped: lengths.stopped || cut });
  const bytesVerified = streams.reduce((sum, stream) => sum + stream.judgement.verifiedBytes, 0);
  const failure =
    failed?.error === undefined
      ? undefined
      : `connection ${failed.connection}: ${failed.error.call}: ${errnoName(failed.error.errno)}`;
  const nothing = tapped === undefined ? "a relay verifies only with --tap" : undefined;
  const trouble = failure ?? (relay.stalled ? "no byte moved for the time of --timeout" : nothing);
  return {
    findings,
    trigger: triggerOf(relay, false),
    totals: {
      ...{ bytesWritten: relay.downBytes, bytesVerified, files: relay.outcomes.length },
      ...{ calls: relay.calls, eagain: relay.eagain },
    },
    sections: [],
    ...verdictAlone({ findings: findings.length, bytesVerified, trouble, lengths }),
  };
}

/** A source alone: what it sent is verified elsewhere. */
export function outcomeOfSource(result: SourceResult): RelayOutcome {
  const bytesWritten = result.sentBytes.reduce((sum, bytes) => sum + bytes, 0);
  const [first] = result.errors;
  const reason =
    first !== undefined
      ? `connection ${first.connection}: send: ${errnoName(first.errno)}`
      : result.stalled
        ? "no byte moved for the time of --timeout"
        : "a source verifies nothing: the sink's verdict counts";
  return {
    findings: [],
    trigger: { reached: null, attempts: 0, how: "seen by the relay only" },
    totals: { bytesWritten, bytesVerified: 0, files: result.sentBytes.length, calls: 0 },
    sections: [],
    verdict: "inconclusive",
    reason,
  };
}

/** A sink alone: the judge's verdict, and the length where --bytes gives it. */
export function outcomeOfSink(result: SinkResult, lengths: KnownLengths): RelayOutcome {
  const findings = judgedAlone(result.streams, { ...lengths, stopped: lengths.stopped || result.stalled });
  const ended = result.streams.find((stream) => stream.errno !== 0);
  const trouble =
    ended !== undefined
      ? `connection ${ended.connection} ended with ${errnoName(ended.errno)} after ${ended.receivedBytes} bytes`
      : result.stalled
        ? "no byte moved for the time of --timeout"
        : undefined;
  const bytesVerified = result.streams.reduce((sum, stream) => sum + stream.judgement.verifiedBytes, 0);
  return {
    findings,
    trigger: { reached: null, attempts: 0, how: "seen by the relay only" },
    totals: { bytesWritten: 0, bytesVerified, files: result.streams.length, calls: 0 },
    sections: [],
    ...verdictAlone({ findings: findings.length, bytesVerified, trouble, lengths }),
  };
}
