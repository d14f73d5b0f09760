/** How often something happened, with how sure one can be: Wilson's score interval for a proportion. Pure. */

/** Successes among attempts. */
export interface Proportion {
  readonly hits: number;
  readonly attempts: number;
}

interface Rate extends Proportion {
  readonly perThousand: number;
  /** 95 per cent confidence interval, per thousand. E. B. Wilson, J. Am. Stat. Assoc. 22 (1927). */
  readonly lowPerThousand: number;
  readonly highPerThousand: number;
}

/** The standard normal distribution's 97.5th percentile. */
const Z = 1.959964;

/** `hits` of `attempts`, which must be at least one for the interval to mean anything: none attempted is 0 to 1000. */
export function rateOf({ hits, attempts }: Proportion): Rate {
  if (!(hits >= 0 && attempts >= hits)) throw new RangeError(`${hits} of ${attempts} is not a proportion`);
  if (attempts === 0) return { hits, attempts, perThousand: 0, lowPerThousand: 0, highPerThousand: 1000 };
  const p = hits / attempts;
  const spread = 1 + Z ** 2 / attempts;
  const middle = (p + Z ** 2 / (2 * attempts)) / spread;
  const half = (Z / spread) * Math.sqrt((p * (1 - p)) / attempts + Z ** 2 / (4 * attempts ** 2));
  // At the ends the interval touches 0 and 1 exactly; the floating-point sum may miss them by a hair.
  const low = hits === 0 ? 0 : Math.max(0, middle - half);
  const high = hits === attempts ? 1 : Math.min(1, middle + half);
  return { hits, attempts, perThousand: 1000 * p, lowPerThousand: 1000 * low, highPerThousand: 1000 * high };
}

const figure = (value: number) => (value === 0 || value >= 100 ? value.toFixed(0) : value.toPrecision(2));

/** "54 of 79: 684 per thousand (575 to 776 with 95 % confidence)". */
export function rateText(seen: Proportion): string {
  const { hits, attempts, perThousand, lowPerThousand, highPerThousand } = rateOf(seen);
  const interval = `${figure(lowPerThousand)} to ${figure(highPerThousand)} with 95 % confidence`;
  return `${hits} of ${attempts}: ${figure(perThousand)} per thousand (${interval})`;
}
