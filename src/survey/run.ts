/**
 * The survey itself: cases one after the other within a budget, each result reported to a listener as it comes.
 *
 * One at a time, because races want the processors and memory pressure of one case is trouble for another. Owns the
 * division of the budget. Refuses to retry: a verdict is what one run found.
 */

import { secondsText } from "../units.ts";
import type { SurveyCase } from "./cases.ts";
import { type CaseEnd, runCase } from "./child.ts";
import type { CaseResult } from "./document.ts";
import { adviceText, knownText } from "./range.ts";

export interface SurveyPlan {
  readonly cases: readonly SurveyCase[];
  readonly budgetSeconds: number;
  /** No case may take longer than this, however much of the budget is left. */
  readonly caseSecondsMax: number;
  readonly systemWide: boolean;
  /** The upstream version of the running kernel. */
  readonly kernelVersion: string;
}

export interface SurveyListener {
  started(index: number): void;
  done(index: number, result: CaseResult): void;
}

/** What a case gets beyond --seconds: start, own file system, clean-up, on a slow machine. */
const OVERHEAD_SECONDS = 2;

export async function runSurvey(
  plan: SurveyPlan,
  listener: SurveyListener,
  signal: AbortSignal,
): Promise<CaseResult[]> {
  const startedAt = performance.now();
  const results: CaseResult[] = [];
  for (const [index, entry] of plan.cases.entries()) {
    if (signal.aborted) break;
    const leftSeconds = plan.budgetSeconds - (performance.now() - startedAt) / 1000;
    listener.started(index);
    const result =
      leftSeconds < 1
        ? notStarted(entry, plan.budgetSeconds)
        : resultOf(
            entry,
            await runCase(entry, { ...limits(plan, index, leftSeconds), systemWide: plan.systemWide, signal }),
            plan.kernelVersion,
          );
    results.push(result);
    listener.done(index, result);
  }
  return results;
}

/** Pure: seconds for --seconds and the time limit. Timed cases share what is left when it is less than they want. */
export function limits(
  { cases, caseSecondsMax }: Pick<SurveyPlan, "cases" | "caseSecondsMax">,
  index: number,
  leftSeconds: number,
): { seconds: number | undefined; limitSeconds: number } {
  const waiting = cases.slice(index);
  const wanted = waiting.reduce((sum, { seconds }) => sum + (seconds ?? 0) + OVERHEAD_SECONDS, 0);
  const share = Math.min(1, leftSeconds / wanted);
  const own = cases[index]?.seconds;
  const seconds = own === undefined ? undefined : Math.max(1, Math.floor(own * share * 10) / 10);
  return { seconds, limitSeconds: Math.max(1, Math.min(caseSecondsMax, leftSeconds)) };
}

function notStarted({ name }: SurveyCase, budgetSeconds: number): CaseResult {
  const reason = `not started: the budget of ${secondsText(budgetSeconds)} was spent; a larger --budget, or --only ${name}`;
  return { name, verdict: "inconclusive", reason, kinds: [], durationSeconds: 0, report: null };
}

/** Pure: what a finished process means. */
export function resultOf({ name }: SurveyCase, end: CaseEnd, kernelVersion: string): CaseResult {
  const { report, durationSeconds } = end;
  if (report === null)
    return { name, verdict: "inconclusive", ...reasonOf(end.reason), kinds: [], durationSeconds, report };
  const kinds = [...new Set(report.findings.map((finding) => finding.kind))];
  const cut = end.reason !== undefined && report.verdict === "clean";
  const first = report.totals.firstFindingSeconds ?? (kinds.length > 0 ? report.durationSeconds : undefined);
  return {
    name,
    verdict: cut ? "inconclusive" : report.verdict,
    ...reasonOf(cut ? end.reason : report.reason),
    kinds,
    durationSeconds,
    ...(first === undefined ? {} : { firstFindingSeconds: first }),
    ...(report.known === undefined ? {} : { known: knownText(report.known, kernelVersion) }),
    ...(report.verdict === "corrupt" ? { advice: adviceText(report.known, kernelVersion) } : {}),
    report,
  };
}

const reasonOf = (reason: string | undefined) => (reason === undefined ? {} : { reason });
