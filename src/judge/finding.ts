/**
 * The vocabulary of the judge: what can be wrong with bytes that came back, and where.
 *
 * Owns the kinds and the shapes of findings and segments; they are part of the JSON contract (schema 2).
 * Refuses to know how bytes were written or read: findings are values, never exceptions.
 */

/** Each kind is a noun phrase with one rule of evidence (see `KIND_EVIDENCE`). */
export const FINDING_KINDS = [
  "duplicated",
  "lost",
  "misplaced",
  "zeroed",
  "filled",
  "bit-flipped",
  "byte-swapped",
  "stale",
  "torn",
  "foreign",
  "truncated",
  "extra",
] as const;

export type FindingKind = (typeof FINDING_KINDS)[number];

/** The one-sentence rule of evidence of every kind, as reports and `--help` print it. */
export const KIND_EVIDENCE: Readonly<Record<FindingKind, string>> = {
  duplicated: "bytes of the stream are inserted here a second time; what follows is shifted by that much",
  lost: "the stream jumps forward; the missing bytes appear nowhere",
  misplaced: "bytes of another place of the stream, in place of those that belong here or moved here",
  zeroed: "zero bytes where the pattern has others",
  filled: "one byte value repeated where the pattern has others",
  "bit-flipped": "one to three bits of a word differ, or the same bits of every word in a range",
  "byte-swapped": "the right words with their bytes in reversed order",
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
  /** When it returned, by the same clock; absent where only its beginning is known. */
  readonly endNs?: number;
  readonly requestedBytes: number;
  /** Bytes moved, or -errno. */
  readonly result: number;
  /** Where the call's bytes are in the stream (not in the file). */
  readonly streamOffsetBytes?: number;
  /** Its bytes are the damaged range, no more and no less. */
  readonly exact?: true;
  /** By how much the file grew, where that is not what the call returned. */
  readonly grewBytes?: number;
  readonly detail?: string;
}

/** A few bytes around the first bad one, for the hex dump; at most 64 bytes each, lower-case hex without spaces. */
export interface Sample {
  readonly offsetBytes: number;
  /** What should be there if the stream continued undisturbed; shorter than `foundHex` past the end of the stream. */
  readonly expectedHex: string;
  readonly foundHex: string;
}

/** One wrong bit. */
export interface WrongBit {
  /** The byte of the file that holds it; in a range, the first of them. */
  readonly offsetBytes: number;
  /** 0 is the least significant of its byte, 7 the most. */
  readonly bit: number;
  /** What it was found to be; a bit that is inverted all along a range has no one value. */
  readonly found?: 0 | 1;
}

const SECOND_READINGS = ["same", "different", "unavailable"] as const;
export type SecondReading = (typeof SECOND_READINGS)[number];

/** The edges of a loss may slide over bytes that are the same on both sides: so many of a stream of words. */
export const SLIDE_BYTES_MAX = 7;

/** Where between two looks at a stream it was damaged. */
export type Hop = "arrived damaged" | "damaged between pipe and client" | "damaged in the sink's read";

/** An acknowledged write whose bytes are not where they should be. */
export interface BrokenClaim {
  /** Whose: "the other writer's record". */
  readonly name: string;
  readonly offsetBytes: number;
  /** Whose bytes are there instead; missing where no writer's are. */
  readonly instead?: string;
  /** Where the file ends, when that is why they are not there. */
  readonly fileBytes?: number;
}

/** Records of a log that a finding is about: consecutive ones of one writer. */
export interface FoundRecords {
  readonly writer: number;
  /** Sequence number of the first. */
  readonly first: number;
  readonly count: number;
  readonly recordBytes: number;
  /** How many records the writer was acknowledged (`extra`). */
  readonly acknowledged?: number;
  /** Lengths of the pieces that the record is in, and of what is between them (`torn`). */
  readonly piecesBytes?: readonly number[];
  readonly betweenBytes?: number;
}

/** What the blocks of fio(1) show of a finding. */
export interface FioEvidence {
  /**
   * "other job": its block was not written by the job that is judged. "older write": by an earlier run of it. "other
   * block": the whole block belongs elsewhere. "no block": zeros or one value instead of it. "reversed block": all its
   * words. "shifted": data of other blocks, not where blocks begin. "piece": a part of a block whose place is right.
   * "part of a block", "part of a write": such a part that fio has written elsewhere, or at another time. "end": missing.
   */
  readonly what:
    | "other job"
    | "older write"
    | "other block"
    | "no block"
    | "reversed block"
    | "shifted"
    | "piece"
    | "part of a block"
    | "part of a write"
    | "end";
  /** Where in the file the block begins that it is a part of. */
  readonly blockAtBytes?: number;
  /** Which operation of the job wrote what is there, and when, from the job's start. */
  readonly operation?: number;
  readonly timeNs?: number;
  /** What the block holds is damaged, too. */
  readonly damaged?: true;
  /** The block's header is gone, and with it what its bytes should be: some of them may be right. */
  readonly headless?: true;
  /** Known by the block's checksum alone: some of the bytes may be right. */
  readonly bySum?: true;
  /** It is in the block's header; foreign bytes there may be right, for some of them cannot be known without it. */
  readonly inHeader?: true;
  /** How many operations later than what belongs here it was written; negative: earlier. */
  readonly operationsLater?: number;
}

