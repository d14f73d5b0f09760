/**
 * The judge's notebook: findings and segments in file order, merged where they adjoin and capped.
 *
 * Owns the caps and what they leave out; refuses to decide what anything is.
 */
import type { FindingKind, Segment } from "../finding.ts";
import type { OpenSample } from "./sample.ts";

/** A finding while it is being written down; `facts` become its sentence in the end. */
export interface Note {
  readonly kind: FindingKind;
  offsetBytes: number;
  lengthBytes: number;
  originBytes?: number;
  sample?: OpenSample;
  readonly facts: Facts;
}

export interface Facts {
  /** How many bytes of stream the damage stands in for; undefined when that cannot be known. */
  replacesBytes?: number;
  /** Which other stream stale bytes are from. */
  label?: string;
  /** "bit 3 of byte 4097", one for each flipped bit. */
  bits?: readonly string[];
  /** Where bytes that are missing here stand instead. */
  lateAtBytes?: number;
  /** What an `extra` tail is made of. */
  content?: string;
  /** Where the last copy of duplicated bytes ended: true when the stream then went on where it was. */
  resumed?: boolean;
}

const SEVERITY: readonly Segment["kind"][] = [
  "intact",
  "extra",
  "truncated",
  "lost",
  "bit-flipped",
  "duplicated",
  "torn",
  "filled",
  "zeroed",
  "byte-swapped",
  "misplaced",
  "stale",
  "foreign",
];

/** A segment whose borders may still move. */
export type OpenSegment = { -readonly [K in keyof Segment]: Segment[K] };

export class Ledger {
  readonly notes: Note[] = [];
  notesLeftOut = 0;
  readonly segments: OpenSegment[] = [];
  segmentsLeftOut = 0;
  readonly #findingsMax: number;
  readonly #segmentsMax: number;

  constructor({ findingsMax, segmentsMax }: { findingsMax: number; segmentsMax: number }) {
    this.#findingsMax = findingsMax;
    this.#segmentsMax = segmentsMax;
  }

  get lastSegment(): OpenSegment | undefined {
    return this.segments.at(-1);
  }

  /** Takes the last segment back: its bytes belong to its neighbours. */
  dropLast(): void {
    this.segments.pop();
  }

  get full(): boolean {
    return this.notes.length >= this.#findingsMax;
  }

  /** The note may be changed until `finish`, whether it is listed or only counted. */
  note(note: Note): Note {
    if (this.full) this.notesLeftOut += 1;
    else this.notes.push(note);
    return note;
  }

  segment(kind: Segment["kind"], range: { from: number; to: number; originBytes?: number | undefined }): void {
    if (range.to <= range.from) return;
    const lengthBytes = range.to - range.from;
    const last = this.segments.at(-1);
    const origin = kind === "intact" && range.originBytes === range.from ? undefined : range.originBytes;
    if (last !== undefined && adjoins(last, kind, origin)) {
      last.lengthBytes += lengthBytes;
      return;
    }
    if (last !== undefined && this.segments.length >= this.#segmentsMax) {
      last.lengthBytes += lengthBytes;
      if (SEVERITY.indexOf(kind) > SEVERITY.indexOf(last.kind)) last.kind = kind;
      if (last.originBytes !== undefined) delete last.originBytes;
      this.segmentsLeftOut += 1;
      return;
    }
    this.segments.push({
      offsetBytes: range.from,
      lengthBytes,
      kind,
      ...(origin === undefined ? {} : { originBytes: origin }),
    });
  }
}

function adjoins(last: Segment, kind: Segment["kind"], origin: number | undefined): boolean {
  if (last.kind !== kind) return false;
  if (last.originBytes === undefined || origin === undefined) return last.originBytes === origin;
  return last.originBytes + last.lengthBytes === origin;
}
