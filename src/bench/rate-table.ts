/**
 * Rates of several contenders as lines: median, range, and the ratio to one of them.
 *
 * Owns the form. Claims nothing: noise.ts does.
 */
import { type Measured, median, ratioOfMedians } from "./interleave.ts";

/** The figure that is shown. */
export const RATE = "GB/s";

/** The contender called `against` is 1. */
export function table(title: string, measured: readonly Measured[], against: string): string[] {
  const base = measured.find(({ name }) => name === against) as Measured;
  const rows = measured.map((one) => {
    const figures = one.figures[RATE] as readonly number[];
    const range = `${Math.min(...figures).toFixed(1)}-${Math.max(...figures).toFixed(1)}`;
    const share = ratioOfMedians(one, base, RATE).toFixed(2);
    return `  ${one.name.padEnd(28)}${median(figures).toFixed(1).padStart(7)} GB/s ${range.padStart(12)}  ${share}`;
  });
  return [`${title} (median, range, ratio to ${against})`, ...rows, ""];
}
