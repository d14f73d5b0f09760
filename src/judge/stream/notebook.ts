/**
 * The judge's notebook: findings and segments in file order, merged where they adjoin and capped.
 *
 * Owns the caps and what they leave out, and counting damage that is neither listed nor drawn at the cost of a few
 * additions. Refuses to decide what anything is.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import type { FindingGroup, FindingKind, Segment, WrongBit } from "../finding.ts";
import { GOES_ON, joinEnd } from "./cycle.ts";
import { firstFlipped, lastFlipped } from "./flip.ts";
import { type Flips, Groups } from "./groups.ts";
import { Links } from "./links.ts";
import { type OpenSample, Samples } from "./sample.ts";
import type { Line } from "./story.ts";

/** A finding while it is being written down. */
export interface Note {
  kind: FindingKind;
  readonly offsetBytes: number;
  lengthBytes: number;
  originBytes?: number;
  alsoAtBytes?: number;
  replacesBytes?: number;
  readonly value?: number;
  readonly bits?: readonly WrongBit[];
  readonly wordBytes?: number;
  readonly label?: string;
  content?: string;
  sample?: OpenSample;
  /** Stream bytes that belong in its place. */
  readonly homeBytes: number;
  listed: boolean;
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

const MILDER_THAN_FLIPS = new Set(SEVERITY.slice(0, SEVERITY.indexOf("bit-flipped")));

type OpenSegment = { -readonly [K in keyof Segment]: Segment[K] };

export interface LedgerOptions {
  readonly pattern: Pattern;
  readonly startBytes: number;
  readonly endBytes: number;
  readonly findingsMax: number;
  readonly segmentsMax: number;
}

export class Ledger {
  readonly pattern: Pattern;
  readonly samples: Samples;
  #notes: Note[] = [];
  #leftOut = 0;
  readonly segments: OpenSegment[] = [];
  segmentsLeftOut = 0;
  readonly #groups = new Groups();
  readonly #links = new Links();
  readonly #findingsMax: number;
  readonly #segmentsMax: number;
  #extra: Note | undefined;
  /** The last of its kind: a long one with much damage in it comes in parts. */
  #stale: Note | undefined;

  constructor(options: LedgerOptions) {
    this.pattern = options.pattern;
    this.samples = new Samples(options);
    this.#findingsMax = options.findingsMax;
    this.#segmentsMax = options.segmentsMax;
  }

  get isEmpty(): boolean {
    return this.#notes.length === 0 && this.#leftOut === 0;
  }

  /** True when findings are counted and no longer listed. */
  get isCounting(): boolean {
    return this.#notes.length >= this.#findingsMax;
  }

  /** True when neither a finding nor a segment more is listed, and no dump is open. */
  get isFull(): boolean {
    return this.#notes.length >= this.#findingsMax && this.segments.length >= this.#segmentsMax && this.samples.isIdle;
  }

