/**
 * Parallel instances of a script as processes, and one report out of many.
 *
 * Owns spawning, ending and merging. A job is the same script with the same arguments, a seed of its own and its place
 * in BYTEWITNESS_JOB; it dies with its parent (by SIGTERM, so that it cleans up).
 */

import { monotonicNs } from "../ops/clock.ts";
import { dieWithParent } from "../ops/parent.ts";
import { ownCommand, scriptPath } from "../ops/self.ts";
import { mergeVerdicts, type RunReport } from "../report/document.ts";
import { SIGTERM } from "../sys/uapi/mount.ts";
import type { Outcome } from "../workload/context.ts";
import { mergeTriggers } from "../workload/trigger.ts";
import type { Run } from "./contract.ts";

export interface JobIdentity {
  readonly index: number;
  readonly count: number;
  /** What is left of the run's time: starting many processes takes some of it. */
  readonly secondsLeft: number;
}

/** This process's place among its siblings, or undefined in a process that a person started. */
export function jobIdentity(): JobIdentity | undefined {
  const match = /^(\d+)\/(\d+) of (\d+) until (\d+)$/.exec(process.env.BYTEWITNESS_JOB ?? "");
  if (match === null) return undefined;
  dieWithParent(Number(match[3]), SIGTERM);
  const secondsLeft = Math.max(0, (Number(match[4]) - monotonicNs()) / 1e9);
  return { index: Number(match[1]), count: Number(match[2]), secondsLeft };
}

export interface JobsOptions {
  readonly count: number;
  /** The script's arguments; --seed and the output flags are added here. */
  readonly words: readonly string[];
  /** For the live line. */
  readonly seconds: number;
  readonly run: Pick<Run<unknown>, "seed" | "stopped" | "elapsedSeconds" | "progress" | "defer">;
}

export interface JobEnd {
  readonly index: number;
  readonly report: RunReport | undefined;
  /** Why there is no report. */
  readonly reason: string | undefined;
}

/** Runs the jobs to their end; a signal to this process is passed on to them. The ends are in the jobs' order. */
export async function runJobs(options: JobsOptions): Promise<JobEnd[]> {
  const untilNs = Math.round(monotonicNs() + options.seconds * 1e9);
  const children = Array.from({ length: options.count }, (_, index) => {
    const seed = (options.run.seed + index) % 2 ** 32;
    const command = [...ownCommand(scriptPath()), ...options.words, "--seed", String(seed), "--json", "--quiet"];
    const env = { ...process.env, BYTEWITNESS_JOB: `${index}/${options.count} of ${process.pid} until ${untilNs}` };
    return Bun.spawn(command, { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  });
  // After a second signal no job is waited for: one that does not answer (a stopped one, say) ends with us, and its guard
  // removes what it made.
  options.run.defer(() => {
    for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  });
  let passedOn = false;
  const timer = setInterval(() => {
    const { elapsedSeconds, stopped } = options.run;
    options.run.progress({
      done: Math.min(elapsedSeconds, options.seconds),
      total: options.seconds,
      label: `${options.count} jobs`,
    });
    if (!stopped || passedOn) return;
    passedOn = true;
    for (const child of children) child.kill("SIGTERM");
  }, 100);
  try {
    return await Promise.all(
      children.map(async (child, index) => {
        const [stdout, stderr] = await Promise.all([
          new Response(child.stdout).text(),
          new Response(child.stderr).text(),
        ]);
        await child.exited;
        const end = String(child.signalCode ?? `exit code ${child.exitCode}`);
        return { index, ...parseReport(stdout, stderr, end) };
      }),
    );
  } finally {
    clearInterval(timer);
  }
}

function parseReport(stdout: string, stderr: string, end: string): Omit<JobEnd, "index"> {
  try {
    return { report: JSON.parse(stdout) as RunReport, reason: undefined };
  } catch {
    const output = stderr.trim().split("\n").at(-1) ?? "";
    return { report: undefined, reason: `ended by ${end} without a report${output === "" ? "" : `: ${output}`}` };
  }
}

/** One outcome of many reports: findings and sums of all, the worst verdict; a job without a report makes it inconclusive. */
export function mergeJobs(ends: readonly JobEnd[]): Outcome {
  const reports = ends.flatMap((end) => (end.report === undefined ? [] : [end.report]));
  const lost = ends.filter((end) => end.report === undefined).map((end) => `job ${end.index} ${end.reason}`);
  const totals: Record<string, number> = { bytesVerified: 0 };
  for (const report of reports) {
    for (const [name, value] of Object.entries(report.totals)) {
      const earlier = totals[name];
      // Sums, but for the one that means "the earliest".
      totals[name] = name === "firstFindingSeconds" ? Math.min(earlier ?? Infinity, value) : (earlier ?? 0) + value;
    }
  }
  const reasons = [...lost, ...reports.flatMap((report) => (report.reason === undefined ? [] : [report.reason]))];
  const verdict = mergeVerdicts([
    ...reports.map((report) => report.verdict),
    ...(lost.length > 0 ? ["inconclusive" as const] : []),
  ]);
  return {
    verdict,
    ...(reasons.length === 0 ? {} : { reason: [...new Set(reasons)].join("; ") }),
    findings: reports.flatMap((report) => report.findings),
    findingsLeftOut: reports.reduce((sum, report) => sum + (report.findingsLeftOut ?? 0), 0),
    trigger: mergeTriggers(reports.map((report) => report.trigger)),
    totals: { ...totals, bytesVerified: totals.bytesVerified ?? 0 },
    artifacts: reports.flatMap((report) => report.artifacts),
    sections: reports.flatMap((report, index) =>
      (report.sections ?? []).map((section) => ({ ...section, title: `${section.title} (job ${index})` })),
    ),
  };
}