/** One piece of damage. Offsets are byte offsets in the file (or stream) that was read back. */
export interface Finding {
  readonly kind: FindingKind;
  readonly file?: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Where in the stream these bytes belong (`duplicated`, `lost`, `misplaced`, `stale`), if known. */
  readonly originBytes?: number;
  /**
   * Offset in the file of the other half: where the bytes are that belong here, or (of bytes that were moved) the place
   * that they left.
   */
  readonly alsoAtBytes?: number;
  /**
   * How many bytes of the stream these bytes replace: `lengthBytes` when they are in its place, 0 when they are
   * inserted. Missing where nothing is replaced by definition (`duplicated`, `lost`, `truncated`, `extra`).
   */
  readonly replacesBytes?: number;
  /** The repeated byte (`filled`). */
  readonly value?: number;
  /** The wrong bits (`bit-flipped`); in a range, those of its first word: they repeat every `wordBytes`. */
  readonly bits?: readonly WrongBit[];
  /** Length of the words that are reversed (`byte-swapped`: 2, 4 or 8) or in which the same bits are wrong. */
  readonly wordBytes?: number;
  /** Which other stream (`stale`): "generation 3". */
  readonly label?: string;
  /** What it is made of (`extra`): "zeros", "foreign bytes", "the pattern goes on". */
  readonly content?: string;
  /** True when `offsetBytes` is a multiple of 4096. */
  readonly pageAligned: boolean;
  readonly calls?: readonly CallReference[];
  /**
   * What a second reading past the page cache gave, judged against the same pattern: the same finding, another picture
   * (page cache and device disagree), or none, where this file system does not offer that reading.
   */
  readonly secondReading?: SecondReading;
  /** The write that was acknowledged (`lost`, by `judgeClaims`). */
  readonly claim?: BrokenClaim;
  /** The records it is about, in a log. */
  readonly records?: FoundRecords;
  /** What it is, in a file of fio's blocks. */
  readonly fio?: FioEvidence;
  /** Where in a relay it happened. */
  readonly hop?: Hop;
  /** What a relay's peer sent in all, where the end of its stream shows the damage. */
  readonly sentBytes?: number;
  /** Known by a relay's own count of what went into its pipe and came out, not by the bytes. */
  readonly counted?: true;
  /** Calls whose bytes a relay sent together with these, in the same call. */
  readonly sentWith?: readonly Pick<CallReference, "index" | "result">[];
  /** The calls were recorded, and later ones took their place. */
  readonly callsOverwritten?: true;
  /** Why it happened, where the workload knows. */
  readonly cause?: string;
  /** What the fields do not carry. `report` makes the whole sentence of the fields, or ends this one with hop and cause. */
  readonly detail?: string;
  readonly sample?: Sample;
}

/** Findings that repeat, in one line. A hint: it decides nothing, and every finding is counted without it. */
export interface FindingGroup {
  readonly kind: FindingKind;
  readonly count: number;
  /** Of the first. */
  readonly offsetBytes: number;
  readonly lastOffsetBytes: number;
  /** The length that all have, or null. */
  readonly lengthBytes: number | null;
  /** The distance from each to the next, or null when it varies. */
  readonly strideBytes: number | null;
  /** The largest power of two up to 4096 that every offset is a multiple of. */
  readonly alignmentBytes: number;
  /** The wrong bits, counted from the first wrong byte of each (`bit-flipped`). */
  readonly bits?: readonly number[];
  /** Where the bytes belong, counted from where they are (`misplaced`, `stale`, `duplicated`). */
  readonly distanceBytes?: number;
  readonly value?: number;
  readonly wordBytes?: number;
}

/** A piece of the map of a file; segments cover the file from 0 to its end without gap or overlap. */
export interface Segment {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly kind: "intact" | FindingKind;
  readonly originBytes?: number;
}

/** What the judge reports about one file or stream. */
export interface Judgement {
  /** Bytes that were compared with what they should be. */
  readonly verifiedBytes: number;
  readonly findings: readonly Finding[];
  /** Findings beyond the cap, counted but not listed. */
  readonly findingsLeftOut: number;
  /** Findings that repeat, listed or left out; missing when none do. */
  readonly groups?: readonly FindingGroup[];
  readonly segments: readonly Segment[];
  /** Segments beyond the cap; the last listed segment then covers the rest of the file as its worst kind. */
  readonly segmentsLeftOut: number;
}
