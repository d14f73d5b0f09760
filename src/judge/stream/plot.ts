/**
 * The search for the shortest story: which runs are the main line, and which are bytes of another place.
 *
 * A plot is one choice: a chain of runs, each of which continues the stream behind the one before. What lies between
 * two runs of the chain costs one finding a piece, one more if the stream jumps forward over bytes that no piece of the
 * plot holds (`lost`), and one more if the file repeats more than the pieces explain (`duplicated`). Owns growing plots
 * part by part and keeping the few that can still become the shortest. The count here is exact but for blocks that fill a part
 * of a hole, or the gap that they lie in; `story.ts` counts what is left exactly.
 */
import { type Gap, gapBetween, missingIn, repeatsIn, runBehind, runsAtHome } from "./gap.ts";
import type { Part } from "./part.ts";
import { bytesOf, type Range, without } from "./ranges.ts";

/** Plots that are kept, and how many of them may end with the same run. */
const PLOTS_MAX = 32;
const HOPEFUL_MAX = 16;
/** The same where time counts more. */
const PLOTS_MAX_NARROW = 4;
const HOPEFUL_MAX_NARROW = 2;
const SAME_END_MAX = 3;
/** A plot that needs so many more findings than another is given up: one change of shift can cost no more. */
const MARGIN = 2;
const COPIES_MAX = 32;

export interface Plot {
  /** The last run of the chain, and its index among the parts; -1 is the anchor. */
  readonly last: Part;
  readonly index: number;
  readonly parent: Plot | undefined;
  readonly cost: number;
  readonly bytes: number;
  /** Stream bytes that the main line jumped over and no piece holds yet. */
  readonly holes: readonly (readonly Range[])[];
  /** Stream bytes that pieces hold, for holes that come later. */
  readonly copies: readonly Held[];
}

interface Held extends Range {
  /** Index of the part. */
  readonly index: number;
}

export function firstPlot(anchor: Part): Plot {
  return { last: anchor, index: -1, parent: undefined, cost: 0, bytes: 0, holes: [], copies: [] };
}

/** The indices of the chain's runs, in file order. */
export function chainOf(plot: Plot): number[] {
  const chain: number[] = [];
  for (let one: Plot | undefined = plot; one !== undefined && one.index >= 0; one = one.parent) chain.push(one.index);
  return chain.reverse();
}

/** All plots with the next part; `parts` are all parts so far, with it as the last. `narrow`: fewer of them are kept. */
export function grow(plots: readonly Plot[], parts: readonly Part[], narrow: boolean): Plot[] {
  const index = parts.length - 1;
  const part = parts[index] as Part;
  const grown: Plot[] = [];
  for (const plot of plots) {
    const joined = part.kind === "own" ? join(plot, part, parts) : undefined;
    if (joined !== undefined) grown.push(joined);
    // The same walk continuing, and a run that was reported already, are not a choice.
    if (joined !== undefined && (part.written === true || continues(plot, part))) continue;
    grown.push(skip(plot, part, index));
  }
  return prune(grown, narrow);
}

function continues({ last }: Plot, part: Part): boolean {
  return last.shift === part.shift && last.hi === part.lo;
}

function skip(plot: Plot, part: Part, index: number): Plot {
  const bytes = plot.bytes + part.to - part.from;
  const cost = plot.cost + 1 + part.inlays.length;
  if (part.kind !== "own") return { ...plot, cost, bytes };
  const range = { from: part.lo + part.shift, to: part.hi + part.shift };
  let refund = 0;
  const holes = plot.holes.flatMap((hole) => {
    const left = without(hole, range);
    if (left.length > 0) return [left];
    refund += 1;
    return [];
  });
  const copies = [...plot.copies.slice(1 - COPIES_MAX), { ...range, index }];
  return { ...plot, cost: cost - refund, bytes, holes, copies };
}

function join(plot: Plot, part: Part, parts: readonly Part[]): Plot | undefined {
  const between = parts.slice(plot.index + 1, -1);
  const gap = gapBetween(plot.last, part, between);
  if (gap === undefined) return undefined;
  const grown = gap.pieces.length < between.length ? withoutPieces(plot, between) : plot;
  const { cost, bytes, holes } = costOf(gap, grown);
  return {
    ...grown,
    last: runBehind(gap),
    index: parts.length - 1,
    parent: plot,
    cost: cost + part.inlays.length,
    bytes,
    holes,
  };
}

/** Takes back what pieces cost that turn out to be none. */
function withoutPieces(plot: Plot, pieces: readonly Part[]): Plot {
  let { cost, bytes } = plot;
  for (const { from, to, inlays } of pieces) {
    cost -= 1 + inlays.length;
    bytes -= to - from;
  }
  return { ...plot, cost, bytes, copies: plot.copies.filter(({ index }) => index <= plot.index) };
}

/** What the gap before a run adds to a plot, its pieces apart: they were counted when they came. */
export function costOf(gap: Gap, plot: Plot): { cost: number; bytes: number; holes: Plot["holes"] } {
  const repeats = repeatsIn(gap);
  const cost = plot.cost + Number(repeats > 0) + runsAtHome(gap);
  const bytes = plot.bytes + repeats;
  const { from, to } = missingIn(gap);
  if (gap.growth === 0 || to <= from) return { cost, bytes, holes: plot.holes };
  // Damage, and whole copies, are in place of the first missing bytes.
  let hole: readonly Range[] = without([{ from, to }], { from, to: from + replacedBytes(gap, to - from) });
  // Of a run of this very gap only the story shows whether it belongs elsewhere in it: counted as held, it would hide what is
  // left of the hole, and push out shorter plots.
  for (const copy of plot.copies) if (copy.index <= plot.index) hole = without(hole, copy);
  if (hole.length === 0) return { cost, bytes, holes: plot.holes };
  return { cost: cost + 1, bytes: bytes + bytesOf(hole), holes: [...plot.holes, hole] };
}

function replacedBytes({ pieces, growth }: Gap, missing: number): number {
  let replaced = 0;
  for (const { kind, from, to } of pieces) {
    const fits = kind !== "own" || (growth < 0 && replaced + to - from <= missing);
    if (fits) replaced += to - from;
  }
  return replaced;
}

/** Open holes may be filled by what comes: so much shorter may a plot still become. */
function hope(plot: Plot): number {
  return plot.cost - Math.min(plot.holes.length, MARGIN);
}

/** For each last run the plots that are the shortest, and a few that may become so; never so many that time grows. */
function prune(plots: Plot[], narrow: boolean): Plot[] {
  const best = plots.reduce((least, { cost }) => Math.min(least, cost), Infinity);
  const alive = plots.filter((plot) => hope(plot) <= best + MARGIN);
  const order = (a: Plot, b: Plot) => a.cost - b.cost || a.bytes - b.bytes || b.index - a.index;
  const kept = take(alive.sort(order), narrow ? PLOTS_MAX_NARROW : PLOTS_MAX);
  const rest = alive.filter((plot) => !kept.includes(plot) && plot.holes.length > 0);
  return [...kept, ...take(rest, narrow ? HOPEFUL_MAX_NARROW : HOPEFUL_MAX)];
}

function take(plots: readonly Plot[], most: number): Plot[] {
  const ends = new Map<number, number>();
  const kept: Plot[] = [];
  for (const plot of plots) {
    if (kept.length >= most) break;
    const same = ends.get(plot.index) ?? 0;
    if (same >= SAME_END_MAX) continue;
    ends.set(plot.index, same + 1);
    kept.push(plot);
  }
  return kept;
}
