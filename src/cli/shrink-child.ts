/**
 * One run of the search for the smallest: this script again, as a process that dies with this one.
 *
 * Owns its time, its end and its report. Removes nothing: a run that keeps no evidence removes its own files.
 */
import { ownCommand, scriptPath } from "../ops/self.ts";
import { type RunReport, SCHEMA } from "../report/document.ts";
import { PARENT_VARIABLE } from "./describe.ts";
import { LimitedChild } from "./limited-child.ts";

/** After SIGTERM a run has this long to clean up. */
const GRACE_MS = 8000;

export interface ChildEnd {
  readonly report: RunReport | undefined;
  /** Why there is no report. */
  readonly reason: string;
  readonly exitCode: number;
  readonly seconds: number;
  readonly stderr: readonly string[];
}

export async function runChild(options: {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly limitSeconds: number;
  readonly signal: AbortSignal;
}): Promise<ChildEnd> {
  const { words, environment, limitSeconds, signal } = options;
  const startedMs = performance.now();
  const child = Bun.spawn(ownCommand(scriptPath(), ...words), {
    env: { ...process.env, ...environment, [PARENT_VARIABLE]: String(process.pid) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  using limited = new LimitedChild(child, {
    limitSeconds,
    graceMs: GRACE_MS,
    signal,
    late: `did not end within ${limitSeconds.toFixed(0)} s`,
    interrupted: "was interrupted",
  });
  const text = (stream: ReadableStream) => new Response(stream).text();
  const printed = Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  const [stdout, stderr] = (await limited.ends(printed)) ?? ["", ""];
  const lines = stderr.split("\n").filter((line) => line !== "");
  const ended = String(child.signalCode ?? `exit code ${child.exitCode}`);
  const reason = limited.cut ?? `ended by ${ended} without a report${lines.length === 0 ? "" : `: ${lines.at(-1)}`}`;
  const seconds = (performance.now() - startedMs) / 1000;
  const report = parseReport(stdout);
  return { report, reason, exitCode: child.exitCode ?? 255, seconds, stderr: lines };
}

function parseReport(text: string): RunReport | undefined {
  try {
    const value = JSON.parse(text) as RunReport;
    return value.schema === SCHEMA && typeof value.verdict === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
