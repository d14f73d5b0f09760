/**
 * `--shrink`: the same script again and again with fewer and smaller options, and the smallest that is still corrupt.
 *
 * Owns the time for the search, the runs (each a process that dies with this one), how often the smallest one hits, and
 * the last run, which alone gets the flags for evidence. Every run's report is a child's; this process judges nothing.
 */
import { type Dimension, type Options, shrink } from "../evidence/shrink.ts";
import { thisScript } from "../machine/invocation.ts";
import { KEEP_VARIABLE } from "../machine/own-file.ts";
import { assert } from "../ops/problems.ts";
import { EXIT, exitCodeOf, type RunReport, type ShrunkRun } from "../report/document.ts";
import { renderJson, renderKtap, renderText } from "../report/index.ts";
import { secondsText } from "../units.ts";
import type { Definitions } from "./args.ts";
import { EVIDENCE_OPTIONS } from "./asked.ts";
import type { Work } from "./citty.ts";
import { COMMON_OPTIONS, type Common } from "./contract.ts";
import { Documents } from "./documents.ts";
import { abortable } from "./interruption.ts";
import { argumentWords, replayCommand } from "./replay.ts";
import { SHRUNK_VARIABLE, withShrunk } from "./report.ts";
import { type ChildEnd, runChild } from "./shrink-child.ts";
import { dimensionOf } from "./shrink-dimensions.ts";
import { colorWanted, printProblem, writeStdout } from "./streams.ts";
import { contradiction } from "./strict.ts";
import type { Call } from "./tool.ts";

/** Without --shrink-seconds: this long, or so many times the first run. */
const BUDGET_SECONDS = 60;
const BUDGET_RUNS = 10;
/** The part of the time that the search may take; the rest counts how often the smallest run hits. */
const SEARCH_SHARE = 0.7;
/** A candidate that ends clean early is a race that was lost, and gets as many tries. */
const TRIES_MAX = 6;
/** Tries of one candidate take no longer than this, or than the first run did. */
const CANDIDATE_SECONDS = 30;
const COUNTED_RUNS = 5;
export class ShrinkWork implements Work {
  readonly #definitions: Definitions;
  readonly #call: Call;
  readonly #args: Record<string, unknown> & Common;
  readonly #seed: number;
  readonly #startedMs = performance.now();
  #budgetSeconds: number;
  /** --seconds of the next child, where the script has it. */
  #seconds: number | undefined;
  #firstSeconds = 0;
  #best: { options: Options; report: RunReport } | undefined;
  #search = { tried: 0, kept: 0, hits: 0, runs: 0 };

  constructor(definitions: Definitions, call: Call) {
    this.#definitions = definitions;
    this.#call = call;
    this.#args = call.args as Record<string, unknown> & Common;
    this.#seed = this.#args.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
    this.#budgetSeconds = this.#args.shrinkSeconds ?? BUDGET_SECONDS;
  }

