/**
 * The vocabulary of the judge: what can be wrong with bytes that came back, and where.
 *
 * Owns the kinds and the shapes of findings and segments; they are part of the JSON contract (schema 1).
 * Refuses to know how bytes were written or read: findings are values, never exceptions.
 */

/** Each kind is a noun phrase with one rule of evidence (see `KIND_EVIDENCE`). */
export const FINDING_KINDS = [
  "duplicated",
  "lost",
  "zeroed",
  "bit-flipped",
  "stale",
  "torn",
  "foreign",
  "truncated",
  "extra",
] as const;

export type FindingKind = (typeof FINDING_KINDS)[number];

/** The one-sentence rule of evidence of every kind, as reports and `--help` print it. */
export const KIND_EVIDENCE: Readonly<Record<FindingKind, string>> = {
  duplicated: "bytes that stood before stand again here; afterwards the stream goes on where it was",
  lost: "the stream jumps forward; the missing bytes appear nowhere",
  zeroed: "zero bytes where the pattern has others",
  "bit-flipped": "one to three bits of a word differ, its neighbours are intact",
  stale: "a valid pattern of another generation, file or writer",
  torn: "one record reported whole lies in several pieces with another writer's bytes between",
  foreign: "bytes that match nothing that was written",
  truncated: "the file is shorter than the kernel reported and nothing above explains it",
  extra: "the file is longer than the kernel reported and nothing above explains it",
};

/**
 * One system call (or completion) whose bytes lie in a finding.
 * `what` names the call as strace would ("writev", "splice-in"), `index` its number in the journal.
 */
export interface CallReference {
  readonly what: string;
  readonly index: number;
  /** Nanoseconds since the start of the run at which the call was made. */
  readonly atNs: number;
  readonly requestedBytes: number;
  /** Bytes moved, or -errno. */
  readonly result: number;
  /** Where the call's bytes stand in the stream (not in the file). */
  readonly streamOffsetBytes?: number;
  readonly detail?: string;
}

/** A few bytes around the first bad one, for the hex dump; at most 64 bytes each, lower-case hex without spaces. */
export interface Sample {
  readonly offsetBytes: number;
  /** What should stand there if the stream went on undisturbed; shorter than `foundHex` past the end of the stream. */
  readonly expectedHex: string;
  readonly foundHex: string;
}

/** One piece of damage. Offsets are byte offsets in the file (or stream) that was read back. */
export interface Finding {
  readonly kind: FindingKind;
  readonly file?: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Where in the stream these bytes belong (`duplicated`, `lost`, `stale`), if known. */
  readonly originBytes?: number;
  /** True when `offsetBytes` is a multiple of 4096. */
  readonly pageAligned: boolean;
  readonly calls?: readonly CallReference[];
  /** One sentence as an engineer would say it. */
  readonly detail: string;
  readonly sample?: Sample;
}

/** A piece of the map of a file; segments cover the file from 0 to its end without gap or overlap. */
export interface Segment {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly kind: "intact" | FindingKind;
  readonly originBytes?: number;
}

/** What the judge says of one file or stream. */
export interface Judgement {
  /** Bytes that were compared with what they should be. */
  readonly verifiedBytes: number;
  readonly findings: readonly Finding[];
  /** Findings beyond the cap, counted but not listed. */
  readonly findingsLeftOut: number;
  readonly segments: readonly Segment[];
  /** Segments beyond the cap; the last listed segment then covers the rest of the file as its worst kind. */
  readonly segmentsLeftOut: number;
}
