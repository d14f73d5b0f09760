/**
 * One case as a process of its own: started, limited in time, ended, its report read.
 *
 * Owns what a case learns from its environment. Refuses to believe anything but a report: a process that ends without
 * one is inconclusive, whatever its exit code.
 */

import { basename, join } from "node:path";
import { PARENT_VARIABLE, SYSTEM_WIDE_VARIABLE } from "../cli/describe.ts";
import { LimitedChild } from "../cli/limited-child.ts";
import { INVOKED_VARIABLE } from "../machine/invocation.ts";
import { ownCommand, PACKAGE_ROOT } from "../ops/self.ts";
import { type RunReport, SCHEMA } from "../report/document.ts";
import { secondsText } from "../units.ts";
import type { SurveyCase } from "./cases.ts";

/** After SIGTERM a case has this long to clean up. */
const GRACE_MS = 6000;
const REPORT_BYTES_MAX = 64 * 2 ** 20;

export interface ChildOptions {
  readonly limitSeconds: number;
  /** Seconds for --seconds, where the case takes them. */
  readonly seconds: number | undefined;
  readonly systemWide: boolean;
  readonly signal: AbortSignal;
}

export interface CaseEnd {
  readonly report: RunReport | null;
  /** Why there is no report. */
  readonly reason: string | undefined;
  readonly durationSeconds: number;
}

export async function runCase(entry: SurveyCase, options: ChildOptions): Promise<CaseEnd> {
  const { limitSeconds, seconds, systemWide, signal } = options;
  const words = [...entry.words, ...(seconds === undefined ? [] : ["--seconds", String(seconds)]), "--json", "--quiet"];
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt) / 1000;
  const child = Bun.spawn(ownCommand("--no-install", join(PACKAGE_ROOT, entry.script), ...words), {
    env: {
      ...{ ...process.env, ...invokedAs(entry) },
      // It does not outlive this survey, also when that dies while the case still starts.
      ...{ [SYSTEM_WIDE_VARIABLE]: systemWide ? "yes" : "no", [PARENT_VARIABLE]: String(process.pid) },
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  using limited = new LimitedChild(child, {
    limitSeconds,
    graceMs: GRACE_MS,
    signal,
    late: `no end within ${secondsText(limitSeconds)}`,
    interrupted: "interrupted",
  });
  const printed = Promise.all([boundedText(child.stdout), boundedText(child.stderr), child.exited]);
  const [stdout, stderr] = (await limited.ends(printed)) ?? ["", ""];
  const ended = child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`;
  const durationSeconds = elapsed();
  const report = parseReport(stdout);
  if (report !== null) return { report, reason: limited.cut, durationSeconds };
  const output = stderr.trim().split("\n").at(-1) ?? "";
  const silent = `ended with ${ended} and without a report${output === "" ? "" : `: ${output}`}`;
  return { report, reason: limited.cut ?? silent, durationSeconds };
}

/** In a guest of the lab: the host's command for this survey, with the case's script in the survey's place. */
function invokedAs({ script }: SurveyCase): Record<string, string> {
  const invoked = process.env[INVOKED_VARIABLE];
  return invoked === undefined ? {} : { [INVOKED_VARIABLE]: invoked.replace(/\S+$/, basename(script)) };
}

/** A report of one of ours, or null; text that is longer than any report is none. */
function parseReport(text: string): RunReport | null {
  try {
    const value = JSON.parse(text) as RunReport | null;
    if (value === null || typeof value !== "object" || value.schema !== SCHEMA) return null;
    return typeof value.verdict === "string" && Array.isArray(value.findings) ? value : null;
  } catch {
    return null;
  }
}

async function boundedText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes <= REPORT_BYTES_MAX) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
