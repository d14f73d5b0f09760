/**
 * The report of a run: its outcome, and what the front desk knows about it.
 *
 * Owns the verdict, which is made here and nowhere else: findings make it corrupt, and without a positive whole number of
 * verified bytes it is not clean. Writes nothing.
 */
import { environment, publicMountOptions } from "../machine/environment.ts";
import { thisScript } from "../machine/invocation.ts";
import { assert } from "../ops/errors.ts";
import {
  type Environment,
  type RunReport,
  SCHEMA,
  type ShrunkRun,
  type Trigger,
  type Verdict,
} from "../report/document.ts";
import { plural } from "../report/format.ts";
import type { Outcome } from "../workload/context.ts";
import type { Definitions } from "./args.ts";
import { type AnyArgs, type AnyReproducer, COMMON_OPTIONS, type Common } from "./contract.ts";
import { knownOf } from "./describe.ts";
import { recorded, recording } from "./repeat.ts";
import { recordedWords, replayCommand } from "./replay.ts";
import type { Call } from "./tool.ts";
import { VERSION } from "./version.ts";

/** To the last run: what the search came to, as JSON; its report holds it, and evidence is written only of a corrupt run. */
export const SHRUNK_VARIABLE = "BYTEWITNESS_SHRUNK";

export interface Ran {
  readonly call: Call;
  readonly definitions: Definitions;
  readonly outcome: Outcome;
  readonly seed: number;
  readonly seconds: number;
  /** The signal that ended it early. */
  readonly interrupted: string | undefined;
}

/** Loaded for findings: most runs are clean. */
const sentences = () => require("../report/sentence.ts") as typeof import("../report/sentence.ts");
const groupSentences = () => require("../report/groups.ts") as typeof import("../report/groups.ts");

const ledger = () => require("../report/ledger.ts") as typeof import("../report/ledger.ts");

const VERDICTS: readonly Verdict[] = ["clean", "corrupt", "skipped", "inconclusive"];

export function reportOf(tool: AnyReproducer, ran: Ran): RunReport {
  const { call, definitions, outcome, seed, interrupted } = ran;
  const args = call.args as AnyArgs & Common;
  const trigger = outcome.trigger ?? { reached: null, attempts: 0, how: "not observed" };
  checkOutcome(outcome);
  const { verdict, reason } = verdictOf(outcome, trigger, args.requireTrigger);
  const durationSeconds = Math.round(ran.seconds * 1000) / 1000;
  const cut = interrupted === undefined ? [] : [`interrupted by ${interrupted} after ${durationSeconds.toFixed(1)} s`];
  const reasons = [...cut, ...(reason === undefined ? [] : [reason])].join("; ");
  const extra: Partial<Environment> = {
    ...(outcome.filesystem === undefined ? {} : { filesystem: outcome.filesystem }),
    ...(outcome.mountOptions === undefined ? {} : { mountOptions: publicMountOptions(outcome.mountOptions) }),
    ...outcome.environment,
  };
  const known = knownOf(tool, args);
  const sections = [
    ...(outcome.ledger === undefined ? [] : ledger().ledgerSections(outcome.ledger)),
    ...(outcome.sections ?? []),
  ];
  const command = thisScript(call.path.slice(1));
  const report: RunReport = {
    schema: SCHEMA,
    tool: call.path[0] ?? tool.name,
    version: VERSION,
    verdict,
    ...(reasons === "" ? {} : { reason: reasons }),
    ...(interrupted === undefined ? {} : { interrupted }),
    seed,
    replay: replayCommand(command, definitions, args, seed),
    durationSeconds,
    environment: environment(extra),
    workload: { ...workloadOf(args), ...outcome.workload },
    trigger,
    totals: { bytesWritten: 0, files: 0, calls: 0, ...outcome.totals },
    findings: outcome.findings.length === 0 ? [] : outcome.findings.map(sentences().reported),
    ...(outcome.findingsLeftOut === undefined ? {} : { findingsLeftOut: outcome.findingsLeftOut }),
    ...(outcome.groups === undefined ? {} : { groups: outcome.groups.map(groupSentences().reportedGroup) }),
    ...(outcome.segments === undefined ? {} : { segments: outcome.segments }),
    artifacts: outcome.artifacts ?? [],
    ...(known === undefined ? {} : { known }),
    ...(outcome.timeline === undefined ? {} : { timeline: outcome.timeline.map(sentences().reportedCall) }),
    ...(outcome.ledger === undefined ? {} : { ledger: outcome.ledger }),
    ...(outcome.sections === undefined && sections.length === 0 ? {} : { sections }),
  };
  const whole = shrunk(compared(report));
  // The field and its checksums are in what can be repeated from: the JSON, and the page that holds it.
  return args.json || args.report !== undefined
    ? recorded(whole, recordedWords(call.path.slice(1), definitions, args, seed))
    : whole;
}

