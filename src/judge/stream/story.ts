/**
 * A story: what happened, reported for one choice of the main line, with every byte of the file explained once.
 *
 * Between two runs of the main line the file holds G bytes where the stream has S. If they are as many, each piece is in
 * place of the bytes that belong there. Else damage takes the place of missing bytes as far as it goes; runs of the
 * stream's own bytes were moved here when they are missing where they belong, and repeated when they are not; missing
 * bytes that no run holds are `lost`. Owns these rules, and making both ends of a moved block fit. Refuses to choose the
 * main line.
 */
import { chooseCut } from "./boundary.ts";
import { type Gap, missingIn, repeatsIn, runsAtHome, slackOf } from "./gap.ts";
import type { Part } from "./part.ts";
import { type Copy, homeOf, homesOf, pieceRange, takers, type Whole } from "./places.ts";
import { overlaps, type Range } from "./ranges.ts";

/** One line of a story, in file order. A `lost` range has no bytes in the file. */
export interface Line {
  readonly kind:
    | "intact"
    | "lost"
    | "truncated"
    | "duplicated"
    | "misplaced"
    | "extra"
    | Exclude<Part["kind"], "own" | "beyond">;
  /** A run with damage in it is one finding and several segments. */
  readonly show: "both" | "finding" | "segment";
  readonly from: number;
  readonly to: number;
  /** Bytes of stream that it takes the place of. */
  readonly replaces?: number;
  /** Of stream bytes: where they belong. */
  readonly origin?: number;
  /** `lost`: how many bytes. */
  readonly missing?: number;
  /** `misplaced`: the place in the file that the bytes left. */
  readonly leftAt?: number;
  /** Shift of the main line before it: what should be here. */
  readonly shift: number;
  readonly part: Part;
}

export interface Story {
  readonly lines: readonly Line[];
  /** One more for each run that it calls misplaced where it belongs. */
  readonly findings: number;
  readonly bytes: number;
  /** Good bytes that are where they belong. */
  readonly inPlace: number;
  /** Higher is better aligned. */
  readonly alignment: number;
  /** Runs of the main line: where nothing else decides, the walk that continues is the story. */
  readonly runs: number;
}

/** Slivers between two cuts that should be one. */
const SLIVER_BYTES = 64;

/** Writes down the gaps, each with the run behind it; the last run up to `until`. */
export function storyOf(gaps: readonly Gap[], until: number): Story {
  for (const gap of gaps) fit(gap, gaps);
  const copies = gaps.flatMap(copiesIn);
  const open = gaps.filter(({ growth }) => growth !== 0);
  const homes = open.map((gap) => ({ ...missingIn(gap), at: gap.cuts.at(-1) as number, gap }));
  const lines = gaps.flatMap((gap, index) => linesOf(gap, { copies, homes, until: gaps[index + 1]?.cuts[0] ?? until }));
  const measured = measure(lines);
  const findings = gaps.reduce((sum, gap) => sum + runsAtHome(gap), measured.findings);
  return { lines, ...measured, findings, runs: gaps.length };
}

function measure(lines: readonly Line[]): Pick<Story, "findings" | "bytes" | "inPlace" | "alignment"> {
  let findings = 0;
  let inPlace = 0;
  let bytes = 0;
  let alignment = 0;
  let extra = -1;
  for (const { kind, show, from, to, origin, missing = 0 } of lines) {
    if (kind === "intact" && origin === from) inPlace += to - from;
    if (show === "segment") continue;
    if (kind !== "extra" || extra !== from) findings += 1;
    if (kind === "extra") extra = to;
    bytes += to - from + missing;
    alignment += from % 4096 === 0 ? 3 : from % 512 === 0 ? 2 : from % 8 === 0 ? 1 : 0;
  }
  return { findings, bytes, inPlace, alignment };
}

/** True when the first of two stories is the one to write down. */
export function isBetter(one: Story, other: Story): boolean {
  if (one.findings !== other.findings) return one.findings < other.findings;
  if (one.bytes !== other.bytes) return one.bytes < other.bytes;
  // Two blocks that changed places around a third did not move the third.
  if (Math.abs(one.inPlace - other.inPlace) > SLIVER_BYTES) return one.inPlace > other.inPlace;
  if (one.alignment !== other.alignment) return one.alignment > other.alignment;
  const offsets = (story: Story) => story.lines.flatMap(({ show, from }) => (show === "segment" ? [] : [from]));
  const others = offsets(other);
  const index = offsets(one).findIndex((from, i) => from !== others[i]);
  if (index >= 0) return (offsets(one)[index] as number) < (others[index] as number);
  return one.runs > other.runs;
}

/** The stream bytes that pieces of a gap hold. */
function copiesIn(gap: Gap): Copy[] {
  return gap.pieces.flatMap((piece, index) => {
    if (piece.kind !== "own") return [];
    const { from, to } = pieceRange(gap, index);
    return [{ from: from + piece.shift, to: to + piece.shift, gap, index }];
  });
}

/** Slides the cuts of a hole, or of a block that fills a side of it, until both agree. */
function fit(hole: Gap, gaps: readonly Gap[]): void {
  if (hole.growth <= 0) return;
  for (const side of ["from", "to"] as const) {
    const missing = missingIn(hole);
    const near = gaps.flatMap(copiesIn).find((copy) => {
      const distance = Math.abs(copy[side] - missing[side]);
      return overlaps(copy, missing) && distance > 0 && distance <= SLIVER_BYTES;
    });
    if (near === undefined) continue;
    if (!moveHole(hole, near[side] - missing[side])) moveCopy(near, missing[side] - near[side], side);
  }
}

