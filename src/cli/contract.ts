/**
 * What a reproducer declares and what it gets: the types between scripts and the front desk.
 *
 * Owns the common flags and the shapes of needs and reproducers. Runs nothing.
 */

import type { EventName } from "../ops/tracefs.ts";
import type { Known, Totals } from "../report/document.ts";
import type { Outcome, RunContext } from "../workload/context.ts";
import { SEED_MAX } from "../workload/random.ts";
import type { ArgumentSpecs, Arguments } from "./args.ts";
import { EVIDENCE_OPTIONS } from "./asked.ts";
import type { SubCommand } from "./tool.ts";

/** The flags every reproducer understands. */
export const COMMON_OPTIONS = {
  json: { kind: "flag", description: "stdout is exactly one JSON object (schema 2)" },
  ktap: { kind: "flag", conflicts: ["json"], description: "stdout is KTAP version 1" },
  seed: {
    kind: "count",
    max: SEED_MAX,
    optional: true,
    description: "decides everything random; printed by every run",
  },
  replay: { kind: "path", optional: true, description: "repeat the run that a report of --json recorded" },
  quiet: { kind: "flag", description: "no progress and no narration on stderr" },
  verbose: { kind: "flag", conflicts: ["quiet"], description: "more narration, and the stack of whatever fails" },
  requireTrigger: { kind: "flag", description: "a clean run that never entered the racy path is inconclusive (125)" },
  ...EVIDENCE_OPTIONS,
} as const satisfies ArgumentSpecs;

export type Common = Arguments<typeof COMMON_OPTIONS>;

/** Something a script needs of the machine: an unmet need is reported by name and exits 125. */
export interface Need<Args> {
  readonly name: string;
  /** undefined when met, else why not and what to do. */
  readonly probe: (args: Args) => string | undefined;
  /** C functions that cannot answer EINVAL any more once the probe succeeded: then it is our failure. */
  readonly proves?: readonly string[];
}

/** What a script's `run` gets. */
export interface Run<Args> extends RunContext {
  readonly args: Args & Common;
}

/** A reproducer as it declares itself: arguments, needs, what is known, and its run. */
export interface Reproducer<Positionals extends ArgumentSpecs, Options extends ArgumentSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly positionals?: Positionals;
  readonly options?: Options;
  /** Roles of this reproducer, each a reproducer with arguments of its own. */
  readonly subCommands?: Readonly<Record<string, SubCommand>>;
  readonly requires?: readonly Need<Arguments<Positionals & Options>>[];
  /**
   * What a run changes for the whole system ("switches KSM on"), undefined when nothing: the survey runs it only
   * with --system-wide or in a guest of the lab. A person who names the script has asked for it.
   */
  readonly systemWide?: string | ((args: Arguments<Positionals & Options>) => string | undefined);
  /** Where the bug that this run looks for is known to be; reports quote it, no verdict depends on it. */
  readonly known?: Known | ((args: Arguments<Positionals & Options>) => Known | undefined);
  /** Kernel events that --explain watches, "system:name"; those of buffered writes and io_uring unless given. */
  readonly events?: readonly EventName[];
  /** The C program for --emit-c, c/evidence/NAME.c, where the recorded calls cannot make one: other processes, threads. */
  readonly program?: string;
  /** The outcome has a timeline of its own: a report needs no recording of the calls. */
  readonly ownTimeline?: boolean;
  /** Bad combinations: one line stating what is wrong and what to do. */
  readonly check?: (args: Arguments<Positionals & Options>) => string | undefined;
  /** How it is seen that the racy path was entered ("the thread was asleep in splice"); `run.tally.tried` counts it. */
  readonly racyPath?: string;
  /** Loads what `check` and `run` import by themselves; called when the words are good, while other modules load. */
  readonly prepare?: () => Promise<unknown>;
  /** True where the run calls `run.breathe` every few milliseconds and blocks in no call for long: it starts faster. */
  readonly breathes?: boolean;
  /** The run; what `run.tally` counted is in the report, and what is returned is added to it or, as totals, goes first. */
  readonly run: (run: Run<Arguments<Positionals & Options>>) => Returned | Promise<Returned>;
}

/** What a script adds to the tally; totals that it gives replace those of the tally. */
export type Additions = Omit<Partial<Outcome>, "totals"> & { readonly totals?: Partial<Totals> };

/** What a script's `run` returns: nothing where the tally has it all. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return is what is meant
export type Returned = Additions | undefined | void;

export type AnyArgs = Record<string, unknown>;

export type AnyReproducer = Omit<Reproducer<ArgumentSpecs, ArgumentSpecs>, "systemWide" | "known"> & {
  readonly systemWide?: string | ((args: AnyArgs) => string | undefined);
  readonly known?: Known | ((args: AnyArgs) => Known | undefined);
  readonly requires?: readonly Need<AnyArgs>[];
  readonly check?: (args: AnyArgs) => string | undefined;
  readonly run: (run: Run<AnyArgs>) => Returned | Promise<Returned>;
};
