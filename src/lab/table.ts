/**
 * How a matrix is shown: text table, JSON, KTAP. Pure: rows in, strings out.
 */
import { exitCodeOf, mergeVerdicts, type Verdict } from "../report/document.ts";
import { nestedTap } from "../survey/document.ts";
import { surveyOf, surveyRemark } from "./cases.ts";
import type { Row } from "./row.ts";

const HEADS = ["kernel", "verdict", "first finding", "appends tried", "racy path entered", "boot"] as const;
const WIDTHS = [18, 12, 13, 13, 17, 6] as const;

export function tableHead(): string {
  return cells(HEADS);
}

export function tableRow(row: Row): string {
  const note = row.verdict === "clean" || row.verdict === "corrupt" ? "" : (row.reason ?? "");
  const trouble = row.consoleEvents.find(({ kind }) => kind === "panic" || kind === "bug" || kind === "oops");
  const survey = surveyOf(row);
  const remarks = [
    note,
    survey === undefined ? "" : surveyRemark(survey),
    trouble && !note.includes(trouble.line) ? `console: ${trouble.line}` : "",
  ]
    .filter(Boolean)
    .join("; ");
  const line = cells([
    row.kernel,
    row.verdict,
    seconds(row.firstFindingSeconds),
    count(row.attempts),
    reachedText(row),
    seconds(row.bootSeconds),
  ]);
  return remarks === "" ? line : `${line}  ${remarks}`;
}

/** A kernel that is not done yet, for the live table. */
export function pendingRow(kernel: string, state: string): string {
  return cells([kernel, state, "", "", "", ""]);
}

function cells(values: readonly string[]): string {
  const padded = values.map((value, index) =>
    index < 2 ? value.padEnd(WIDTHS[index] ?? 0) : value.padStart(WIDTHS[index] ?? 0),
  );
  return padded.join("  ").trimEnd();
}

function seconds(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(1)} s`;
}

function count(value: number | null): string {
  return value === null ? "-" : String(value);
}

function reachedText({ reached, report }: Row): string {
  if (reached === null) return report === null ? "-" : "unknown";
  if (reached === 0) return "never";
  return reached === 1 ? "once" : `${reached} times`;
}

/** The worst of the rows; an empty matrix judges nothing. */
function matrixVerdict(rows: readonly Row[]): Verdict {
  return mergeVerdicts(rows.map(({ verdict }) => (verdict === "skipped" ? "inconclusive" : verdict)));
}

/** 1 if any kernel corrupts, 125 if any gave no verdict, else 0. */
export function matrixExitCode(rows: readonly Row[]): number {
  return exitCodeOf(matrixVerdict(rows));
}

export interface MatrixDocument {
  readonly script: string;
  readonly scriptArguments: readonly string[];
  readonly durationSeconds: number;
  readonly rows: readonly Row[];
}

/** One JSON object; each row holds the script's own report under `report`. */
export function matrixJson(document: MatrixDocument): string {
  const { rows, ...rest } = document;
  return `${JSON.stringify({ schema: 2, tool: "lab matrix", verdict: matrixVerdict(rows), ...rest, rows })}\n`;
}

/** KTAP version 1: a corrupt kernel is "not ok", one without a verdict is skipped with the reason. */
export function matrixKtap(rows: readonly Row[]): string {
  const lines = ["KTAP version 1", `1..${rows.length}`];
  for (const [index, row] of rows.entries()) {
    const facts = [
      `verdict=${row.verdict}`,
      `attempts=${count(row.attempts)}`,
      `reached=${row.reached ?? "unknown"}`,
      `first_finding_seconds=${row.firstFindingSeconds ?? "-"}`,
      `boot_seconds=${row.bootSeconds?.toFixed(1) ?? "-"}`,
    ];
    const survey = surveyOf(row);
    if (survey !== undefined) lines.push(...nestedTap(survey.cases));
    lines.push(`# ${facts.join(" ")}`);
    for (const finding of row.report?.findings ?? []) lines.push(`# ${finding.kind} ${oneLine(finding.detail)}`);
    const name = oneLine(row.kernel);
    if (row.verdict === "corrupt") lines.push(`not ok ${index + 1} ${name}`);
    else if (row.verdict === "clean") lines.push(`ok ${index + 1} ${name}`);
    else lines.push(`ok ${index + 1} ${name} # SKIP ${oneLine(row.reason ?? row.verdict)}`);
  }
  return `${lines.join("\n")}\n`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").replaceAll("#", " ");
}