  setup(): void {
    // Places are tried now and made by the last run: an hour of searching must not end at a wrong path.
    new Documents(this.#definitions.options, this.#args).close();
  }

  run(): Promise<number> {
    return abortable(
      (signal) => this.#work(signal),
      (line) => this.#narrate(line),
    );
  }

  async #work(signal: AbortSignal): Promise<number> {
    const start = this.#startOptions();
    this.#narrate(`first: ${this.#command(start)}`);
    const first = await this.#try(start, signal);
    if (first.report === undefined) {
      printProblem(this.#name, `the first run ${first.reason}`);
      return first.exitCode === EXIT.badArguments
        ? EXIT.badArguments
        : signal.aborted
          ? EXIT.inconclusive
          : EXIT.ownFailure;
    }
    if (first.report.verdict !== "corrupt") {
      this.#narrate(`nothing to shrink: the first run was ${first.report.verdict}`);
      return this.#print(first.report);
    }
    this.#firstSeconds = first.seconds;
    this.#search = { ...this.#search, hits: 1, runs: 1 };
    this.#take(start, first);
    if (this.#args.shrinkSeconds === undefined)
      this.#budgetSeconds = Math.max(BUDGET_SECONDS, BUDGET_RUNS * first.seconds);
    const untilSeconds = this.#budgetSeconds * SEARCH_SHARE;
    const { options, tried, kept } = await shrink(start, this.#dimensions(start), {
      holds: (candidate) => this.#holds(candidate, signal),
      enough: () => signal.aborted || this.#elapsed() > untilSeconds,
    });
    this.#search = { ...this.#search, tried, kept };
    if (!signal.aborted) await this.#count(options, signal);
    this.#narrate(`smallest: ${this.#command(options)}`);
    return this.#finish(options, signal);
  }

  /** The run's options without those that steer its report, and with the numbers that the search needs. */
  #startOptions(): Options {
    const steering = new Set(Object.keys(COMMON_OPTIONS));
    return Object.fromEntries(Object.entries(this.#args).filter(([name]) => !steering.has(name)));
  }

  #dimensions(start: Options = this.#startOptions()): Dimension[] {
    const common = new Set([...Object.keys(COMMON_OPTIONS), "help", "version"]);
    const { positionals, options } = this.#definitions;
    return Object.entries({ ...positionals, ...options }).flatMap(([name, spec]) =>
      common.has(name) || spec.shrinks === false || name.startsWith("inject")
        ? []
        : dimensionOf(name, spec, { value: start[name], given: this.#call.given.has(name) }),
    );
  }

  async #holds(candidate: Options, signal: AbortSignal): Promise<boolean> {
    const given = new Set(Object.keys(candidate).filter((name) => candidate[name] !== undefined));
    const changed = [...given].filter((name) => candidate[name] !== false && !this.#isDefault(name, candidate[name]));
    if (contradiction(this.#definitions, candidate, new Set(changed)) !== undefined) return false;
    const enoughSeconds = this.#seconds ?? this.#best?.report.durationSeconds ?? 0;
    let runs = 0;
    let spent = 0;
    const untilSeconds = this.#elapsed() + Math.max(CANDIDATE_SECONDS, this.#firstSeconds);
    const tries = this.#isDoubtful(candidate) ? 1 : TRIES_MAX;
    for (let count = 0; count < tries && !signal.aborted; count++) {
      const end = await this.#try(candidate, signal);
      if (signal.aborted) return false;
      runs += 1;
      const corrupt = end.report?.verdict === "corrupt";
      this.#narrate(
        `${corrupt ? "corrupt" : (end.report?.verdict ?? end.reason)} after ${secondsText(end.seconds)}: ${this.#command(candidate)}`,
      );
      if (corrupt) {
        // Counted anew: the runs of other candidates prove nothing about this one.
        this.#search = { ...this.#search, hits: 1, runs };
        this.#take(candidate, end);
        return true;
      }
      spent += end.report?.durationSeconds ?? 0;
      // No race is lost where the run was refused, and a long run is many tries already.
      if (end.report?.verdict !== "clean" || spent > enoughSeconds || this.#elapsed() > untilSeconds) return false;
    }
    return false;
  }

  /** True when something was taken away that the finding probably needs: one clean run is enough of an answer. */
  #isDoubtful(candidate: Options): boolean {
    return this.#dimensions().some(
      ({ name, doubtful }) => doubtful === true && candidate[name] !== this.#best?.options[name],
    );
  }

  #isDefault(name: string, value: unknown): boolean {
    const spec = { ...this.#definitions.positionals, ...this.#definitions.options }[name];
    return spec !== undefined && "default" in spec && String(spec.default) === String(value);
  }

  #take(options: Options, { report, seconds }: ChildEnd): void {
    if (report === undefined) return;
    this.#best = { options, report };
    if (!("seconds" in this.#definitions.positionals) && !("seconds" in this.#definitions.options)) return;
    const found = Number(report.totals.firstFindingSeconds ?? seconds);
    const given = Number(this.#args.seconds ?? Infinity);
    this.#seconds = Math.min(given, Math.max(2, Math.ceil(2 * found)));
  }

  /** How often the smallest run hits: so many runs, or as many as the time allows. */
  async #count(options: Options, signal: AbortSignal): Promise<void> {
    while (this.#search.runs < COUNTED_RUNS && this.#elapsed() < this.#budgetSeconds && !signal.aborted) {
      const { report } = await this.#try(options, signal);
      if (signal.aborted) return;
      this.#search.runs += 1;
      if (report?.verdict === "corrupt") this.#search.hits += 1;
    }
  }

  /** One run that keeps nothing. */
  #try(options: Options, signal: AbortSignal): Promise<ChildEnd> {
    return runChild({
      words: [...this.#words(options), "--json", "--quiet"],
      environment: { [KEEP_VARIABLE]: "no" },
      limitSeconds: this.#limitSeconds(),
      signal,
    });
  }

  /** The last run, with the evidence that was asked for; a race gets several tries. */
  async #finish(options: Options, signal: AbortSignal): Promise<number> {
    const from = replayCommand(thisScript(this.#call.path.slice(1)), this.#definitions, this.#args, this.#seed);
    for (let count = 0; count < TRIES_MAX && !signal.aborted; count++) {
      const shrunk: ShrunkRun = { ...this.#search, hits: this.#search.hits + 1, runs: this.#search.runs + 1, from };
      const end = await runChild({
        words: [...this.#words(options), ...this.#evidenceWords(), "--json", "--quiet"],
        environment: { [SHRUNK_VARIABLE]: JSON.stringify(shrunk) },
        limitSeconds: this.#limitSeconds(),
        signal,
      });
      for (const line of end.stderr) process.stderr.write(`${line}\n`);
      if (end.report?.verdict === "corrupt") return this.#print(end.report);
      if (!signal.aborted) this.#search.runs += 1;
    }
    const { selfTest } = await import("../judge/self-test.ts");
    const broken = selfTest();
    assert(broken === undefined, `the judge failed its self-test: ${broken}`);
    const best = this.#best as { report: RunReport };
    const why = signal.aborted ? "the search was interrupted" : "the last runs, which write evidence, did not hit";
    printProblem(this.#name, `${why}: this is the report of the smallest run so far, and its files are gone`);
    return this.#print(withShrunk({ ...best.report, artifacts: [] }, { ...this.#search, from }));
  }

  #print(report: RunReport): number {
    const columns = process.stdout.columns ?? 80;
    if (this.#args.json) writeStdout(renderJson(report));
    else if (this.#args.ktap) writeStdout(renderKtap(report));
    else writeStdout(renderText(report, { color: colorWanted(), columns }));
    return exitCodeOf(report.verdict);
  }

  /** Long enough for a run under emulation that records every call. */
  #limitSeconds(): number {
    return Math.max(
      60,
      6 * (this.#best?.report.durationSeconds ?? this.#budgetSeconds),
      Number(this.#args.seconds ?? 0) * 2,
    );
  }

  #words(options: Options): string[] {
    const timed = this.#seconds === undefined ? options : { ...options, seconds: this.#seconds };
    const { requireTrigger } = this.#args;
    return [
      ...this.#call.path.slice(1),
      ...argumentWords(this.#definitions, { ...timed, requireTrigger }),
      ...["--seed", String(this.#seed)],
    ];
  }

  #evidenceWords(): string[] {
    const given = Object.fromEntries(Object.keys(EVIDENCE_OPTIONS).map((name) => [name, this.#args[name]]));
    return [
      ...argumentWords({ positionals: {}, options: WRITTEN_OPTIONS }, given),
      ...(this.#args.explain ? ["--explain"] : []),
    ];
  }

  #command(options: Options): string {
    const timed = this.#seconds === undefined ? options : { ...options, seconds: this.#seconds };
    return replayCommand(thisScript(this.#call.path.slice(1)), this.#definitions, timed, this.#seed);
  }

  #elapsed(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  #narrate(line: string): void {
    if (!this.#args.quiet) process.stderr.write(`${this.#name}: shrink: ${line}\n`);
  }

  get #name(): string {
    return this.#call.path[0] as string;
  }
}

/** The evidence flags as ordinary paths: the last run must get them, though a replay line leaves new files out. */
const WRITTEN_OPTIONS: Definitions["options"] = Object.fromEntries(
  Object.entries(EVIDENCE_OPTIONS).flatMap(([name, spec]) =>
    spec.kind === "path" ? [[name, { ...spec, newFile: false }]] : [],
  ),
);
