/**
 * Judges a file that several writers filled through one shared position: which acknowledged records are gone, whole?
 *
 * Owns the strictest reading of what writers are promised: only a record without a single piece in the file counts,
 * because it is not promised that two copies do not interleave. Neighbours in one writer's stream are one finding. The
 * other way round, for readers: which records were handed out twice. Pure; for logs that fit in memory.
 */
import { readRecord } from "../pattern/record.ts";
import type { CallReference, Finding } from "./finding.ts";
import type { LogExpectation, RecordPiece, WriterTally } from "./log-terms.ts";
import { judgeRecordLog } from "./record-log.ts";

/** Whole records that are gone, or that came twice. */
export interface RecordsAccount {
  readonly verifiedBytes: number;
  /** Records that were acknowledged. */
  readonly records: number;
  /** Records that are gone, or that were handed out again. */
  readonly bad: number;
  readonly findings: readonly Finding[];
}

/** What was acknowledged, and what to look for. */
export interface AccountOptions extends LogExpectation {
  /** Records that are missing altogether, or that are there a second time. */
  readonly lookFor: "gone" | "repeated";
  /** Why it happened: every finding's `cause`. */
  readonly cause: string;
  readonly calls?: readonly CallReference[];
}

interface RecordRun {
  readonly tally: WriterTally;
  readonly first: number;
  readonly last: number;
}

function runsOf(tally: WriterTally, isBad: (sequence: number) => boolean): RecordRun[] {
  const runs: RecordRun[] = [];
  for (let first = 0; first < tally.records; first += 1) {
    if (!isBad(first)) continue;
    let last = first;
    while (last + 1 < tally.records && isBad(last + 1)) last += 1;
    runs.push({ tally, first, last });
    first = last;
  }
  return runs;
}

function finding(kind: "lost" | "duplicated", run: RecordRun, offsetBytes: number, options: AccountOptions): Finding {
  const { tally, first, last } = run;
  const { writer, recordBytes } = tally;
  return {
    kind,
    ...(options.file === undefined ? {} : { file: options.file }),
    offsetBytes,
    lengthBytes: (last - first + 1) * recordBytes,
    originBytes: first * recordBytes,
    pageAligned: offsetBytes % 4096 === 0,
    ...(options.calls === undefined ? {} : { calls: options.calls }),
    records: { writer, first, count: last - first + 1, recordBytes },
    cause: options.cause,
  };
}

/**
 * The records of a log that are gone, whole, or (of readers' outputs, one after the other) there a second time. A gone
 * one's `offsetBytes` is the end of the writer's record before it.
 */
export function accountRecords(log: Uint8Array, options: AccountOptions): RecordsAccount {
  return options.lookFor === "gone" ? goneRecords(log, options) : repeatedRecords(log, options);
}

function goneRecords(log: Uint8Array, options: AccountOptions): RecordsAccount {
  const { verifiedBytes, pieces } = judgeRecordLog(log, options);
  const ends = new Map<string, number>();
  for (const piece of pieces) ends.set(keyOf(piece), piece.offsetBytes + piece.lengthBytes);
  const runs = options.tallies.flatMap((tally) =>
    runsOf(tally, (sequence) => !ends.has(keyOf({ writer: tally.writer, sequence }))),
  );
  const findings = runs.map((run) => {
    const before = keyOf({ writer: run.tally.writer, sequence: run.first - 1 });
    return finding("lost", run, ends.get(before) ?? 0, options);
  });
  return account(options, verifiedBytes, runs, findings);
}

function repeatedRecords(outputs: Uint8Array, options: AccountOptions): RecordsAccount {
  const { verifiedBytes, findings: all } = judgeRecordLog(outputs, options);
  const again = new Map<string, number>();
  for (const { kind, offsetBytes, lengthBytes } of all) {
    if (kind !== "duplicated") continue;
    for (let at = offsetBytes; at < offsetBytes + lengthBytes; ) {
      const record = readRecord(outputs, at);
      if (record === undefined || at + record.lengthBytes > offsetBytes + lengthBytes) break;
      again.set(keyOf(record), at);
      at += record.lengthBytes;
    }
  }
  const runs = options.tallies.flatMap((tally) =>
    runsOf(tally, (sequence) => again.has(keyOf({ writer: tally.writer, sequence }))),
  );
  const findings = runs.map((run) => {
    const offsetBytes = again.get(keyOf({ writer: run.tally.writer, sequence: run.first })) ?? 0;
    return finding("duplicated", run, offsetBytes, options);
  });
  return account(options, verifiedBytes, runs, findings);
}

function account(
  options: AccountOptions,
  verifiedBytes: number,
  runs: RecordRun[],
  findings: Finding[],
): RecordsAccount {
  return {
    verifiedBytes,
    records: options.tallies.reduce((sum, { records }) => sum + records, 0),
    bad: runs.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    findings,
  };
}

function keyOf({ writer, sequence }: Pick<RecordPiece, "writer" | "sequence">): string {
  return `${writer}.${sequence}`;
}
