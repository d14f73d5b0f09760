/**
 * Places in the stream that the file has no room for, and what the file holds instead of them.
 *
 * Owns which missing bytes the pieces of a gap take the place of, which were moved elsewhere, and which are lost. Refuses
 * to name findings; `story.ts` does.
 */
import { type Gap, isAtHome, missingIn } from "./gap.ts";
import type { Part } from "./part.ts";
import { bytesOf, overlaps, type Range, without } from "./ranges.ts";

export interface Copy extends Range {
  readonly gap: Gap;
  readonly index: number;
}
export interface Whole {
  /** All stream bytes that pieces hold, anywhere in the story. */
  readonly copies: readonly Copy[];
  /** All stream bytes that the main line does not hold where the file has no room for them. */
  readonly homes: readonly Home[];
  /** Where the run behind the gap ends. */
  readonly until: number;
}

/** Missing stream bytes, and the place in the file that they left. */
interface Home extends Range {
  readonly at: number;
  readonly gap: Gap;
}

export function pieceRange({ cuts }: Gap, index: number): Range {
  return { from: cuts[index] as number, to: cuts[index + 1] as number };
}

/** How many missing bytes each piece takes the place of, and what is lost then. */
export function takers(gap: Gap, { copies, homes }: Whole): { replaced: number[]; lost: Range[] } {
  const lengths = gap.pieces.map((_, index) => {
    const { from, to } = pieceRange(gap, index);
    return to - from;
  });
  if (gap.growth === 0) return { replaced: lengths, lost: [] };
  const missing = missingIn(gap);
  let left: readonly Range[] = missing.to > missing.from ? [missing] : [];
  // A run that continues a neighbour does not hold what is missing between them: it would be where it belongs.
  for (const copy of copies)
    if (copy.gap !== gap || !isAtHome(gap.pieces[copy.index] as Part, gap)) left = without(left, copy);
  const replaced = lengths.map(() => 0);
  const give = (wants: (piece: Part, index: number) => boolean) => {
    gap.pieces.forEach((piece, index) => {
      if (!wants(piece, index) || replaced[index] !== 0) return;
      const bytes = Math.min(lengths[index] as number, bytesOf(left));
      // A run is in place of as many bytes as it has, or of none.
      if (piece.kind === "own" && bytes < (lengths[index] as number)) return;
      replaced[index] = bytes;
      left = dropFirst(left, bytes);
    });
  };
  const isMoved = (piece: Part, index: number) => {
    const { from, to } = pieceRange(gap, index);
    return homeOf(homesOf(piece, gap, homes), { from: from + piece.shift, to: to + piece.shift }) !== undefined;
  };
  give((piece) => piece.kind !== "own");
  give((piece, index) => !isMoved(piece, index));
  return { replaced, lost: [...left] };
}

/** The places that a piece of a gap may have left: the gap's own only when it belongs elsewhere in it. */
export function homesOf(piece: Part, gap: Gap, homes: readonly Home[]): readonly Home[] {
  return isAtHome(piece, gap) ? homes.filter((home) => home.gap !== gap) : homes;
}

/** The place that bytes left: most of them are missing there. */
export function homeOf(homes: readonly Home[], bytes: Range): Home | undefined {
  let left: readonly Range[] = [bytes];
  for (const home of homes) left = without(left, home);
  if (bytesOf(left) * 2 > bytes.to - bytes.from) return undefined;
  return homes.find((home) => overlaps(home, bytes));
}

function dropFirst(ranges: readonly Range[], bytes: number): Range[] {
  let left = bytes;
  return ranges.flatMap((range) => {
    const taken = Math.min(left, range.to - range.from);
    left -= taken;
    return taken === range.to - range.from ? [] : [{ from: range.from + taken, to: range.to }];
  });
}
