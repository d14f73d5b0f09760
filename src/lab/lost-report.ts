/**
 * The report of a run that could not report for itself: the guest died, hung, or never started the script.
 *
 * Pure. A caller that asked the script for `--json` or `--ktap` gets that form from the lab too, with the verdict
 * "inconclusive" and the reason; nothing was verified and nothing is guessed.
 */
import { basename } from "node:path";
import { VERSION } from "../cli/version.ts";
import { type RunReport, SCHEMA } from "../report/document.ts";
import { renderJson, renderKtap } from "../report/index.ts";
import type { LabOptions, LabRun } from "./run.ts";

export function lostReport(
  run: Pick<LabRun, "kernel" | "reason" | "result">,
  { script, options }: { script: string; options: Pick<LabOptions, "cpus" | "memoryBytes"> },
): RunReport {
  return {
    schema: SCHEMA,
    tool: basename(script).replace(/\.[cm]?[jt]s$/, ""),
    version: VERSION,
    verdict: "inconclusive",
    reason: run.reason ?? "the script ended without a report",
    seed: 0,
    replay: "",
    durationSeconds: run.result.scriptSeconds ?? 0,
    environment: {
      kernel: run.kernel.title,
      arch: "x86_64",
      bun: Bun.version,
      cpus: options.cpus,
      memoryBytes: options.memoryBytes,
      privileged: true,
    },
    workload: {},
    trigger: { reached: null, attempts: 0, how: "the guest gave no report" },
    totals: { bytesWritten: 0, bytesVerified: 0, files: 0, calls: 0 },
    findings: [],
    artifacts: [],
  };
}

/** What belongs on stdout in the form that the script was asked for; nothing when it was asked for text. */
export function lostOutput(report: RunReport, scriptArguments: readonly string[]): string {
  if (scriptArguments.includes("--json")) return renderJson(report);
  return scriptArguments.includes("--ktap") ? renderKtap(report) : "";
}
