/**
 * A survey as a value: one result for each case, the verdict of all, JSON and KTAP.
 *
 * Pure. Refuses to look into findings beyond kinds, lengths and places: the case's own report is carried whole.
 */
import { type Environment, mergeVerdicts, type RunReport, type SCHEMA, type Verdict } from "../report/document.ts";
import { bytesText } from "../units.ts";

export interface CaseResult {
  readonly name: string;
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly kinds: readonly string[];
  readonly durationSeconds: number;
  /** Seconds until the first finding, where the case reports it. */
  readonly firstFindingSeconds?: number;
  /** What is known of the bug, and where this kernel lies in it. */
  readonly known?: string;
  /** What to do about it; for corrupt cases. */
  readonly advice?: string;
  /** Set by --expect: this result was expected, and does not count. */
  readonly expected?: true;
  /** Set by --baseline. */
  readonly change?: "new" | "gone" | "same";
  readonly report: RunReport | null;
}

export interface Survey {
  readonly schema: typeof SCHEMA;
  readonly tool: "survey";
  readonly version: string;
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly durationSeconds: number;
  readonly environment: Environment;
  readonly cases: readonly CaseResult[];
}

/** Corrupt if any case is, unless that was expected; skipped cases count only when nothing else ran. */
export function surveyVerdict(cases: readonly CaseResult[]): Verdict {
  return mergeVerdicts(cases.map(({ verdict, expected }) => (expected ? "clean" : verdict)));
}

export function surveyJson(survey: Survey): string {
  return `${JSON.stringify(survey, null, 2)}\n`;
}

/** The loss in plain words: "lost 2.00 MiB in 40 ranges, the first at 4,096". */
export function damageText(report: RunReport | null): string {
  const findings = report?.findings ?? [];
  const [first] = findings;
  if (report === null || first === undefined) return "";
  const kinds = [...new Set(findings.map((finding) => finding.kind))];
  const parts = kinds.map((kind) => {
    const own = findings.filter((finding) => finding.kind === kind);
    const bytes = own.reduce((sum, finding) => sum + finding.lengthBytes, 0);
    return `${kind} ${bytesText(bytes)}${own.length === 1 ? "" : ` in ${own.length} ranges`}`;
  });
  const more = report.findingsLeftOut ? `, and ${report.findingsLeftOut} more findings` : "";
  return `${parts.join(", ")}, ${findings.length === 1 ? "" : "the first "}at ${first.offsetBytes.toLocaleString("en")}${more}`;
}

/** KTAP version 1: a subtest for each case; a corrupt one is "not ok", one without a verdict is skipped. */
export function surveyKtap({ cases, environment }: Survey): string {
  const lines = ["KTAP version 1", "1..1", ...nestedTap(cases)];
  const verdict = surveyVerdict(cases);
  lines.push(`# kernel=${oneLine(environment.kernel)} verdict=${verdict}`);
  const skip = verdict === "skipped" || verdict === "inconclusive" ? ` # SKIP ${verdict}` : "";
  lines.push(`${verdict === "corrupt" ? "not ok" : "ok"} 1 survey${skip}`);
  return `${lines.join("\n")}\n`;
}

/** The subtests alone, indented, with their version and plan. */
export function nestedTap(cases: readonly CaseResult[]): string[] {
  const lines = ["  KTAP version 1", `  1..${cases.length}`];
  for (const [index, entry] of cases.entries()) {
    const first = entry.firstFindingSeconds === undefined ? "" : ` first_finding_seconds=${entry.firstFindingSeconds}`;
    lines.push(`  # verdict=${entry.verdict} duration_seconds=${entry.durationSeconds}${first}`);
    const damage = damageText(entry.report);
    if (damage !== "") lines.push(`  # ${oneLine(damage)}`);
    if (entry.known !== undefined) lines.push(`  # known=${oneLine(entry.known)}`);
    lines.push(`  ${resultLine(entry, index + 1)}`);
  }
  return lines;
}

function resultLine({ name, verdict, reason, expected }: CaseResult, number: number): string {
  if (expected) return `ok ${number} ${name} # XFAIL expected`;
  if (verdict === "corrupt") return `not ok ${number} ${name}`;
  return verdict === "clean" ? `ok ${number} ${name}` : `ok ${number} ${name} # SKIP ${oneLine(reason ?? verdict)}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("#", "no. ").trim();
}
