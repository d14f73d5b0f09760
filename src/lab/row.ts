/**
 * One kernel's line in a table: the script run there with `--json`, its report read, everything else accounted for.
 *
 * Owns the row that `matrix` prints and `bisect` decides by. Refuses to read more into a run than its report says: a guest
 * that died is "inconclusive", and so is a script that printed no report and ended with neither 0 nor 1.
 */
import type { RunReport, Verdict } from "../report/document.ts";
import { EXIT } from "../report/document.ts";
import type { ConsoleEvent } from "./guest/console.ts";
import { hostKernel, runOnHost } from "./guest/host.ts";
import { findKernel, judge, type LabOptions, type LabRun, runOnKernel } from "./run.ts";

export interface Row {
  /** As the user named the kernel. */
  readonly asked: string;
  /** The package version ("6.1.170-3"), or what identifies a kernel without a package. */
  readonly kernel: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly exitCode: number;
  readonly firstFindingSeconds: number | null;
  readonly attempts: number | null;
  /** How often the racy path was entered; null when the script could not see it. */
  readonly reached: number | null;
  readonly bootSeconds: number | null;
  readonly scriptSeconds: number | null;
  readonly reason: string | null;
  readonly consoleEvents: readonly ConsoleEvent[];
  readonly report: RunReport | null;
}

export interface RowRequest {
  readonly asked: string;
  readonly script: string;
  readonly scriptArguments: readonly string[];
  readonly options: LabOptions;
  readonly narrate: (line: string) => void;
  readonly onState: (state: "fetching" | "booting" | "running") => void;
  readonly signal: AbortSignal;
}

export async function runRow(request: RowRequest): Promise<Row> {
  const { asked, options, narrate, script, signal, onState } = request;
  const given = request.scriptArguments;
  const scriptArguments = given.includes("--json") ? given : [...given, "--json"];
  const stdout: Uint8Array[] = [];
  const lastWords = new LastLine();
  const take = {
    stdout: (bytes: Uint8Array) => {
      stdout.push(Uint8Array.from(bytes));
    },
    stderr: (bytes: Uint8Array) => lastWords.push(bytes),
  };
  const said = () => ({ stdout: Buffer.concat(stdout).toString("utf8"), lastWords: lastWords.text });
  if (asked === "host") {
    onState("running");
    const { timeoutSeconds } = options;
    const result = await runOnHost({ script, scriptArguments, timeoutSeconds, signal, take });
    return makeRow(asked, { kernel: hostKernel(), result, ...judge(result, timeoutSeconds) }, said());
  }
  onState("fetching");
  const kernel = await findKernel(asked, options, narrate);
  onState("booting");
  const run = await runOnKernel({
    kernel,
    script,
    scriptArguments,
    options,
    narrate,
    artifactDirectory: undefined,
    signal,
    listener: { ...take, started: () => onState("running") },
  });
  return makeRow(asked, run, said());
}

/** Pure: the row of a finished run. */
export function makeRow(
  asked: string,
  run: Pick<LabRun, "kernel" | "result" | "exitCode" | "reason">,
  said: { stdout: string; lastWords: string },
): Row {
  const { result, kernel } = run;
  const report = run.reason === undefined ? parseReport(said.stdout) : null;
  const verdict = report?.verdict ?? (run.reason === undefined ? verdictOfCode(run.exitCode) : "inconclusive");
  const silent = report === null && verdict === "inconclusive" ? said.lastWords || `exit code ${run.exitCode}` : null;
  return {
    asked,
    kernel: kernel.version ?? kernel.label,
    title: kernel.title,
    verdict,
    exitCode: run.exitCode,
    firstFindingSeconds: numberOrNull(report?.totals.firstFindingSeconds),
    attempts: numberOrNull(report?.trigger?.attempts),
    reached: numberOrNull(report?.trigger?.reached),
    bootSeconds: numberOrNull(result.bootSeconds),
    scriptSeconds: numberOrNull(result.scriptSeconds),
    reason: run.reason ?? report?.reason ?? silent,
    consoleEvents: result.events,
    report,
  };
}

/** A row for a kernel that could not even be started (no package, no boot image). */
export function failedRow(asked: string, reason: string): Row {
  const nothing = { firstFindingSeconds: null, attempts: null, reached: null, bootSeconds: null, scriptSeconds: null };
  const none = { ...nothing, consoleEvents: [], report: null };
  return { asked, kernel: asked, title: asked, verdict: "inconclusive", exitCode: EXIT.inconclusive, reason, ...none };
}

function verdictOfCode(code: number): Verdict {
  if (code === EXIT.clean) return "clean";
  return code === EXIT.corrupt ? "corrupt" : "inconclusive";
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function parseReport(text: string): RunReport | null {
  try {
    const value = JSON.parse(text) as RunReport | null;
    return value !== null && typeof value === "object" && value.schema === 1 ? value : null;
  } catch {
    return null;
  }
}

/** The last complete line of a stream, and no more of it. */
class LastLine {
  #partial = "";
  #last = "";

  push(bytes: Uint8Array): void {
    const lines = (this.#partial + new TextDecoder().decode(bytes)).split("\n");
    this.#partial = (lines.pop() ?? "").slice(-1000);
    this.#last = lines.findLast((line) => line.trim() !== "") ?? this.#last;
  }

  get text(): string {
    return this.#partial.trim() || this.#last.trim();
  }
}
