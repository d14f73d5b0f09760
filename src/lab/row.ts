/**
 * One kernel's line in a table: the script run there with `--json`, its report read, everything else accounted for.
 *
 * Owns the row that `matrix` prints and `bisect` decides by. Refuses to read more into a run than its report states: a
 * guest that died is "inconclusive", and so is a script that printed no report and ended with neither 0 nor 1.
 */
import { commandLine, commandOf } from "../machine/invocation.ts";
import type { RunReport, Verdict } from "../report/document.ts";
import { EXIT } from "../report/document.ts";
import type { ConsoleEvent } from "./guest/console.ts";
import { hostKernel, runOnHost } from "./guest/host.ts";
import { withoutFiles } from "./host-words.ts";
import { findKernel, judge, type LabOptions, type LabRun, runOnKernel } from "./run.ts";
import { isOurs, parseReport, recordingTaken, refuseCollisions } from "./script.ts";

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
  /** The flags that describe the guest, as typed: for the command that repeats a finding. */
  readonly machineWords: readonly string[];
  readonly narrate: (line: string) => void;
  readonly onState: (state: "fetching" | "booting" | "running") => void;
  readonly signal: AbortSignal;
}

/** The words of a script whose report is a row. */
export const withJson = (words: readonly string[]) => (words.includes("--json") ? words : [...words, "--json"]);

export async function runRow(request: RowRequest): Promise<Row> {
  const { asked, options, narrate, script, signal, onState } = request;
  const scriptArguments = withJson(request.scriptArguments);
  const stdout: Uint8Array[] = [];
  const lastWords = new LastLine();
  const take = {
    stdout: (bytes: Uint8Array) => {
      stdout.push(Uint8Array.from(bytes));
    },
    stderr: (bytes: Uint8Array) => lastWords.push(bytes),
  };
  if (asked === "host") {
    onState("running");
    const { timeoutSeconds } = options;
    const result = await runOnHost({ script, scriptArguments, timeoutSeconds, signal, take });
    const text = Buffer.concat(stdout).toString("utf8");
    const verdict = judge(result, { timeoutSeconds, report: parseReport(text) });
    return makeRow(asked, { kernel: hostKernel(), result, stdout: text, ...verdict }, lastWords.text);
  }
  onState("fetching");
  const kernel = await findKernel(asked, options, narrate);
  onState("booting");
  const taken = recordingTaken(scriptArguments);
  const extraFiles = [...options.extraFiles, ...taken.files];
  refuseCollisions(isOurs(script) ? extraFiles : [...extraFiles, script]);
  const run = await runOnKernel({
    kernel,
    script,
    scriptArguments: taken.scriptArguments,
    invoked: commandLine(`${commandOf("lab")} run`, ["--kernel", asked, ...request.machineWords, "--", script]),
    options: { ...options, extraFiles },
    narrate,
    artifactDirectory: undefined,
    signal,
    listener: { stderr: take.stderr, started: () => onState("running") },
  });
  const row = makeRow(asked, run, lastWords.text);
  return { ...row, report: withoutFiles(row.report) };
}

/** Pure: the row of a finished run. */
export function makeRow(
  asked: string,
  run: Pick<LabRun, "kernel" | "result" | "exitCode" | "reason" | "stdout">,
  lastWords: string,
): Row {
  const { result, kernel } = run;
  const report = run.reason === undefined ? parseReport(run.stdout) : null;
  const verdict = report?.verdict ?? "inconclusive";
  const silent = report === null ? lastWords || `exit code ${run.exitCode}` : null;
  // A script that ended by itself may have given the reason on stderr; of a dead guest the console is the better witness.
  const withLastWords = (reason: string) =>
    result.end === "exited" && lastWords !== "" ? `${reason}: ${lastWords}` : reason;
  return {
    asked,
    kernel: kernel.version ?? kernel.label,
    title: kernel.title,
    verdict,
    exitCode: run.exitCode,
    firstFindingSeconds: numberOrNull(report?.totals?.firstFindingSeconds),
    attempts: numberOrNull(report?.trigger?.attempts),
    reached: numberOrNull(report?.trigger?.reached),
    bootSeconds: numberOrNull(result.bootSeconds),
    scriptSeconds: numberOrNull(result.scriptSeconds),
    reason: run.reason === undefined ? (report?.reason ?? silent) : withLastWords(run.reason),
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

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
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
