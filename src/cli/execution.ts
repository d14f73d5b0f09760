/**
 * One run from needs to clean-up, and the report it ends in.
 *
 * Owns the order: watch signals, needs, self-test, workload, report, clean-up. Refuses to call anything clean of which
 * no byte was verified.
 */
import { basename } from "node:path";
import { selfTest } from "../judge/self-test.ts";
import { environment } from "../machine/environment.ts";
import { AssertionError, Inconclusive, SyscallError, UsageError } from "../ops/errors.ts";
import { Interrupted, ignoreSignals, pendingSignal, watchSignals } from "../ops/signals.ts";
import {
  type Environment,
  EXIT,
  exitCodeOf,
  type RunReport,
  SCHEMA,
  type Trigger,
  type Verdict,
} from "../report/document.ts";
import { renderJson, renderKtap, renderText } from "../report/index.ts";
import { SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXFSZ } from "../sys/uapi/mount.ts";
import type { Outcome } from "../workload/context.ts";
import { Random } from "../workload/random.ts";
import { type AnyArgs, type AnyReproducer, COMMON_OPTIONS, type Common, type Run, type Specs } from "./contract.ts";
import { dieWithSurvey, knownOf, SYSTEM_WIDE_VARIABLE, systemWideChange } from "./describe.ts";
import { Progress } from "./progress.ts";
import { replayCommand } from "./replay.ts";
import { colorWanted, complain, writeStdout } from "./streams.ts";
import { VERSION } from "./version.ts";

export class Execution {
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
    // A closed pipe and a file-size limit answer with EPIPE and EFBIG instead of ending the run.
    ignoreSignals([SIGPIPE, SIGXFSZ]);
    dieWithSurvey();
    const watching = watchSignals([SIGINT, SIGTERM, SIGHUP]);
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
    const change = systemWideChange(this.#tool, this.#args);
    if (change !== undefined && process.env[SYSTEM_WIDE_VARIABLE] === "no")
      return nothing("skipped", `${change}, for the whole system: --system-wide allows that`);
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
    const known = knownOf(this.#tool, this.#args);
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
      workload: { ...workloadOf(this.#args), ...outcome.workload },
      trigger,
      totals: { bytesWritten: 0, files: 0, calls: 0, ...outcome.totals },
      findings: outcome.findings,
      ...(outcome.findingsLeftOut === undefined ? {} : { findingsLeftOut: outcome.findingsLeftOut }),
      ...(outcome.segments === undefined ? {} : { segments: outcome.segments }),
      artifacts: outcome.artifacts ?? [],
      ...(known === undefined ? {} : { known }),
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
    const columns = process.stdout.columns ?? 80;
    if (this.#args.json) writeStdout(renderJson(report));
    else if (this.#args.ktap) writeStdout(renderKtap(report));
    else writeStdout(renderText(report, { color: colorWanted(), columns }));
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
