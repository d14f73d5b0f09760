/** Ranges of offsets as sorted lists without overlap. Owns taking one from another; pure. */

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What is left of the ranges without [from, to). */
export function without(ranges: readonly Range[], { from, to }: Range): readonly Range[] {
  if (to <= from || !ranges.some((one) => one.from < to && from < one.to)) return ranges;
  return ranges.flatMap((one) => {
    if (one.to <= from || one.from >= to) return [one];
    const left = { from: one.from, to: Math.min(one.to, from) };
    const right = { from: Math.max(one.from, to), to: one.to };
    return [left, right].filter((part) => part.to > part.from);
  });
}

export function overlaps(one: Range, other: Range): boolean {
  return one.from < other.to && other.from < one.to;
}

export function bytesOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}
