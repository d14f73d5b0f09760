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
  /** The smallest number that the option takes; undefined for options that are not numbers. */
  readonly min: number | undefined;
  /** Values that do less than any other one, the least first: "none", or one of what "all" means. */
  readonly less?: readonly unknown[];
  /** A smaller value probably takes away what the finding needs: tried after the others, and alone. */
  readonly doubtful?: boolean;
}

export type Options = Readonly<Record<string, unknown>>;

export interface Shrunk {
  readonly options: Options;
  /** Candidates that were run, and those among them that were kept as smaller. */
  readonly tried: number;
  readonly kept: number;
}

/** Smaller neighbours of some options, the boldest first: an option left out, a number at its minimum, a number halved. */
export function smaller(options: Options, dimensions: readonly Dimension[]): Options[] {
  const doubtfulLast = dimensions.toSorted((a, b) => Number(a.doubtful ?? false) - Number(b.doubtful ?? false));
  return doubtfulLast.flatMap((dimension) => values(options, dimension).map((value) => at(options, dimension, value)));
}

/** Everything that is not doubtful as small as it goes, at once; undefined when nothing is smaller. */
function smallest(options: Options, dimensions: readonly Dimension[]): Options | undefined {
  let least = options;
  for (const dimension of dimensions.filter(({ doubtful }) => doubtful !== true)) {
    const [value] = values(least, dimension);
    if (value !== undefined) least = at(least, dimension, value);
  }
  return least === options ? undefined : least;
}

function at(options: Options, { name }: Dimension, value: unknown): Options {
  return { ...options, [name]: value };
}

/** The smaller values of one option. */
function values(options: Options, { name, fallback, min, less = [] }: Dimension): unknown[] {
  const value = options[name] ?? fallback;
  if (min === undefined) {
    if (less.includes(value)) return [];
    return [...(value === fallback || less.length > 0 ? [] : [fallback]), ...less];
  }
  if (value === undefined) return [min];
  if (typeof value !== "number" || value <= min) return [];
  return [...new Set([min, Math.max(min, Math.floor(value / 2))])];
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
  const first = smallest(start, dimensions);
  let candidates = [...(first === undefined ? [] : [first]), ...smaller(start, dimensions)];
  for (let candidate = candidates.shift(); candidate !== undefined && !enough(); candidate = candidates.shift()) {
    const key = JSON.stringify(candidate);
    if (refused.has(key)) continue;
    tried += 1;
    if (await holds(candidate)) {
      options = candidate;
      kept += 1;
      candidates = smaller(options, dimensions);
    } else refused.add(key);
  }
  return { options, tried, kept };
}
