/**
 * A file that was written and closed, on its way to a verdict: what to ask the judge, and what its answer means.
 *
 * Owns turning judgements into findings with the calls that wrote there and a second reading's result, and the ledger's
 * sentences. Touches the file only to read a damaged range again.
 */

import type { CallReference, Finding, Judgement } from "../../judge/finding.ts";
import type { OwnFile } from "../../machine/own-file.ts";
import { type Path, pathText } from "../../ops/file.ts";
import type { Journal, JournalCall } from "../journal.ts";
import { judgeFileOnce } from "../judge-file.ts";
import type { Reading } from "../readback.ts";
import { withSecondReading } from "../second-reading.ts";
import { expectationOf, type JudgeOrder } from "./judging.ts";
import type { Written } from "./writer.ts";

export interface WrittenFile {
  readonly path: Path;
  /** The file as this run's own: removed when it is clean, kept when it is evidence. */
  readonly own: Pick<OwnFile, "remove" | "keep">;
  readonly generation: number;
  readonly written: Written;
  readonly sizeBytes: number;
}

/** After a refused call nobody promised a length: only what was reported is judged. */
export function orderOf({ path, generation, written, sizeBytes }: WrittenFile): JudgeOrder {
  const refused = written.refused !== undefined;
  const expectBytes = refused ? Math.min(sizeBytes, written.reportedBytes) : written.reportedBytes;
  return { path, generation, expectBytes, readBytesMax: refused ? expectBytes : Number.MAX_SAFE_INTEGER };
}

/** The judge's findings, each with the calls whose bytes lie there and what a second reading gives. */
export function findingsOf(file: WrittenFile, judgement: Judgement, journal: Journal): Finding[] {
  const { firstCall, calls: count } = file.written;
  const ofFile = { fromIndex: firstCall, toIndex: firstCall + count };
  const expected = expectationOf(orderOf(file));
  const again = (reading: Reading) => judgeFileOnce(file.path, expected, reading);
  return withSecondReading(file.path, judgement.findings, again).map((finding) => {
    // Missing bytes have a place in the file and no extent there.
    const missing = finding.kind === "lost" || finding.kind === "truncated";
    const range = { offsetBytes: finding.offsetBytes, lengthBytes: missing ? 0 : finding.lengthBytes };
    return { ...finding, calls: callsThatWrote(journal, range, ofFile) };
  });
}

/**
 * The calls of one file (journal sequences [fromIndex, toIndex)) during which it grew over any byte of a range: those
 * whose bytes are there. An empty range (a loss) names the calls that end or begin at its place.
 */
export function callsThatWrote(
  journal: Journal,
  range: { offsetBytes: number; lengthBytes: number },
  { fromIndex, toIndex }: { fromIndex: number; toIndex: number },
): CallReference[] {
  const end = range.offsetBytes + range.lengthBytes;
  const touches = ({ sizeBeforeBytes: before, sizeAfterBytes: after }: JournalCall) =>
    range.lengthBytes === 0 ? before <= end && after >= end : before < end && after > range.offsetBytes;
  return journal.find(touches, fromIndex, toIndex).map((call) => callReference(call, fromIndex));
}

/** A journal entry as a finding names it; its index counts from the first call of the file. */
function callReference(call: JournalCall, firstCall: number): CallReference {
  const grew = call.sizeAfterBytes - call.sizeBeforeBytes;
  return {
    what: call.what,
    index: call.sequence - firstCall,
    atNs: call.atNs,
    requestedBytes: call.requestedBytes,
    result: call.result,
    streamOffsetBytes: call.streamOffsetBytes,
    ...(grew === Math.max(0, call.result)
      ? {}
      : { detail: `the file grew by ${grew}, the call returned ${call.result}` }),
  };
}

/** Calls that a report shows of one file. */
const TIMELINE_MAX = 60;

/** The calls that wrote a file, in order. */
export function callsOf({ written }: WrittenFile, journal: Journal): CallReference[] {
  const { firstCall, calls } = written;
  const shown = journal.find(() => true, firstCall, firstCall + Math.min(calls, TIMELINE_MAX));
  return shown.map((call) => callReference(call, firstCall));
}

/** The ledger's sentences: the first call after which the file was not as long as the results say. */
export function breachLines({ path, written, sizeBytes }: WrittenFile, journal: Journal): string[] {
  const index = written.breachCall;
  const call = index === undefined ? undefined : journal.get(written.firstCall + index);
  if (index === undefined || call === undefined) return [];
  const { what, atNs, requestedBytes, result, detail = "" } = callReference(call, written.firstCall);
  const excess = sizeBytes - written.reportedBytes;
  return [
    `${pathText(path)}: the results sum up to ${written.reportedBytes}, the file is ${sizeBytes} bytes long (${excess} more)`,
    `first broken by call #${index} at ${(atNs / 1e9).toFixed(6)}s: ${what} of ${requestedBytes} = ${result}; ${detail}`,
  ];
}
