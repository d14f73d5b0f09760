/**
 * What lies between two runs of the main line, and where exactly it is cut.
 *
 * `growth` is the change of shift from one run to the next: bytes that the stream jumps forward (positive) or that the
 * file holds too many (negative). It is the same wherever the cuts are made, so it shows at once what kind of gap this
 * is; the cuts then slide within what fits both sides. Owns this arithmetic. Refuses to name anything.
 */
import { chooseCut } from "./boundary.ts";
import { isRaw, type Part } from "./part.ts";

/** How far damage may reach into bytes that its neighbours explain, so that it is as long as an insertion must be. */
const GIVE_BYTES = 8;

export interface Gap {
  readonly before: Part;
  readonly after: Part;
  /** What is between them, in file order. */
  readonly pieces: readonly Part[];
  readonly growth: number;
  /** Cuts: from the end of `before` over each piece to the beginning of `after`. */
  readonly cuts: number[];
}

/** How many of the first bytes of the second run repeat what is on the main line already. */
export function repeatsIn({ growth, cuts, after }: Pick<Gap, "growth" | "cuts" | "after">): number {
  // The end of the file repeats nothing.
  if (after.hi === after.lo) return 0;
  return Math.max(0, -growth - ((cuts.at(-1) as number) - (cuts[0] as number)));
}

/** The range that a cut may be in; `otherwise` where no aligned cut is. */
export interface Slack {
  readonly low: number;
  readonly high: number;
  readonly otherwise: number;
}

/** Cut `index` of a gap: between what is left and what is right of it. */
export function slackOf({ before, after, pieces }: Pick<Gap, "before" | "after" | "pieces">, index: number): Slack {
  const left = index === 0 ? before : (pieces[index - 1] as Part);
  const right = index === pieces.length ? after : (pieces[index] as Part);
  const high = Math.max(left.hi, right.lo);
  const low = Math.min(right.lo, high);
  return { low: Math.max(low, left.clear), high, otherwise: isRaw(left) ? left.to : high };
}

/** The gap between two runs with so many repeated bytes as there must be; undefined when the second adds nothing. */
export function gapBetween(before: Part, after: Part, between: readonly Part[]): Gap | undefined {
  const growth = after.shift - before.shift;
  const pieces = isSeam(before, after, between) ? [] : between;
  const parts = { before, after, pieces };
  const cuts = growth < 0 && pieces.length > 0 ? (cutsOfInsertion(parts, -growth) ?? cutsOf(parts)) : cutsOf(parts);
  const last = cuts.at(-1) as number;
  if (last + repeatsIn({ growth, cuts, after }) >= after.hi && after.hi > after.lo) return undefined;
  return { ...parts, growth, cuts };
}

/**
 * The two runs explain every byte between them: a run in there is chance. (Half of line 95 and half of line 159 may be
 * line 59.)
 */
function isSeam(before: Part, after: Part, between: readonly Part[]): boolean {
  return after.hi > after.lo && after.lo <= before.hi && between.every(({ kind }) => kind === "own");
}

/** The run behind a gap: only its bytes that are new can end it. */
export function runBehind(gap: Gap): Part {
  const { after, cuts } = gap;
  const from = (cuts.at(-1) as number) + repeatsIn(gap);
  return from <= after.clear ? after : { ...after, clear: from };
}

function cutsOf(parts: Pick<Gap, "before" | "after" | "pieces">): number[] {
  const cuts: number[] = [];
  for (let index = 0; index <= parts.pieces.length; index += 1) {
    const { low, high, otherwise } = slackOf(parts, index);
    const least = index === 0 ? low : Math.max(low, (cuts[index - 1] as number) + 1);
    cuts.push(least > high ? least : chooseCut({ low: least, high, otherwise: Math.max(least, otherwise) }));
  }
  return cuts;
}

/** Cuts as far apart as the file is longer, if the slack allows it: then nothing of the stream is replaced. */
function cutsOfInsertion(parts: Pick<Gap, "before" | "after" | "pieces">, length: number): number[] | undefined {
  const { before, after, pieces } = parts;
  const first = slackOf(parts, 0);
  const last = slackOf(parts, pieces.length);
  for (const give of [0, GIVE_BYTES]) {
    const giveLow = isRaw(pieces[0] as Part) ? give : 0;
    const giveHigh = isRaw(pieces.at(-1) as Part) ? give : 0;
    const low = Math.max(first.low - giveLow, before.clear, last.low - length);
    const high = Math.min(first.high, Math.min(last.high + giveHigh, after.hi - 1) - length);
    if (low > high) continue;
    const alone = chooseCut({ low: first.low, high: first.high, otherwise: first.high });
    const from = chooseCut({ low, high, otherwise: Math.max(low, Math.min(high, alone)) });
    const inner = cutsOf(parts).slice(1, -1);
    const cuts = [from, ...inner, from + length];
    if (cuts.every((cut, index) => index === 0 || cut > (cuts[index - 1] as number))) return cuts;
  }
  return undefined;
}

/** Stream bytes between the two runs: those that neither holds. */
export function missingIn({ before, after, cuts }: Gap): { from: number; to: number } {
  return { from: (cuts[0] as number) + before.shift, to: (cuts.at(-1) as number) + after.shift };
}

/**
 * Runs between the two that continue the one before or lead to the one behind: they are where they belong, and what calls
 * them misplaced is not true as long as another main line leads through them.
 */
export function runsAtHome(gap: Gap): number {
  return gap.growth === 0 ? 0 : gap.pieces.filter((piece) => isAtHome(piece, gap)).length;
}

/** True of such a run; one that belongs between the two, but elsewhere, was moved. */
export function isAtHome({ kind, shift, hi }: Part, { before, after, cuts }: Gap): boolean {
  const reached = (cuts[0] as number) + before.shift;
  return kind === "own" && (shift === before.shift || (shift === after.shift && hi + shift > reached));
}
