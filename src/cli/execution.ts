/**
 * One run from needs to clean-up, and the report it ends in.
 *
 * Owns the order: output places, signals, needs, self-test, workload, report, documents, clean-up; and what an exit code
 * is made of. Never reports clean when no byte was verified.
 */
import { sightTest } from "../judge/sight-test.ts";
import { assert, Inconclusive } from "../ops/errors.ts";
import { narrowLimit } from "../ops/limits.ts";
import { Interrupted, ignoreSignals } from "../ops/signals.ts";
import { streamCalls } from "../ops/stat.ts";
import { EXIT, exitCodeOf, type ReportSection, type RunReport, type Verdict } from "../report/document.ts";
import { renderText } from "../report/text.ts";
import { SIGPIPE, SIGXFSZ } from "../sys/uapi/mount.ts";
import type { Outcome } from "../workload/context.ts";
import { Tally } from "../workload/tally.ts";
import type { Definitions } from "./args.ts";
import { asksForEvidence, documentsOf } from "./asked.ts";
import type { Work } from "./citty.ts";
import type { Additions, AnyArgs, AnyReproducer, Common, Run } from "./contract.ts";
import { dieWithNamedParent, SYSTEM_WIDE_VARIABLE, systemWideChange } from "./describe.ts";
import type { Documents } from "./documents.ts";
import { failureOf, OutputError } from "./failure.ts";
import { enter, unlessFailing } from "./guard.ts";
import { Interruption } from "./interruption.ts";
import { Progress } from "./progress.ts";
import { reportOf } from "./report.ts";
import { colorWanted, columnsOf, isTerminal, printProblem, reachBy, writeStdout } from "./streams.ts";
import type { Call } from "./tool.ts";
import type { Witness } from "./witness.ts";

/** Loaded where something is random: a judge's run is not. */
const randomness = () => require("../workload/random.ts") as typeof import("../workload/random.ts");

const LOST_EVIDENCE = "Evidence that could not be kept";

export class Execution implements Work {
  readonly #tool: AnyReproducer;
  readonly #definitions: Definitions;
  readonly #call: Call;
  readonly #args: AnyArgs & Common;
  readonly #seed: number;
  readonly #startedMs = performance.now();
  readonly #progress: Progress;
  readonly #interruption: Interruption;
  readonly #tally = new Tally();
  readonly #undo: (() => unknown)[] = [];
  readonly #provenCalls = new Set<string>();
  #documents: Documents | undefined;
  #witness: Witness | undefined;
  #cleaned = false;
  #cleanUpFailed = false;
  #lastBreathMs = performance.now();

  constructor(tool: AnyReproducer, definitions: Definitions, call: Call) {
    this.#tool = tool;
    this.#definitions = definitions;
    this.#call = call;
    this.#args = call.args as AnyArgs & Common;
    this.#seed = this.#args.seed ?? Math.floor(Math.random() * 2 ** 32);
    const { quiet, verbose } = this.#args;
    reachBy(streamCalls());
    this.#progress = new Progress({ quiet, verbose, terminal: isTerminal(2) });
    this.#interruption = new Interruption((line) => this.#progress.narrate(line));
  }

