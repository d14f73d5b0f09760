/**
 * Which calls carried the damaged bytes.
 *
 * Owns the questions that are put to the relay's journal, the answers, and the sentence an engineer would say: "exactly
 * splice-in #11 of 172 bytes, sent together with #12 (1460) in splice-out #6 of 1632". Pure but for the journal it reads.
 */
import type { CallReference, Finding } from "../../../judge/finding.ts";
import type { Journal, JournalCall } from "../../journal.ts";
import { callsAround, transfersOf } from "./transfers.ts";

/** Bytes [startBytes, endBytes) of the stream that one connection's client received. */
export interface CallQuestion {
  readonly connection: number;
  readonly startBytes: number;
  readonly endBytes: number;
  /** Where the bytes of a copy were first; the splice-in that moved them is looked for there too. */
  readonly origin?: { readonly startBytes: number; readonly endBytes: number };
}

export interface CallAnswer {
  readonly spliceIns: readonly JournalCall[];
  readonly spliceOuts: readonly JournalCall[];
  /** All splice-ins whose bytes those splice-outs sent. */
  readonly mates: readonly JournalCall[];
  /** The calls before, during and after, for a trace. */
  readonly around: readonly JournalCall[];
}

/** Kinds whose edges may slide over bytes that are the same on both sides: equal bytes, or zeros of the pattern. */
const SLIDING: readonly Finding["kind"][] = ["duplicated", "lost", "zeroed"];
const SLIDE_BYTES_MAX = 7;
const AROUND_COUNT = 8;
const LISTED_MAX = 32;
const TRACE_MAX = 48;

/** What a finding asks of the journal. A lost range is a place between two bytes; a copy also has an origin. */
export function questionFor(connection: number, finding: Finding): CallQuestion {
  const startBytes = finding.offsetBytes;
  if (finding.kind === "truncated") return { connection, startBytes, endBytes: startBytes };
  if (finding.kind === "lost") {
    return { connection, startBytes: Math.max(0, startBytes - SLIDE_BYTES_MAX), endBytes: startBytes };
  }
  const endBytes = startBytes + finding.lengthBytes;
  if (finding.kind !== "duplicated" || finding.originBytes === undefined) return { connection, startBytes, endBytes };
  const origin = { startBytes: finding.originBytes, endBytes: finding.originBytes + finding.lengthBytes };
  return { connection, startBytes, endBytes, origin };
}

/** Answers from the journal; empty lists when the calls were overwritten. */
export function answer(journal: Journal, question: CallQuestion): CallAnswer {
  const channel = question.connection * 2;
  const { startBytes, endBytes, origin } = question;
  const touching = question.origin === undefined && endBytes - startBytes <= SLIDE_BYTES_MAX;
  const here = transfersOf(journal, channel, { startBytes, endBytes, touching });
  const there = origin === undefined ? [] : transfersOf(journal, channel, { ...origin, touching: false });
  const spliceOuts = here.filter((call) => call.what === "splice-out").slice(0, LISTED_MAX);
  const ins = [...there, ...here].filter((call) => call.what === "splice-in");
  const spliceIns = ins.filter((call, index) => ins.findIndex((one) => one.sequence === call.sequence) === index);
  const first = spliceOuts[0];
  const last = spliceOuts.at(-1);
  const mates =
    first === undefined || last === undefined
      ? []
      : transfersOf(journal, channel, {
          startBytes: first.streamOffsetBytes,
          endBytes: last.streamOffsetBytes + last.result,
          touching: false,
        });
  const sequences = [...spliceIns, ...spliceOuts].map((call) => call.sequence);
  const span = { first: Math.min(...sequences), last: Math.max(...sequences) };
  const counts = { beforeCount: AROUND_COUNT, afterCount: AROUND_COUNT };
  return {
    spliceIns: spliceIns.slice(0, LISTED_MAX),
    spliceOuts,
    mates: mates.filter((call) => call.what === "splice-in").slice(0, LISTED_MAX),
    around: sequences.length === 0 ? [] : callsAround(journal, channel, { ...span, ...counts }).slice(0, TRACE_MAX),
  };
}

