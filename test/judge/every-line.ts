/**
 * The second opinion on how short a story can be: a small, slow search that tries every main line through the true pieces
 * of a file, and counts the findings of each by the contract's table of kinds. Independent of the judge: it is given the
 * truth (`truth.ts`), and looks for no bytes.
 */
import type { Stretch } from "./truth.ts";

interface Piece {
  readonly at: number;
  readonly length: number;
  readonly origin: number | undefined;
}

type Place = Piece & { readonly origin: number };

interface Range {
  readonly from: number;
  readonly to: number;
}

/** What is left of the ranges without one. */
function minus(ranges: readonly Range[], cut: Range): Range[] {
  return ranges.flatMap(({ from, to }) =>
    [
      { from, to: Math.min(to, cut.from) },
      { from: Math.max(from, cut.to), to },
    ].filter((one) => one.to > one.from),
  );
}

/** Neighbours that continue each other are one piece. */
function piecesOf(stretches: readonly Stretch[]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { bytes, origin } of stretches) {
    const last = pieces.at(-1);
    if (last?.origin !== undefined && origin === last.origin + last.length)
      pieces[pieces.length - 1] = { ...last, length: last.length + bytes.length };
    else pieces.push({ at, length: bytes.length, origin });
    at += bytes.length;
  }
  return pieces;
}

/** Twice the lines for each run more. */
const RUNS_MAX = 11;

/** The fewest findings that explain the pieces as a stream of that length; Infinity for more runs than can be tried. */
export function fewestFindings(stretches: readonly Stretch[], lengthBytes: number): number {
  const pieces = piecesOf(stretches);
  const end = pieces.reduce((sum, { length }) => sum + length, 0);
  const runs = pieces.filter(({ origin }) => origin !== undefined);
  if (runs.length > RUNS_MAX) return Number.POSITIVE_INFINITY;
  let fewest = Number.POSITIVE_INFINITY;
  for (let choice = 0; choice < 2 ** runs.length; choice += 1) {
    const line = runs.filter((_, index) => (choice >> index) % 2 === 1);
    fewest = Math.min(fewest, findingsOf(line, { pieces, end, lengthBytes }));
  }
  return fewest;
}

/** The findings when exactly these runs are the main line; Infinity when they are none. */
function findingsOf(
  line: readonly Piece[],
  { pieces, end, lengthBytes }: { pieces: readonly Piece[]; end: number; lengthBytes: number },
): number {
  const off = pieces.filter((piece) => !line.includes(piece));
  let findings = off.length;
  const marks: Place[] = [
    { at: 0, length: 0, origin: 0 },
    ...(line as (Piece & { origin: number })[]),
    { at: end, length: 0, origin: lengthBytes },
  ];
  for (let i = 1; i < marks.length; i += 1) {
    const before = marks[i - 1] as Place;
    const after = marks[i] as Place;
    const between = { from: before.at + before.length, to: after.at };
    const missing = { from: before.origin + before.length, to: after.origin };
    const room = between.to - between.from;
    if (missing.to < missing.from) {
      // The second run repeats the end of the first; it must be longer than that.
      if (after.length > 0 && after.length <= missing.from - missing.to) return Number.POSITIVE_INFINITY;
      findings += after.length > 0 ? 1 : 0;
      continue;
    }
    if (missing.to - missing.from === room) continue;
    findings += lostIn(missing, { off, between }) + atHomeIn(between, { off, before, after });
  }
  return findings;
}

/** Runs off the line that continue the one before, or lead to the one behind, where they are: a story that moves them is not true. */
function atHomeIn(
  between: Range,
  { off, before, after }: { off: readonly Piece[]; before: Place; after: Place },
): number {
  const reached = before.origin + before.length;
  return off.filter(({ at, length, origin }) => {
    if (origin === undefined || at < between.from || at >= between.to) return false;
    const shift = origin - at;
    return shift === before.origin - before.at || (shift === after.origin - after.at && origin + length > reached);
  }).length;
}

/** 1 when bytes are missing that nothing holds and nothing is in place of: a run takes the place of its length or of none. */
function lostIn(missing: Range, { off, between }: { off: readonly Piece[]; between: Range }): number {
  let left: Range[] = [missing];
  let damaged = 0;
  let sums = new Set([0]);
  for (const { at, length, origin } of off) {
    const here = at >= between.from && at < between.to;
    if (origin === undefined) damaged += here ? length : 0;
    else if (here) sums = new Set([...sums].flatMap((sum) => [sum, sum + length]));
    else left = minus(left, { from: origin, to: origin + length });
  }
  const bytes = left.reduce((sum, { from, to }) => sum + to - from, 0);
  return [...sums].some((sum) => sum <= bytes && sum + damaged >= bytes) ? 0 : 1;
}
