/**
 * The front desk of every reproducer: arguments in, one report out, the exit code of the contract.
 *
 * Owns the order of a run: arguments, needs, self-test, workload, report, clean-up, exit. Scripts say what is theirs
 * and call `runReproducer` once. stdout carries the report only; everything else goes to stderr.
 */
import { writeSync } from "node:fs";
import { basename } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { AssertionError, SyscallError } from "../ops/errors.ts";
import { Interrupted, pendingSignal, watchSignals } from "../ops/signals.ts";
import {
  type Environment,
  EXIT,
  exitCodeOf,
  type ReportSection,
  type RunReport,
  SCHEMA,
  type Totals,
  type Trigger,
  type Verdict,
} from "../report/document.ts";
import { renderJson, renderKtap, renderText } from "../report/index.ts";
import type { Finding, Segment } from "../verify/finding.ts";
import { selfTest } from "../verify/self-test.ts";
import { Random, SEED_MAX } from "../workload/random.ts";
import {
  type ArgumentSpec,
  type ArgumentSpecs,
  type Arguments,
  parseArguments,
  pathBytes,
  UsageError,
} from "./args.ts";
import { environment } from "./environment.ts";
import { helpText } from "./help.ts";
import { Progress, type ProgressState } from "./progress.ts";
import { replayCommand } from "./replay.ts";

export const VERSION: string = packageJson.version;

const COMMON_OPTIONS = {
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

/** Runs a reproducer as the process's whole purpose; never returns. */
export async function runReproducer<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(reproducer: Reproducer<Positionals, Options>): Promise<never> {
  process.exit(await execute(reproducer as unknown as AnyReproducer));
}

type AnyArgs = Record<string, unknown>;

interface Specs {
  readonly positionals: ArgumentSpecs;
  readonly options: ArgumentSpecs;
}

type AnyReproducer = Reproducer<ArgumentSpecs, ArgumentSpecs> & {
  readonly requires?: readonly Need<AnyArgs>[];
  readonly check?: (args: AnyArgs) => string | undefined;
  readonly run: (run: Run<AnyArgs>) => Promise<Outcome> | Outcome;
};

/** Writes all of `text` to stdout; a closed pipe (`| head -1`) is the reader's choice, not our failure. */
function writeStdout(text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN" && code !== "EINTR") throw error;
    }
  }
}

function complain(name: string, message: string): void {
  try {
    writeSync(2, `${name}: ${message.replaceAll("\n", " ")}\n`);
  } catch {
    // stderr is closed; the exit code still tells.
  }
}

async function execute(tool: AnyReproducer): Promise<number> {
  const options = { ...(tool.options ?? {}), ...COMMON_OPTIONS } as ArgumentSpecs;
  const specs = { positionals: tool.positionals ?? {}, options };
  const argv = process.argv.slice(2);
  if (argv.includes("--help")) return writeAndExit(helpText(tool, specs));
  if (argv.includes("--version")) return writeAndExit(`${tool.name} ${VERSION}\n`);
  let args: AnyArgs & Common;
  try {
    args = parseArguments(argv, specs) as AnyArgs & Common;
    restorePathBytes(args, { ...specs.positionals, ...specs.options });
    const wrong = args.json && args.ktap ? "--json and --ktap cannot be given together" : tool.check?.(args);
    if (wrong !== undefined) throw new UsageError(wrong);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(tool.name, error.message);
    return EXIT.badArguments;
  }
  return new Execution(tool, specs, args).run();
}

function writeAndExit(text: string): number {
  writeStdout(text);
  return EXIT.clean;
}

function restorePathBytes(args: AnyArgs, specs: ArgumentSpecs): void {
  for (const [name, spec] of Object.entries(specs) as [string, ArgumentSpec][]) {
    const value = args[name];
    if (spec.kind === "path" && typeof value === "string") args[name] = pathBytes(value);
  }
}

class Execution {
  readonly #tool: AnyReproducer;
  readonly #specs: Specs;
  readonly #args: AnyArgs & Common;
  readonly #seed: number;
  readonly #startedMs = performance.now();
  readonly #progress: Progress;
  readonly #undo: (() => unknown)[] = [];
  #lastBreathMs = performance.now();

  constructor(tool: AnyReproducer, specs: Specs, args: AnyArgs & Common) {
    this.#tool = tool;
    this.#specs = specs;
    this.#args = args;
    this.#seed = args.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
    this.#progress = new Progress({ quiet: args.quiet, terminal: process.stderr.isTTY === true });
  }

  async run(): Promise<number> {
    const watching = watchSignals([2, 15, 1]);
    if (watching !== undefined) this.#progress.narrate(`signals end the run without clean-up: ${watching}`);
    let code: number;
    try {
      const outcome = await this.#outcome();
      this.#progress.clear();
      const report = this.#report(outcome);
      this.#print(report);
      code = exitCodeOf(report.verdict);
    } catch (error) {
      this.#progress.clear();
      code = this.#failed(error);
    }
    await this.#cleanUp();
    const signal = pendingSignal();
    return signal === 0 ? code : 128 + signal;
  }