  async setup(): Promise<void> {
    this.#documents = await documentsOf(this.#definitions.options, this.#args);
    // A closed pipe and a file-size limit answer with EPIPE and EFBIG instead of ending the run.
    ignoreSignals([SIGPIPE, SIGXFSZ]);
    dieWithNamedParent();
    this.#interruption.watch({ breathes: this.#tool.breathes === true });
    // An exception in a callback, an unhandled rejection: clean-up, then its line and its code.
    enter(this.#name, async (error) => {
      this.#progress.clear();
      const { code, line } = failureOf(error, this.#provenCalls);
      printProblem(this.#name, line);
      await this.cleanup();
      return code === EXIT.badArguments ? code : EXIT.ownFailure;
    });
  }

  async run(): Promise<number> {
    try {
      if (asksForEvidence(this.#args)) {
        const { Witness } = await import("./witness.ts");
        this.#witness = new Witness(this.#args, this.#tool);
      }
      const outcome = await this.#watched();
      await unlessFailing();
      const context = { seed: this.#seed, seconds: this.#elapsedSeconds(), interrupted: this.#interruption.name };
      const report = reportOf(this.#tool, { call: this.#call, definitions: this.#definitions, outcome, ...context });
      this.#progress.clear();
      return await this.#deliver(report, outcome);
    } catch (error) {
      this.#progress.clear();
      return this.#failed(error);
    }
  }

  async cleanup(): Promise<void> {
    if (this.#cleaned) return;
    this.#cleaned = true;
    const undoing = this.#undoAll();
    await this.#interruption.orAtOnce(undoing);
    this.#documents?.close();
    this.#interruption.end();
  }

  /** A clean-up that failed may have left something: whoever relies on the code must stop. */
  end(code: number): number {
    const signal = this.#interruption.signal;
    if (this.#cleanUpFailed) return EXIT.ownFailure;
    return signal === 0 ? code : 128 + signal;
  }

  get #name(): string {
    return this.#call.path[0] ?? this.#tool.name;
  }

  /** The outcome, and what was seen while it came about. */
  async #watched(): Promise<Outcome> {
    try {
      const outcome = await this.#outcome();
      this.#witness?.end();
      if (this.#witness === undefined || outcome.findings.length === 0) return outcome;
      const sections = [...(outcome.sections ?? []), ...this.#witness.sections(outcome, this.#tally.startedNs)];
      return { ...outcome, environment: { ...this.#witness.conditions(outcome), ...outcome.environment }, sections };
    } finally {
      this.#witness?.end();
    }
  }

  /** Needs, self-test, workload. An unmet need or a refusing kernel becomes an outcome that states why. */
  async #outcome(): Promise<Outcome> {
    try {
      const change = systemWideChange(this.#tool, this.#args);
      if (change !== undefined && process.env[SYSTEM_WIDE_VARIABLE] === "no")
        return nothing("skipped", `${change}, for the whole system: --system-wide allows that`);
      const narrow = narrowLimit();
      if (narrow !== undefined) return nothing("skipped", narrow);
      for (const need of this.#tool.requires ?? []) {
        const missing = need.probe(this.#args);
        if (missing !== undefined) return nothing("skipped", `needs ${need.name}: ${missing}`);
        for (const call of need.proves ?? []) this.#provenCalls.add(call);
      }
      const blind = sightTest();
      if (blind !== undefined) return untrusted(blind);
      const given = await this.#interruption.orUnanswered(Promise.resolve(this.#tool.run(this.#handle())));
      const outcome = this.#counted(given ?? {});
      // A search has its judge tested where its report is printed: here that takes as long as all the rest.
      if (outcome.findings.length === 0) return outcome;
      const { keepsEvidence } = await import("../machine/own-file.ts");
      if (!keepsEvidence()) return outcome;
      const { selfTest } = await import("../judge/self-test.ts");
      const broken = selfTest();
      return broken === undefined ? outcome : untrusted(broken);
    } catch (error) {
      if (error instanceof Interrupted) return this.#counted({ verdict: "inconclusive", ...this.#nothingYet() });
      const { code, line } = failureOf(error, this.#provenCalls);
      // A script that throws Inconclusive takes back what it found: a control was damaged, a step did not work.
      if (error instanceof Inconclusive) return { ...nothing("inconclusive", line), ...this.#evidence() };
      if (code === EXIT.inconclusive) return this.#counted({ verdict: "inconclusive", reason: line });
      throw error;
    }
  }

  #nothingYet(): { readonly reason?: string } {
    return this.#tally.totals.bytesVerified === 0 ? { reason: "nothing was verified" } : {};
  }

  /** What the run counted and what it returned, as one outcome. */
  #counted(given: Additions): Outcome {
    const tally = this.#tally;
    const trigger = given.trigger ?? tally.triggerSeen(this.#tool.racyPath ?? "as the script counted it");
    // Nothing counted and nothing returned is a script that does not state what it verified.
    const silent = !tally.isUsed && given.verdict === undefined && given.totals?.bytesVerified === undefined;
    // (A signal can come before there is anything to count.)
    assert(!silent || this.#interruption.signal !== 0, "the run counted nothing (run.tally) and returned no totals");
    const evidence = this.#evidence();
    return {
      ...given,
      findings: [...tally.findings, ...(given.findings ?? [])],
      totals: { ...tally.totals, ...given.totals },
      ...(trigger === undefined ? {} : { trigger }),
      artifacts: [...evidence.artifacts, ...(given.artifacts ?? [])],
      sections: [...tally.sections, ...(given.sections ?? []), ...evidence.sections],
    };
  }

  /** What was kept: files that stay where they are, copies of those that do not. */
  #evidence(): { readonly artifacts: readonly string[]; readonly sections: readonly ReportSection[] } {
    const { staying, vanishing } = this.#tally.kept;
    if (vanishing.length === 0) return { artifacts: staying, sections: [] };
    // Loaded where there is evidence.
    const { keepEvidence } = require("../place/evidence.ts") as typeof import("../place/evidence.ts");
    const { paths, lines } = keepEvidence(this.#name, vanishing, (line) => this.#progress.narrate(line));
    return {
      artifacts: [...staying, ...paths],
      sections: lines.length === 0 ? [] : [{ title: LOST_EVIDENCE, lines }],
    };
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
        return execution.#interruption.signal !== 0;
      },
      tally: this.#tally,
      random: (label) => new (randomness().Random)(this.#seed, label),
      progress: (state) => this.#progress.update(state),
      narrate: (line) => this.#progress.narrate(line),
      detail: (line) => this.#progress.detail(line),
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

  /** The report and its documents. What cannot be written never changes what was found. */
  async #deliver(report: RunReport, outcome: Outcome): Promise<number> {
    const verdict = exitCodeOf(report.verdict);
    const lines: string[] = [];
    try {
      await this.#print(report);
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      lines.push(`the report could not be written: ${error.message}; the verdict is ${report.verdict}`);
    }
    // The last run of a search writes evidence of a corruption, or nothing: it may be made again.
    if (report.shrunk !== undefined && report.verdict !== "corrupt") return verdict;
    const { summary, program: template } = this.#tool;
    const program = outcome.program ?? (template === undefined ? undefined : { template, values: this.#args });
    const watched = this.#witness?.documents(report, {
      summary,
      program,
      ...(outcome.roles && { roles: outcome.roles }),
    });
    lines.push(...((await this.#documents?.write(report, { ...outcome.documents, ...watched?.made })) ?? []));
    for (const line of watched?.lines ?? []) printProblem(this.#name, line);
    for (const line of lines) printProblem(this.#name, line);
    return lines.length > 0 && verdict === EXIT.clean ? EXIT.ownFailure : verdict;
  }

  async #print(report: RunReport): Promise<void> {
    if (this.#args.json) writeStdout((await import("../report/json.ts")).renderJson(report));
    else if (this.#args.ktap) writeStdout((await import("../report/ktap.ts")).renderKtap(report));
    else writeStdout(renderText(report, { color: colorWanted(), columns: columnsOf(1) }));
  }

  #failed(error: unknown): number {
    const { code, line } = failureOf(error, this.#provenCalls);
    const { staying } = this.#tally.kept;
    const kept = staying.length === 0 ? "" : `; what was found before is kept: ${staying.join(", ")}`;
    printProblem(this.#name, `${line}${kept}`);
    if (this.#args.verbose && error instanceof Error && code !== EXIT.ownFailure)
      printProblem(this.#name, String(error.stack));
    // Findings without a report are not a question of the machine's.
    return code === EXIT.inconclusive && this.#tally.findings.length > 0 ? EXIT.ownFailure : code;
  }

  async #undoAll(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        this.#cleanUpFailed = true;
        printProblem(this.#name, `clean-up failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

function untrusted(reason: string): Outcome {
  return nothing("inconclusive", `the judge failed its self-test, so it does not judge: ${reason}`);
}

function nothing(verdict: Verdict, reason: string): Outcome {
  return { verdict, reason, findings: [], totals: { bytesVerified: 0 } };
}