/** Moves the one cut of a hole without pieces. */
function moveHole(hole: Gap, by: number): boolean {
  if (hole.pieces.length > 0) return false;
  const { low, high } = slackOf(hole, 0);
  const cut = (hole.cuts[0] as number) + by;
  if (cut < low || cut > high) return false;
  hole.cuts[0] = cut;
  return true;
}

/** Moves both cuts of a block, so that it stays as long as it is; else the one that is wanted. */
function moveCopy({ gap, index }: Copy, by: number, side: "from" | "to"): void {
  const ends = [index, index + 1];
  const wanted = side === "from" ? [index] : [index + 1];
  for (const cuts of [ends, ...(gap.growth === 0 || gap.pieces.length > 1 ? [wanted] : [])]) {
    const fits = cuts.every((cut) => {
      const { low, high } = slackOf(gap, cut);
      const at = (gap.cuts[cut] as number) + by;
      return at >= low && at <= high;
    });
    if (!fits) continue;
    for (const cut of cuts) gap.cuts[cut] = (gap.cuts[cut] as number) + by;
    return;
  }
}

function linesOf(gap: Gap, whole: Whole): Line[] {
  const { before, after, pieces, cuts } = gap;
  const repeats = repeatsIn(gap);
  const end = cuts.at(-1) as number;
  const shift = before.shift;
  const { replaced, lost } = takers(gap, whole);
  const lines = pieces.flatMap((piece, index) => {
    const homes = homesOf(piece, gap, whole.homes);
    return pieceLines(piece, { ...pieceRange(gap, index), shift, homes, replaces: replaced[index] as number });
  });
  const at = { show: "finding", from: end, to: end, shift, part: after } as const;
  for (const { from, to } of lost) lines.push({ ...at, kind: "lost", origin: from, missing: to - from });
  const kind = "duplicated";
  if (repeats > 0) lines.push(...covering({ kind, from: end, to: end + repeats, shift, part: after }));
  return [...lines, ...runLines(after, { from: end + repeats, to: whole.until })];
}

/** An intact run, with the damage in it. */
export function runLines(run: Part, range: Range, inlays: readonly Part[] = run.inlays): Line[] {
  const { shift } = run;
  const lines: Line[] = [];
  for (const { from, to, inlay } of spansOf(inlays, range)) {
    if (inlay !== undefined) lines.push(...pieceLines(inlay, { from, to, shift, replaces: to - from }));
    else lines.push({ kind: "intact", show: "segment", from, to, origin: from + shift, shift, part: run });
  }
  return lines;
}

/** One finding over a run of stream bytes; the damage in it is a finding of its own. */
function covering(line: Omit<Line, "show">): Line[] {
  const { part, from, to, shift } = line;
  const origin = from + part.shift;
  const parts = spansOf(part.inlays, { from, to }).flatMap((span): Line[] => {
    const { inlay, ...range } = span;
    if (inlay !== undefined) return pieceLines(inlay, { ...range, shift: part.shift, replaces: range.to - range.from });
    return [{ kind: line.kind, show: "segment", ...range, origin: range.from + part.shift, shift, part }];
  });
  return [{ ...line, show: "finding", origin }, ...parts];
}

/** Where damage inside a run ends. */
export function endOf({ to, hi }: Part): number {
  return chooseCut({ low: to, high: hi, otherwise: to });
}

/** A range of a run, cut where damage is in it. */
function spansOf(inlays: readonly Part[], { from, to }: Range): (Range & { readonly inlay?: Part })[] {
  const spans: (Range & { readonly inlay?: Part })[] = [];
  let at = from;
  for (const inlay of inlays) {
    const start = Math.max(at, chooseCut({ low: inlay.lo, high: inlay.from, otherwise: inlay.from }));
    const end = Math.min(to, endOf(inlay));
    if (end <= start) continue;
    if (start > at) spans.push({ from: at, to: start });
    spans.push({ from: start, to: end, inlay });
    at = end;
  }
  if (to > at) spans.push({ from: at, to });
  return spans;
}

interface PlacedPart extends Range {
  readonly shift: number;
  readonly replaces: number;
  readonly homes?: Whole["homes"];
}

function pieceLines(piece: Part, { from, to, shift, replaces, homes = [] }: PlacedPart): Line[] {
  const line = { from, to, shift, part: piece };
  if (piece.kind === "beyond") return [{ ...line, show: "both", kind: "extra" }];
  if (piece.kind === "stale") return covering({ ...line, kind: "stale", replaces });
  if (piece.kind !== "own") return [{ ...line, show: "both", kind: rawKind(piece, line), replaces }];
  const home = { from: from + piece.shift, to: to + piece.shift };
  const left = homeOf(homes, home);
  if (replaces === 0 && left === undefined) return covering({ ...line, kind: "duplicated" });
  return covering({ ...line, kind: "misplaced", replaces, ...(left === undefined ? {} : { leftAt: left.at }) });
}

/** A fill that must be longer than its bytes are alike, because the file is, holds other bytes too. */
function rawKind({ kind, lo, hi }: Part, { from, to }: Range): Line["kind"] {
  const isFill = kind === "zeroed" || kind === "filled";
  return isFill && (from < lo || to > hi) ? "foreign" : (kind as Line["kind"]);
}
