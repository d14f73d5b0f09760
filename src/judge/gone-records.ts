/**
 * Judges a file that several writers filled through one shared position: which acknowledged records are gone, whole?
 *
 * Owns the strictest reading of what writers are promised: only a record without a single piece in the file counts,
 * because it is not promised that two copies do not interleave. Neighbours in one writer's stream are one finding. The
 * other way round, for readers: which records were handed out twice. Pure; for logs that fit in memory.
 */
import { readRecord } from "../pattern/record.ts";
import type { CallReference, Finding } from "./finding.ts";
import type { LogExpectation, WriterTally } from "./log-terms.ts";
import { atOnce, recordLogInTurns, TURN_RECORDS } from "./record-log.ts";

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

function* runsOf(
  tallies: readonly WriterTally[],
  isBad: (writer: number, sequence: number) => boolean,
): Generator<undefined, RecordRun[]> {
  const runs: RecordRun[] = [];
  let turn = 0;
  for (const tally of tallies) {
    let open: { -readonly [K in keyof RecordRun]: RecordRun[K] } | undefined;
    for (let sequence = 0; sequence < tally.records; sequence += 1) {
      turn += 1;
      if (turn % TURN_RECORDS === 0) yield;
      if (!isBad(tally.writer, sequence)) open = undefined;
      else if (open !== undefined) open.last = sequence;
      else {
        open = { tally, first: sequence, last: sequence };
        runs.push(open);
      }
    }
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
  return atOnce(recordsInTurns(log, options));
}

/** The same in turns of a tenth of a second or less, so that the caller may breathe between them. */
export function recordsInTurns(log: Uint8Array, options: AccountOptions): Generator<undefined, RecordsAccount> {
  return options.lookFor === "gone" ? goneRecords(log, options) : repeatedRecords(log, options);
}

function* goneRecords(log: Uint8Array, options: AccountOptions): Generator<undefined, RecordsAccount> {
  const { verifiedBytes, pieces } = yield* recordLogInTurns(log, options);
  const ends = new Map<string, number>();
  for (const [index, piece] of pieces.entries()) {
    if (index % TURN_RECORDS === TURN_RECORDS - 1) yield;
    ends.set(keyOf(piece.writer, piece.sequence), piece.offsetBytes + piece.lengthBytes);
  }
  const runs = yield* runsOf(options.tallies, (writer, sequence) => !ends.has(keyOf(writer, sequence)));
  const findings = runs.map((run) => {
    const before = keyOf(run.tally.writer, run.first - 1);
    return finding("lost", run, ends.get(before) ?? 0, options);
  });
  return account(options, verifiedBytes, runs, findings);
}

function* repeatedRecords(outputs: Uint8Array, options: AccountOptions): Generator<undefined, RecordsAccount> {
  const { verifiedBytes, findings: all } = yield* recordLogInTurns(outputs, options);
  const again = new Map<string, number>();
  for (const [index, { kind, offsetBytes, lengthBytes }] of all.entries()) {
    if (index % TURN_RECORDS === TURN_RECORDS - 1) yield;
    if (kind !== "duplicated") continue;
    for (let at = offsetBytes; at < offsetBytes + lengthBytes; ) {
      const record = readRecord(outputs, at);
      if (record === undefined || at + record.lengthBytes > offsetBytes + lengthBytes) break;
      again.set(keyOf(record.writer, record.sequence), at);
      at += record.lengthBytes;
    }
  }
  const runs = yield* runsOf(options.tallies, (writer, sequence) => again.has(keyOf(writer, sequence)));
  const findings = runs.map((run) => {
    const offsetBytes = again.get(keyOf(run.tally.writer, run.first)) ?? 0;
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

function keyOf(writer: number, sequence: number): string {
  return `${writer}.${sequence}`;
}