/** A finding with its calls, and the words that name them added to its detail. */
export function attribute(finding: Finding, given: CallAnswer, options: { startNs: number; hop?: string }): Finding {
  const hop = options.hop === undefined ? "" : `; ${options.hop}`;
  if (given.spliceIns.length + given.spliceOuts.length === 0) {
    return { ...finding, detail: `${finding.detail}; the journal no longer holds the calls${hop}` };
  }
  const exact = exactChunk(finding, given);
  const calls = [...given.spliceIns, ...given.spliceOuts].map((call) =>
    reference(call, options.startNs, call === exact),
  );
  return { ...finding, calls, detail: `${finding.detail}; ${callsText(finding, given, exact)}${hop}` };
}

function reference(call: JournalCall, startNs: number, isExact: boolean): CallReference {
  return {
    what: call.what,
    index: call.ordinal,
    atNs: Math.max(0, Math.round(call.atNs - startNs)),
    requestedBytes: call.requestedBytes,
    result: call.result,
    streamOffsetBytes: call.streamOffsetBytes,
    ...(isExact ? { detail: "its bytes are exactly the damaged range" } : {}),
  };
}

/** The splice-in whose bytes are the damaged range, no more and no less. */
export function exactChunk(finding: Finding, given: CallAnswer): JournalCall | undefined {
  const starts =
    finding.kind === "duplicated" ? [finding.originBytes ?? -1, finding.offsetBytes] : [finding.offsetBytes];
  const slide = SLIDING.includes(finding.kind) ? SLIDE_BYTES_MAX : 0;
  return given.spliceIns.find((call) => {
    if (Math.abs(call.result - finding.lengthBytes) > (finding.kind === "zeroed" ? 2 * slide : 0)) return false;
    return starts.some((start) => Math.abs(call.streamOffsetBytes - start) <= slide);
  });
}

function callsText(finding: Finding, given: CallAnswer, exact: JournalCall | undefined): string {
  const { spliceIns, spliceOuts, mates } = given;
  if (finding.kind === "lost" && exact === undefined) return lostText(finding, given);
  return `${insText(spliceIns, exact)}, ${sentText(spliceOuts, mates, exact ?? spliceIns[0])}`;
}

function insText(spliceIns: readonly JournalCall[], exact: JournalCall | undefined): string {
  const [first] = spliceIns;
  const last = spliceIns.at(-1);
  if (exact !== undefined) return `exactly splice-in #${exact.ordinal} of ${exact.result} bytes`;
  if (first === undefined || last === undefined) return "no splice-in is on record";
  if (first === last) return `inside splice-in #${first.ordinal} (${first.result} bytes at ${first.streamOffsetBytes})`;
  return `splice-ins #${first.ordinal} to #${last.ordinal} (${spliceIns.length} calls from ${first.streamOffsetBytes})`;
}

/** Lost bytes are in no call: they are missing between two calls, or inside one. */
function lostText(finding: Finding, { spliceIns }: CallAnswer): string {
  for (const [index, call] of spliceIns.entries()) {
    const next = spliceIns[index + 1];
    const end = call.streamOffsetBytes + call.result;
    const isHere = end <= finding.offsetBytes && finding.offsetBytes - end <= SLIDE_BYTES_MAX;
    if (!isHere || next === undefined || next.streamOffsetBytes !== end) continue;
    return (
      `missing between splice-in #${call.ordinal}, which asked for ${call.requestedBytes} and returned ${call.result}, ` +
      `and splice-in #${next.ordinal}`
    );
  }
  const inside = spliceIns.find((call) => call.streamOffsetBytes + call.result > finding.offsetBytes) ?? spliceIns[0];
  if (inside === undefined) return "no splice-in is on record";
  return `missing inside splice-in #${inside.ordinal} (${inside.result} bytes at ${inside.streamOffsetBytes})`;
}

function sentText(outs: readonly JournalCall[], mates: readonly JournalCall[], chunk: JournalCall | undefined): string {
  const out = outs[0];
  if (out === undefined) return "no splice-out is on record";
  const calls =
    outs.length === 1
      ? `splice-out #${out.ordinal} of ${out.result}`
      : `splice-outs #${out.ordinal} to #${outs.at(-1)?.ordinal}`;
  const others = mates.filter((call) => call.sequence !== chunk?.sequence);
  if (others.length === 0 || chunk === undefined) return `sent in ${calls}`;
  const named = others.slice(0, 3).map((call) => `#${call.ordinal} (${call.result})`);
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  return `sent together with ${named.join(", ")}${more} in ${calls}`;
}
