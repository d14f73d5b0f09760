/**
 * What the writers of a log were acknowledged, and what their log turned out to be. Types only.
 */
import type { Finding } from "./finding.ts";

/** What was reported to one writer about the records it appended, numbered from 0. */
export interface WriterTally {
  readonly writer: number;
  readonly recordBytes: number;
  readonly records: number;
  /** Records whose result was not their whole length. */
  readonly partial: readonly { readonly sequence: number; readonly result: number }[];
}

/** What the writers of a log were acknowledged. */
export interface LogExpectation {
  readonly generation: number;
  readonly tallies: readonly WriterTally[];
  readonly file?: string;
}

export interface RecordPiece {
  readonly writer: number;
  readonly sequence: number;
  /** Where the piece begins in its record. */
  readonly recordOffsetBytes: number;
  /** Where it is in the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** What a log is, record by record. */
export interface LogJudgement {
  readonly verifiedBytes: number;
  readonly findings: readonly Finding[];
  /** Records reported whole, by writer, and how many of them were torn. */
  readonly whole: readonly { readonly writer: number; readonly records: number; readonly torn: number }[];
  readonly pieces: readonly RecordPiece[];
}
