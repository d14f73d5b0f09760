/**
 * What a reproducer declares and what it gets: the types between scripts and the front desk.
 *
 * Owns the common flags and the shapes of needs, runs and outcomes. Runs nothing.
 */

import type { Environment, ReportSection, Totals, Trigger, Verdict } from "../report/document.ts";
import type { Finding, Segment } from "../verify/finding.ts";
import { type Random, SEED_MAX } from "../workload/random.ts";
import type { ArgumentSpecs, Arguments } from "./args.ts";
import type { ProgressState } from "./progress.ts";

/** The flags every reproducer understands. */
export const COMMON_OPTIONS = {
  json: { kind: "flag", description: "stdout is exactly one JSON object (schema 1)" },
  ktap: { kind: "flag", description: "stdout is KTAP version 1" },
  seed: {
    kind: "count",
    max: SEED_MAX,
    optional: true,
    description: "decides everything random; printed by every run",
  },
  quiet: { kind: "flag", description: "no progress and no narration on stderr" },
  requireTrigger: { kind: "flag", description: "a clean run that never entered the racy path is inconclusive (125)" },
  help: { kind: "flag", description: "this text" },
  version: { kind: "flag", description: "the version" },
} as const satisfies ArgumentSpecs;

export type Common = Arguments<typeof COMMON_OPTIONS>;

/** Something a script needs of the machine: an unmet need is reported by name and exits 125. */
export interface Need<Args> {
  readonly name: string;
  /** undefined when met, else why not and what to do. */
  readonly probe: (args: Args) => string | undefined;
}

/** What a run found; the front desk makes the report of it. */
export interface Outcome {
  readonly findings: readonly Finding[];
  readonly findingsLeftOut?: number;
  readonly segments?: readonly Segment[];
  readonly trigger?: Trigger;
  readonly totals: Partial<Totals> & { readonly bytesVerified: number };
  readonly artifacts?: readonly string[];
  readonly filesystem?: string;
  readonly mountOptions?: string;
  readonly environment?: Partial<Environment>;
  /** Options as resolved, where they differ from the arguments. */
  readonly workload?: Readonly<Record<string, unknown>>;
  readonly sections?: readonly ReportSection[];
  /** Needed for "skipped"; otherwise the findings and the bytes verified decide. */
  readonly verdict?: Verdict;
  readonly reason?: string;
}

/** What a script's `run` gets. */
export interface Run<Args> {
  readonly args: Args & Common;
  readonly seed: number;
  readonly elapsedSeconds: number;
  /** True once SIGINT or SIGTERM arrived: finish early and return what is known. */
  readonly stopped: boolean;
  random(label: string): Random;
  progress(state: ProgressState): void;
  narrate(line: string): void;
  /** Clean-up at the end of the run, last one first; also after errors and signals. */
  defer(undo: () => unknown): void;
  /** Lets timers and child processes have their turn; call it once per unit of work. */
  breathe(): Promise<void>;
}

export interface Reproducer<Positionals extends ArgumentSpecs, Options extends ArgumentSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly positionals?: Positionals;
  readonly options?: Options;
  readonly requires?: readonly Need<Arguments<Positionals & Options>>[];
  /** Bad combinations: one line saying what is wrong and what to do. */
  readonly check?: (args: Arguments<Positionals & Options>) => string | undefined;
  readonly run: (run: Run<Arguments<Positionals & Options>>) => Promise<Outcome> | Outcome;
}

/** A run that could not verify anything because the world changed under it: exit 125 with the message as the reason. */
export class Inconclusive extends Error {
  override readonly name = "Inconclusive";
}

export type AnyArgs = Record<string, unknown>;

export interface Specs {
  readonly positionals: ArgumentSpecs;
  readonly options: ArgumentSpecs;
}

export type AnyReproducer = Reproducer<ArgumentSpecs, ArgumentSpecs> & {
  readonly requires?: readonly Need<AnyArgs>[];
  readonly check?: (args: AnyArgs) => string | undefined;
  readonly run: (run: Run<AnyArgs>) => Promise<Outcome> | Outcome;
};
