/**
 * From what the source sent, the relay moved and the sink judged, to findings with hop and calls.
 *
 * Owns the length check (the judge cannot know how much was sent before the end), the hop, and which
 * connections' lengths prove nothing because an error ended them. Pure.
 */

import type { Finding, Hop, Judgement } from "../../../judge/finding.ts";
import { errnoName } from "../../../sys/errno.ts";
import type { SinkResult, SinkStream } from "../ends/sink.ts";
import type { PipeLoss } from "../engine/channel.ts";
import type { ConnectionOutcome } from "../engine/connection.ts";
import type { RelayResult } from "../engine/relay.ts";

/** What the tap judged of one connection, between the two hops. */
export interface TapStream {
  readonly connection: number;
  readonly judgement: Judgement;
}

export interface StreamFinding {
  readonly connection: number;
  readonly finding: Finding;
}

/** Where the stream ends by the judge's own map, or undefined when the end is damaged or the map was cut. */
export function streamEndBytes(judgement: Judgement): number | undefined {
  const last = judgement.segments.at(-1);
  if (last === undefined) return 0;
  if (judgement.segmentsLeftOut > 0 || last.kind !== "intact") return undefined;
  return (last.originBytes ?? last.offsetBytes) + last.lengthBytes;
}

/** A stream and what the judge found in it. */
export type JudgedStream = Pick<SinkStream, "connection" | "judgement" | "receivedBytes" | "errno">;

/** The end of a stream against what was sent: bytes missing at the end are "truncated", bytes beyond it "extra". */
export function lengthFinding(stream: JudgedStream, sentBytes: number, selfLocating: boolean): Finding | undefined {
  const { judgement, receivedBytes } = stream;
  const end = selfLocating ? streamEndBytes(judgement) : receivedBytes;
  if (end === undefined || end === sentBytes) return undefined;
  const missing = sentBytes - end;
  const offsetBytes = missing > 0 ? receivedBytes : receivedBytes + missing;
  return {
    kind: missing > 0 ? "truncated" : "extra",
    offsetBytes,
    lengthBytes: Math.abs(missing),
    pageAligned: offsetBytes % 4096 === 0,
    sentBytes,
  };
}

/** Edges of a loss may slide over bytes that are the same on both sides. */
const SLIDE_BYTES = 16;

/**
 * What vanished from the relay's pipe, by its own count. In the middle of a self-describing stream the judge has seen
 * it; at the end, or among zeros, only the count knows.
 */
function pipeLosses(stream: JudgedStream, lost: readonly PipeLoss[]): { found: Finding[]; unseenBytes: number } {
  const found: Finding[] = [];
  let unseenBytes = 0;
  let before = 0;
  for (const { offsetBytes, lengthBytes } of lost) {
    const originBytes = offsetBytes + before;
    before += lengthBytes;
    const seen = stream.judgement.findings.some(
      (one) => one.kind === "lost" && Math.abs(one.offsetBytes - offsetBytes) <= SLIDE_BYTES,
    );
    if (seen) continue;
    unseenBytes += lengthBytes;
    found.push({
      kind: "lost",
      offsetBytes,
      lengthBytes,
      originBytes,
      pageAligned: offsetBytes % 4096 === 0,
      counted: true,
    });
  }
  return { found, unseenBytes };
}

export interface MergeInput {
  readonly streams: readonly SinkStream[];
  readonly sentBytes: readonly number[];
  readonly outcomes: readonly ConnectionOutcome[];
  readonly sourceErrors: readonly { readonly connection: number }[];
  /** False for zeros, which do not record where they belong. */
  readonly selfLocating: boolean;
  readonly stalled: boolean;
}

/** All findings, in the order of the connections. */
export function mergeFindings(input: MergeInput): { found: StreamFinding[]; leftOut: number; verifiedBytes: number } {
  const found: StreamFinding[] = [];
  let leftOut = 0;
  let verifiedBytes = 0;
  // Sockets accepted by the relay are numbered in its own order; with one error anywhere no short stream is evidence.
  const troubled = input.stalled || input.outcomes.some((one) => !one.complete) || input.sourceErrors.length > 0;
  for (const stream of input.streams) {
    const { connection, judgement } = stream;
    verifiedBytes += judgement.verifiedBytes;
    leftOut += judgement.findingsLeftOut;
    for (const finding of judgement.findings) found.push({ connection, finding });
    if (troubled || stream.errno !== 0) continue;
    const losses = pipeLosses(stream, input.outcomes.find((one) => one.connection === connection)?.lost ?? []);
    for (const finding of losses.found) found.push({ connection, finding });
    const sentBytes = (input.sentBytes[connection] ?? 0) - losses.unseenBytes;
    const length = lengthFinding(stream, sentBytes, input.selfLocating);
    if (length !== undefined) found.push({ connection, finding: length });
  }
  return { found, leftOut, verifiedBytes };
}

/** Which hop damaged these bytes. Undefined without a tap: nothing is known but the calls. */
export function hopOf(
  one: StreamFinding,
  tapped: readonly TapStream[] | undefined,
  sink: SinkStream | undefined,
): Hop | undefined {
  const tap = tapped?.find((stream) => stream.connection === one.connection);
  if (tap === undefined) return undefined;
  const { kind, offsetBytes, lengthBytes } = one.finding;
  const same = (other: Finding) => other.kind === kind && other.offsetBytes === offsetBytes;
  if (tap.judgement.findings.some(same)) return "arrived damaged";
  // The judges do not know how much was sent: a stream that was as short (or long) in the pipe already is not a finding of
  // the tap's, and yet it came that way.
  const ofLength = kind === "truncated" || kind === "extra";
  if (ofLength && tap.judgement.verifiedBytes === sink?.judgement.verifiedBytes) return "arrived damaged";
  const overlaps = (range: { offsetBytes: number; lengthBytes: number }) =>
    range.offsetBytes < offsetBytes + Math.max(1, lengthBytes) && offsetBytes < range.offsetBytes + range.lengthBytes;
  if (sink?.unstable.some(overlaps) === true) return "damaged in the sink's read";
  return "damaged between pipe and client";
}

/** Why a run without findings proves less than it should: stalls, failed connections, streams cut by an error. */
export function troubleOf(
  done: { readonly relay: RelayResult; readonly sink: SinkResult },
  timeoutSeconds: number,
): string | undefined {
  if (done.relay.stalled || done.sink.stalled) return `stalled: no byte moved for ${timeoutSeconds} seconds`;
  const failed = done.relay.outcomes.filter((one) => !one.complete);
  const [first] = failed;
  if (first !== undefined) {
    return `${failed.length} of ${done.relay.outcomes.length} connections failed; ${errorText(first)}`;
  }
  const ended = done.sink.streams.find((stream) => stream.errno !== 0);
  if (ended === undefined) return undefined;
  return `connection ${ended.connection} ended with ${errnoName(ended.errno)} at the sink`;
}

function errorText({ connection, downBytes, error }: ConnectionOutcome): string {
  if (error === undefined) return `connection ${connection} was cut after ${downBytes} bytes`;
  return `connection ${connection}: ${error.call}: ${errnoName(error.errno)} after ${downBytes} bytes`;
}
