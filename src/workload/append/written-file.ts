/**
 * A file that was written and closed, on its way to a verdict: what it should hold, and what a judgement of it means.
 *
 * Owns turning judgements into findings with the calls that wrote there and a second reading's result, and what the
 * ledger found. Touches the file only to read a damaged range again.
 */

import type { CallReference, Finding, Judgement } from "../../judge/finding.ts";
import { type Path, pathText } from "../../ops/file.ts";
import { Counter } from "../../pattern/counter.ts";
import type { BrokenLedger } from "../../report/document.ts";
import type { Journal, JournalCall } from "../journal.ts";
import { type FileExpectation, judgeFileOnce } from "../judge-file.ts";
import type { Reading } from "../readback.ts";
import { withSecondReading } from "../second-reading.ts";

/** What was written, and all that is needed to judge it: here, in a Worker, or by verify.ts later. Plain data. */
export interface WrittenFile {
  readonly path: Path;
  readonly generation: number;
  readonly sizeBytes: number;
  /** The sum of what the calls reported. */
  readonly reportedBytes: number;
  /** False when the kernel refused a call: nothing is promised of the bytes after those reported. */
  readonly whole: boolean;
  /** Journal sequence of the file's first call. */
  readonly firstCall: number;
  readonly calls: number;
  /** Index (from the file's first call) of the first call after which the size was not the sum of results. */
  readonly breachCall: number | undefined;
}

/** What the file should hold. */
export function expectationOf({ generation, whole, sizeBytes, reportedBytes }: WrittenFile): FileExpectation {
  const pattern = new Counter({ generation });
  if (whole) return { pattern, expectBytes: reportedBytes };
  const expectBytes = Math.min(sizeBytes, reportedBytes);
  return { pattern, expectBytes, readBytesMax: expectBytes };
}

/** The judge's findings, each with the calls whose bytes lie there and what a second reading gives. */
export function findingsOf(file: WrittenFile, judgement: Judgement, journal: Journal): Finding[] {
  const { firstCall, calls: count } = file;
  const ofFile = { fromIndex: firstCall, toIndex: firstCall + count };
  const expected = expectationOf(file);
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
    endNs: call.endNs,
    requestedBytes: call.requestedBytes,
    result: call.result,
    streamOffsetBytes: call.streamOffsetBytes,
    ...(grew === Math.max(0, call.result) ? {} : { grewBytes: grew }),
  };
}

/** Calls that a report shows of one file. */
const TIMELINE_MAX = 60;

/** The calls that wrote a file, in order. */
export function callsOf({ firstCall, calls }: WrittenFile, journal: Journal): CallReference[] {
  const shown = journal.find(() => true, firstCall, firstCall + Math.min(calls, TIMELINE_MAX));
  return shown.map((call) => callReference(call, firstCall));
}

/** What the ledger found of a file: the first call after which it was not as long as the sum of the results. */
export function brokenLedger(file: WrittenFile, journal: Journal): BrokenLedger | undefined {
  const { path, sizeBytes, reportedBytes, firstCall, breachCall: index } = file;
  const call = index === undefined ? undefined : journal.get(firstCall + index);
  if (call === undefined) return undefined;
  return { file: pathText(path), reportedBytes, sizeBytes, call: callReference(call, firstCall) };
}