  /** The listed findings, and how many are not. */
  finish(): { notes: Note[]; leftOut: number; groups: FindingGroup[] } {
    const gone = this.#links.finish(this.#notes);
    const listed = this.#notes.filter((note) => note.lengthBytes > 0 && !gone.has(note));
    for (const { offsetBytes, lengthBytes } of this.#links.moved) {
      for (const segment of this.segments) {
        const isIn = segment.offsetBytes >= offsetBytes && segment.offsetBytes < offsetBytes + lengthBytes;
        if (isIn && segment.kind === "duplicated") segment.kind = "misplaced";
      }
    }
    const whole = this.#leftOut === 0 && this.segmentsLeftOut === 0;
    const { periodBytes } = this.pattern;
    const notes = periodBytes === undefined || !whole ? listed : joinEnd(listed, this.segments, periodBytes);
    return { notes, leftOut: this.#leftOut - this.#links.unlistedGone, groups: this.#groups.finish() };
  }

  add(line: Line): void {
    if (line.show !== "segment") this.#note(line);
    if (line.show === "finding") return;
    const { kind, from, to, origin } = line;
    this.#segment(kind, { from, to, originBytes: origin });
    if (this.#notes.length < this.#findingsMax || !this.samples.isIdle) this.samples.feed(line);
  }

  #note(line: Line): void {
    const { kind, from, to, part, shift } = line;
    if (kind === "extra" && this.#extra !== undefined && this.#extra.offsetBytes + this.#extra.lengthBytes === from) {
      this.#extra.lengthBytes += to - from;
      const content = contentOf(part.kind);
      if (this.#extra.content !== content) this.#extra.content = "several things";
      return;
    }
    const note = noteOf(line);
    if (this.#stale !== undefined && goesOn(this.#stale, note)) {
      this.#stale.lengthBytes += to - from;
      this.#stale.replacesBytes = (this.#stale.replacesBytes ?? 0) + (note.replacesBytes ?? 0);
      return;
    }
    if (kind === "extra") this.#extra = note;
    if (kind === "stale") this.#stale = note;
    if (this.#notes.length < this.#findingsMax) {
      note.sample = this.samples.begin(from, shift);
      note.listed = true;
      this.#notes.push(note);
    } else this.#leftOut += 1;
    this.#groups.add(note);
    this.#links.add(note, (later) => this.#noteLate(later));
  }

  /** What is left of a lost range that was found in part. */
  #noteLate(note: Note): void {
    note.listed = this.#notes.length < this.#findingsMax;
    if (note.listed) this.#notes.push(note);
    else this.#leftOut += 1;
  }

  /** Flips by themselves, each of a word, when the ledger is full; returns the offset behind the last. */
  countFlips(wordAt: number, flips: Flips): number {
    const { lo, hi, count, strideBytes } = flips;
    const from = wordAt + firstFlipped(lo, hi);
    const lengthBytes = lastFlipped(lo, hi) + 1 - firstFlipped(lo, hi);
    const to = from + (count - 1) * strideBytes + lengthBytes;
    this.#leftOut += count;
    const segment = this.segments[this.segments.length - 1] as OpenSegment;
    // The run before each, and the flip.
    this.segmentsLeftOut += 2 * count;
    segment.lengthBytes = to - segment.offsetBytes;
    if (MILDER_THAN_FLIPS.has(segment.kind)) segment.kind = "bit-flipped";
    if (segment.originBytes !== undefined) delete segment.originBytes;
    this.#groups.addFlips(from, lengthBytes, flips);
    return to;
  }

  #segment(kind: Segment["kind"], range: { from: number; to: number; originBytes?: number | undefined }): void {
    if (range.to <= range.from) return;
    const lengthBytes = range.to - range.from;
    const last = this.segments.at(-1);
    const origin = kind === "intact" && range.originBytes === range.from ? undefined : range.originBytes;
    if (last !== undefined && adjoins(last, kind, origin)) {
      last.lengthBytes = Math.max(last.lengthBytes, range.to - last.offsetBytes);
      return;
    }
    if (last !== undefined && this.segments.length >= this.#segmentsMax) {
      // A flip that was only counted may have taken the first bytes of this range already.
      last.lengthBytes = Math.max(last.lengthBytes, range.to - last.offsetBytes);
      if (SEVERITY.indexOf(kind) > SEVERITY.indexOf(last.kind)) last.kind = kind;
      if (last.originBytes !== undefined) delete last.originBytes;
      this.segmentsLeftOut += 1;
      return;
    }
    const known = origin === undefined ? {} : { originBytes: origin };
    this.segments.push({ offsetBytes: range.from, lengthBytes, kind, ...known });
  }
}

function adjoins(last: Segment, kind: Segment["kind"], origin: number | undefined): boolean {
  if (last.kind !== kind) return false;
  if (last.originBytes === undefined || origin === undefined) return last.originBytes === origin;
  return last.originBytes + last.lengthBytes === origin;
}

function goesOn({ offsetBytes, lengthBytes, originBytes = 0, label }: Note, next: Note): boolean {
  if (next.kind !== "stale" || next.label !== label || next.offsetBytes !== offsetBytes + lengthBytes) return false;
  return next.originBytes === originBytes + lengthBytes;
}

function contentOf(kind: Line["part"]["kind"]): string {
  if (kind === "beyond") return GOES_ON;
  return kind === "zeroed" ? "zeros" : kind === "filled" ? "one value" : "foreign bytes";
}

/** One by one, for there may be millions: spreading makes an object for each field. */
function noteOf({ kind, from, to, part, origin, replaces, shift, missing, leftAt }: Line): Note {
  const lengthBytes = missing ?? to - from;
  const note: { -readonly [K in keyof Note]: Note[K] } = {
    kind: kind as FindingKind,
    offsetBytes: from,
    lengthBytes,
    homeBytes: from + shift,
    listed: false,
  };
  if (origin !== undefined) note.originBytes = origin;
  if (kind === "bit-flipped") note.bits = part.bits as readonly WrongBit[];
  else if (replaces !== undefined) note.replacesBytes = replaces;
  if (leftAt !== undefined) note.alsoAtBytes = leftAt;
  if (kind === "filled") note.value = part.value as number;
  if (part.wordBytes !== undefined) note.wordBytes = part.wordBytes;
  if (kind === "stale" && part.label !== undefined) note.label = part.label;
  if (kind === "extra") note.content = contentOf(part.kind);
  return note;
}