  /** Needs, self-test, workload. An unmet need or a refusing kernel becomes an outcome that says why. */
  async #outcome(): Promise<Outcome> {
    for (const need of this.#tool.requires ?? []) {
      const missing = need.probe(this.#args);
      if (missing !== undefined) return nothing("skipped", `needs ${need.name}: ${missing}`);
    }
    const broken = selfTest();
    if (broken !== undefined)
      return nothing("inconclusive", `the judge failed its self-test, so it does not judge: ${broken}`);
    try {
      return await this.#tool.run(this.#handle());
    } catch (error) {
      if (error instanceof Inconclusive) return nothing("inconclusive", error.message);
      if (error instanceof SyscallError) return nothing("inconclusive", error.message);
      if (error instanceof Interrupted) return nothing("inconclusive", "interrupted before anything was verified");
      throw error;
    }
  }

  #handle(): Run<AnyArgs> {
    const execution = this;
    return {
      args: this.#args,
      seed: this.#seed,
      get elapsedSeconds() {
        return execution.#elapsedSeconds();
      },
      get stopped() {
        return pendingSignal() !== 0;
      },
      random: (label) => new Random(this.#seed, label),
      progress: (state) => this.#progress.update(state),
      narrate: (line) => this.#progress.narrate(line),
      defer: (undo) => void this.#undo.push(undo),
      breathe: () => this.#breathe(),
    };
  }

  #elapsedSeconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** A turn of the event loop at most every 20 ms: cheap enough for every loop. */
  async #breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#lastBreathMs < 20) return;
    this.#lastBreathMs = now;
    await new Promise((resolve) => setImmediate(resolve));
  }

  #report(outcome: Outcome): RunReport {
    const trigger = outcome.trigger ?? { reached: null, attempts: 0, how: "not observed" };
    const { verdict, reason } = this.#verdict(outcome, trigger);
    const extra: Partial<Environment> = {
      ...(outcome.filesystem === undefined ? {} : { filesystem: outcome.filesystem }),
      ...(outcome.mountOptions === undefined ? {} : { mountOptions: outcome.mountOptions }),
      ...outcome.environment,
    };
    return {
      schema: SCHEMA,
      tool: this.#tool.name,
      version: VERSION,
      verdict,
      ...(reason === undefined ? {} : { reason }),
      seed: this.#seed,
      replay: replayCommand(this.#scriptName(), this.#specs, this.#args, this.#seed),
      durationSeconds: Math.round(this.#elapsedSeconds() * 1000) / 1000,
      environment: environment(extra),
      workload: outcome.workload ?? workloadOf(this.#args),
      trigger,
      totals: { bytesWritten: 0, files: 0, calls: 0, ...outcome.totals },
      findings: outcome.findings,
      ...(outcome.findingsLeftOut === undefined ? {} : { findingsLeftOut: outcome.findingsLeftOut }),
      ...(outcome.segments === undefined ? {} : { segments: outcome.segments }),
      artifacts: outcome.artifacts ?? [],
      ...(outcome.sections === undefined ? {} : { sections: outcome.sections }),
    };
  }

  /** Zero bytes verified is never clean; neither, with --require-trigger, is a run that never entered the racy path. */
  #verdict(outcome: Outcome, trigger: Trigger): { verdict: Verdict; reason: string | undefined } {
    if (outcome.findings.length > 0) return { verdict: "corrupt", reason: outcome.reason };
    if (outcome.verdict !== undefined) return { verdict: outcome.verdict, reason: outcome.reason };
    if (outcome.totals.bytesVerified === 0) {
      return { verdict: "inconclusive", reason: outcome.reason ?? "nothing was verified" };
    }
    if (this.#args.requireTrigger && !(trigger.reached !== null && trigger.reached > 0)) {
      return {
        verdict: "inconclusive",
        reason: `clean, but the racy path was never seen to be entered (${trigger.how})`,
      };
    }
    return { verdict: "clean", reason: outcome.reason };
  }

  #scriptName(): string {
    return basename(process.argv[1] ?? `${this.#tool.name}.ts`);
  }

  #print(report: RunReport): void {
    const color = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
    const columns = process.stdout.columns ?? 80;
    if (this.#args.json) writeStdout(renderJson(report));
    else if (this.#args.ktap) writeStdout(renderKtap(report));
    else writeStdout(renderText(report, { color, columns }));
  }

  #failed(error: unknown): number {
    if (error instanceof UsageError) {
      complain(this.#tool.name, error.message);
      return EXIT.badArguments;
    }
    const text =
      error instanceof Error && !(error instanceof AssertionError) ? (error.stack ?? error.message) : String(error);
    complain(this.#tool.name, `our own failure, not the kernel's: ${text}`);
    return EXIT.ownFailure;
  }

  async #cleanUp(): Promise<void> {
    for (const undo of this.#undo.reverse()) {
      try {
        await undo();
      } catch (error) {
        complain(this.#tool.name, `clean-up failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

function nothing(verdict: Verdict, reason: string): Outcome {
  return { verdict, reason, findings: [], totals: { bytesVerified: 0 } };
}

/** The options as the JSON shows them: what steers the report only is left out. */
function workloadOf(args: AnyArgs): Record<string, unknown> {
  const steering = new Set(Object.keys(COMMON_OPTIONS));
  const entries = Object.entries(args).filter(([name, value]) => !steering.has(name) && value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value]),
  );
}
