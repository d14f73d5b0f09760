/**
 * All that explains damage, behind one import: the judge loads it at the first byte that is wrong, because most streams
 * are right and two dozen modules cost a start of their own.
 *
 * Owns joining tracer, explainer and notebook. Decides nothing.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { Explainer } from "./explainer.ts";
import { Ledger } from "./notebook.ts";
import { Tracer } from "./tracer.ts";

export { isTorn } from "./torn.ts";

export interface MachineryOptions {
  readonly pattern: Pattern;
  readonly startBytes: number;
  readonly endBytes: number;
  readonly findingsMax: number;
  readonly segmentsMax: number;
}

export interface Machinery {
  readonly ledger: Ledger;
  readonly explainer: Explainer;
  readonly tracer: Tracer;
}

/** Ready for the byte at `intactTo`: everything from `startBytes` to there is right. */
export function machinery(options: MachineryOptions, intactTo: number): Machinery {
  const ledger = new Ledger(options);
  const explainer = new Explainer(ledger, options);
  return { ledger, explainer, tracer: new Tracer({ ...options, listener: explainer, intactTo }) };
}