/** The last run of a search for the smallest one carries what the search came to. */
function shrunk(report: RunReport): RunReport {
  const text = process.env[SHRUNK_VARIABLE];
  if (text === undefined) return report;
  return withShrunk(report, JSON.parse(text) as ShrunkRun);
}

export function withShrunk(report: RunReport, shrunk: ShrunkRun): RunReport {
  const section = { title: "Shrunk", lines: shrunkLines(shrunk) };
  return { ...report, shrunk, sections: [section, ...(report.sections ?? [])] };
}

/** A repeated run states how it compares with its recording. */
function compared(report: RunReport): RunReport {
  const was = recording();
  if (was === undefined) return report;
  const { comparison } = require("./recording.ts") as typeof import("./recording.ts");
  const section = { title: "Compared with the recording", lines: comparison(was, report) };
  return { ...report, sections: [...(report.sections ?? []), section] };
}

/** An outcome that cannot be true is a bug of the workload: nothing may be concluded from it. */
function checkOutcome({ totals, findings, findingsLeftOut = 0, verdict }: Outcome): void {
  const { bytesVerified } = totals;
  const whole = Number.isSafeInteger(bytesVerified) && bytesVerified >= 0;
  assert(whole, `the workload reported ${String(bytesVerified)} verified bytes`);
  assert(Array.isArray(findings), "the workload gave no list of findings");
  assert(verdict === undefined || VERDICTS.includes(verdict), `the workload gave the verdict ${String(verdict)}`);
  assert(
    verdict !== "corrupt" || findings.length + findingsLeftOut > 0,
    "the workload's verdict is corrupt, without a finding",
  );
}

/** Zero bytes verified is never clean; neither, with --require-trigger, is a run that never entered the racy path. */
function verdictOf(
  { findings, verdict, reason, totals }: Outcome,
  trigger: Trigger,
  requireTrigger: boolean,
): { verdict: Verdict; reason: string | undefined } {
  if (findings.length > 0 || verdict === "corrupt") return { verdict: "corrupt", reason };
  if (verdict !== undefined && verdict !== "clean") return { verdict, reason };
  if (totals.bytesVerified === 0) return { verdict: "inconclusive", reason: reason ?? "nothing was verified" };
  if (requireTrigger && !(trigger.reached !== null && trigger.reached > 0)) {
    return {
      verdict: "inconclusive",
      reason: `clean, but the racy path was never seen to be entered (${trigger.how})`,
    };
  }
  return { verdict: "clean", reason };
}

/** The options as the JSON shows them: what steers the report only is left out. */
function workloadOf(args: AnyArgs): Record<string, unknown> {
  const steering = new Set([...Object.keys(COMMON_OPTIONS), "help", "version"]);
  const entries = Object.entries(args).filter(([name, value]) => !steering.has(name) && value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value]),
  );
}

/** "4 of 5 runs of this command were corrupt". */
function shrunkLines({ tried, kept, hits, runs, from }: ShrunkRun): string[] {
  return [
    `${hits} of ${plural(runs, "run")} of this command hit`,
    `${plural(tried, "smaller run")} tried, ${kept} of them kept, from:`,
    from,
  ];
}
