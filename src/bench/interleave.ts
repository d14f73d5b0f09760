/**
 * Two or more programs measured fairly on a machine that others use: in turns, in changing order, medians compared.
 *
 * Owns the order of the turns and the arithmetic. Knows nothing of what is measured. A ratio is a ratio of medians;
 * the range of the ratios of single rounds shows how far to trust it.
 */

export interface Contender {
  readonly name: string;
  /** One turn: the measured figures by name ("files per second"), more is better. */
  readonly run: (round: number) => Promise<Readonly<Record<string, number>>> | Readonly<Record<string, number>>;
}

export interface Measured {
  readonly name: string;
  /** Every round's figure, in the order of the rounds, by figure name. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of no values");
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/**
 * Who runs in which turn of a round. Each round begins with another contender and every second one runs backwards:
 * what a turn leaves behind (warm caches, TCP metrics, a busy neighbour) falls on each side alike.
 */
export function orderOf(round: number, count: number): number[] {
  const order = Array.from({ length: count }, (_, turn) => (turn + (round >> 1)) % count);
  return round % 2 === 1 ? order.reverse() : order;
}

/** Runs every contender once per round. */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Measured[]> {
  const figures = contenders.map(() => ({}) as Record<string, number[]>);
  for (let round = 0; round < rounds; round++) {
    for (const index of orderOf(round, contenders.length)) {
      const found = await (contenders[index] as Contender).run(round);
      const mine = figures[index] as Record<string, number[]>;
      for (const [name, value] of Object.entries(found)) {
        mine[name] ??= [];
        mine[name].push(value);
      }
    }
  }
  return contenders.map(({ name }, index) => ({ name, figures: figures[index] as Record<string, number[]> }));
}

export interface Ratio {
  /** Median of ours over median of theirs. */
  readonly ofMedians: number;
  /** The lowest and highest ratio of one round. */
  readonly low: number;
  readonly high: number;
}

export function ratio(ours: Measured, theirs: Measured, figure: string): Ratio {
  const [mine, other] = [ours.figures[figure] ?? [], theirs.figures[figure] ?? []];
  const rounds = mine.map((value, round) => value / (other[round] as number));
  return { ofMedians: median(mine) / median(other), low: Math.min(...rounds), high: Math.max(...rounds) };
}
