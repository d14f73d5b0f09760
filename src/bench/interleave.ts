/**
 * Two or more programs measured fairly on a machine that others use: in turns, in changing order, medians compared.
 *
 * Owns the order of the turns. Knows nothing of what is measured, and claims nothing: noise.ts does.
 */

export interface Contender {
  readonly name: string;
  /** One turn: the measured figures by name ("files per second"), more is better. */
  readonly run: (round: number) => Promise<Readonly<Record<string, number>>> | Readonly<Record<string, number>>;
  /** Takes part in the first so many rounds only: a slow one about which nothing is claimed. */
  readonly roundsMax?: number;
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

/** Runs every contender once per round, those with a limit of their own up to it. */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Measured[]> {
  const figures = contenders.map(() => ({}) as Record<string, number[]>);
  for (let round = 0; round < rounds; round++) {
    for (const index of orderOf(round, contenders.length)) {
      const { roundsMax = Infinity, run } = contenders[index] as Contender;
      if (round >= roundsMax) continue;
      const found = await run(round);
      const mine = figures[index] as Record<string, number[]>;
      for (const [name, value] of Object.entries(found)) {
        mine[name] ??= [];
        mine[name].push(value);
      }
    }
  }
  return contenders.map(({ name }, index) => ({ name, figures: figures[index] as Record<string, number[]> }));
}

/** Median of ours over median of theirs, for tables that claim nothing; noise.ts knows what may be claimed. */
export function ratioOfMedians(ours: Measured, theirs: Measured, figure: string): number {
  return median(ours.figures[figure] ?? []) / median(theirs.figures[figure] ?? []);
}
