/**
 * The smallest run that still shows a finding: delta debugging over the options of a reproducer.
 *
 * Owns the search, and nothing of how a run is made: `holds` runs one and returns whether it is still corrupt. Greedy
 * and finite: every step that is kept is smaller than the one before, so it ends; a race may need several tries.
 */

/** An option as the search sees it. */
export interface Dimension {
  readonly name: string;
  /** The value when it is not given. */
  readonly fallback: unknown;
  /** The smallest number that the option takes; undefined for options that are no number. */
  readonly min: number | undefined;
}

export type Options = Readonly<Record<string, unknown>>;

export interface Shrunk {
  readonly options: Options;
  /** Runs that were made, and those among them that were kept as smaller. */
  readonly tried: number;
  readonly kept: number;
}

/** Smaller neighbours of some options, the boldest first: an option left out, a number at its minimum, a number halved. */
export function smaller(options: Options, dimensions: readonly Dimension[]): Options[] {
  return dimensions.flatMap(({ name, fallback, min }) => {
    const value = options[name] ?? fallback;
    if (min === undefined) return value === fallback ? [] : [{ ...options, [name]: fallback }];
    if (value === undefined) return [{ ...options, [name]: min }];
    if (typeof value !== "number" || value <= min) return [];
    const half = Math.max(min, Math.floor(value / 2));
    return [...new Set([min, half])].map((number) => ({ ...options, [name]: number }));
  });
}

/** Searches until nothing smaller holds, or `enough` reports that there is no more time. */
export async function shrink(
  start: Options,
  dimensions: readonly Dimension[],
  { holds, enough }: { holds: (options: Options) => Promise<boolean>; enough: () => boolean },
): Promise<Shrunk> {
  let options = start;
  let tried = 0;
  let kept = 0;
  const refused = new Set<string>();
  for (let moved = true; moved && !enough(); ) {
    moved = false;
    for (const candidate of smaller(options, dimensions)) {
      const key = JSON.stringify(candidate);
      if (refused.has(key)) continue;
      if (enough()) break;
      tried += 1;
      if (await holds(candidate)) {
        options = candidate;
        kept += 1;
        moved = true;
        break;
      }
      refused.add(key);
    }
  }
  return { options, tried, kept };
}
