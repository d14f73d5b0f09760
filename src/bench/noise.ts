/**
 * Whether a difference was measured, or only noise: ratios of interleaved rounds, and what may be concluded from them.
 *
 * Owns the arithmetic. A ratio is the median over the rounds of ours over theirs in the same round, with an interval that
 * holds the true median with at least 90 % (order statistics, as in the sign test: no assumption about how the figures are
 * distributed). A claim is made only when the whole interval lies on one side; otherwise the answer is "too noisy to tell"
 * and the interval, not a number. Measures nothing.
 */
import { type Measured, median } from "./interleave.ts";

/** Probability with which the interval must hold the true median. */
const CONFIDENCE_MIN = 0.9;
/** An interval this narrow around 1 means that there is no difference worth a name. */
const SAME_SPREAD_MAX = 0.1;

export interface Comparison {
  /** Ours over theirs. */
  readonly ratio: number;
  /** 0 and Infinity when the rounds were too few for any interval. */
  readonly low: number;
  readonly high: number;
}

export type Answer = "reached" | "NOT reached" | "too noisy to tell";

/** Compares one figure of two contenders, round by round, in the rounds in which both took part. */
export function compare(ours: Measured, theirs: Measured, figure: string): Comparison {
  const mine = ours.figures[figure] ?? [];
  const others = theirs.figures[figure] ?? [];
  const both = mine.slice(0, others.length);
  return comparison(both.map((value, round) => value / (others[round] as number)));
}

/** The median of ratios, and the narrowest interval that is sure enough. */
export function comparison(ratios: readonly number[]): Comparison {
  const sorted = [...ratios].sort((a, b) => a - b);
  const count = sorted.length;
  // P(true median below the k-th or above the k-th from the end) = 2 * P(Binomial(n, 1/2) < k).
  let outside = 0;
  let term = 2 * 0.5 ** count;
  let rank = 0;
  while (rank < Math.floor(count / 2) && outside + term <= 1 - CONFIDENCE_MIN) {
    outside += term;
    rank += 1;
    term *= (count - rank + 1) / rank;
  }
  if (rank === 0) return { ratio: median(sorted), low: 0, high: Infinity };
  return { ratio: median(sorted), low: sorted[rank - 1] as number, high: sorted[count - rank] as number };
}

/** Whether a goal is reached: the whole interval is on one side. */
export function answerTo({ low, high }: Comparison, goal: { atLeast: number } | { atMost: number }): Answer {
  const [reached, missed] =
    "atLeast" in goal ? [low >= goal.atLeast, high < goal.atLeast] : [high <= goal.atMost, low > goal.atMost];
  return reached ? "reached" : missed ? "NOT reached" : "too noisy to tell";
}

/** "1.31 (1.22 to 1.40)", "no difference (0.98 to 1.03)", or "too noisy to tell (0.73 to 1.46)". */
export function comparisonText({ ratio, low, high }: Comparison, digits = 2): string {
  if (high === Infinity) return "too few turns to tell";
  const interval = `(${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  if (low > 1 || high < 1) return `${ratio.toFixed(digits)} ${interval}`;
  return high - low <= SAME_SPREAD_MAX ? `no difference ${interval}` : `too noisy to tell ${interval}`;
}

/** A line for a goal: "goal >= 1.2: reached". */
export function goalText(found: Comparison, goal: { atLeast: number } | { atMost: number }): string {
  const wanted = "atLeast" in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
  return `goal ${wanted}: ${answerTo(found, goal)}`;
}

/** A benchmark's exit code: 0 when every goal was reached; else 125, for 1 means corruption. */
export function exitOf(answers: readonly Answer[]): number {
  return answers.every((answer) => answer === "reached") ? 0 : 125;
}
