/**
 * Which calls carried the damaged bytes.
 *
 * Owns the questions that are put to the relay's journal, the answers, and the fields of a finding that they fill.
 * `report/carried.ts` makes words of them. Pure but for the journal it reads.
 */
import { type CallReference, type Finding, type Hop, SLIDE_BYTES_MAX } from "../../../judge/finding.ts";
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

/** A finding with its calls and its hop. */
export function attribute(finding: Finding, given: CallAnswer, options: { startNs: number; hop?: Hop }): Finding {
  const hop = options.hop === undefined ? {} : { hop: options.hop };
  const { spliceIns, spliceOuts, mates } = given;
  if (spliceIns.length + spliceOuts.length === 0) return { ...finding, callsOverwritten: true, ...hop };
  const exact = exactChunk(finding, given);
  const calls = [...spliceIns, ...spliceOuts].map((call) => reference(call, options.startNs, call === exact));
  const chunk = exact ?? spliceIns[0];
  const others = chunk === undefined ? [] : mates.filter((call) => call.sequence !== chunk.sequence);
  const sentWith = others.map(({ ordinal, result }) => ({ index: ordinal, result }));
  return { ...finding, calls, sentWith, ...hop };
}

function reference(call: JournalCall, startNs: number, isExact: boolean): CallReference {
  return {
    what: call.what,
    index: call.ordinal,
    atNs: Math.max(0, Math.round(call.atNs - startNs)),
    endNs: Math.max(0, Math.round(call.endNs - startNs)),
    requestedBytes: call.requestedBytes,
    result: call.result,
    streamOffsetBytes: call.streamOffsetBytes,
    ...(isExact ? { exact: true } : {}),
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
