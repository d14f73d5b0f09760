/**
 * Case × kernel: surveys on several kernels as one table. Pure: rows in, strings out.
 */
import type { CaseResult, Survey } from "../survey/document.ts";
import type { Row } from "./row.ts";

/** The survey that a row's report is, or undefined. */
export function surveyOf({ report }: Row): Survey | undefined {
  const survey = report as unknown as Survey | null;
  return survey?.tool === "survey" && Array.isArray(survey.cases) ? survey : undefined;
}

/** "4 corrupt of 15: append-tear, exfat-append": a survey in one remark. */
export function surveyRemark({ cases }: Survey): string {
  const corrupt = cases.filter(({ verdict }) => verdict === "corrupt").map(({ name }) => name);
  const silent = cases.filter(({ verdict }) => verdict === "inconclusive").length;
  const rest = silent === 0 ? "" : `; ${silent} without a verdict`;
  return `${corrupt.length} corrupt of ${cases.length}${corrupt.length === 0 ? "" : `: ${corrupt.join(", ")}`}${rest}`;
}

const CELLS: Readonly<Record<string, string>> = { corrupt: "BAD", clean: "clean", skipped: "skip", inconclusive: "?" };

/** Clean, but where the bug would show was never reached: that proves little. */
const neverReached = ({ verdict, report }: CaseResult) => verdict === "clean" && report?.trigger?.reached === 0;

function cellOf(result: CaseResult | undefined): string {
  if (result === undefined) return "";
  if (neverReached(result)) return "clean?";
  return result.expected ? "(BAD)" : (CELLS[result.verdict] ?? "?");
}

/** "6.12.117" of "6.12.117-1~deb12u1", "host 6.18.44" of "host 6.18.44-generic". */
function columnName(row: Row): string {
  return row.kernel.replace(/^(host )?(\d+\.\d+(?:\.\d+)?).*$/, "$1$2");
}

/** Lines: cases down, kernels across, as many tables as the width needs. */
export function caseTable(rows: readonly Row[], columns = 118): string[] {
  const surveys = rows.flatMap((row) => {
    const survey = surveyOf(row);
    if (survey === undefined) return [];
    const head = columnName(row);
    return [{ head, survey, width: Math.max(head.length, survey.cases.some(neverReached) ? 6 : 5) }];
  });
  const names = [...new Set(surveys.flatMap(({ survey }) => survey.cases.map(({ name }) => name)))];
  const nameWidth = Math.max(4, ...names.map((name) => name.length));
  const lines: string[] = [];
  for (let at = 0; at < surveys.length; ) {
    const block: typeof surveys = [];
    let width = nameWidth;
    while (at < surveys.length && (block.length === 0 || width + 2 + (surveys[at]?.width ?? 0) <= columns)) {
      const entry = surveys[at++] as (typeof surveys)[number];
      width += 2 + entry.width;
      block.push(entry);
    }
    if (lines.length > 0) lines.push("");
    lines.push(
      tableLine(
        "case",
        block.map(({ head, width: headWidth }) => [head, headWidth]),
        nameWidth,
      ),
    );
    for (const name of names) {
      const cells = block.map(({ survey, width: headWidth }): [string, number] => {
        return [cellOf(survey.cases.find((entry) => entry.name === name)), headWidth];
      });
      lines.push(tableLine(name, cells, nameWidth));
    }
  }
  if (surveys.some(({ survey }) => survey.cases.some(neverReached)))
    lines.push("", "clean?  clean, but the racy path was never entered");
  return lines;
}

function tableLine(name: string, cells: readonly (readonly [string, number])[], nameWidth: number): string {
  return [name.padEnd(nameWidth), ...cells.map(([text, width]) => text.padEnd(width))].join("  ").trimEnd();
}

/** The reasons behind every "?": without them a table shows less than it knows. */
export function silentLines(rows: readonly Row[]): string[] {
  return rows.flatMap((row) =>
    (surveyOf(row)?.cases ?? [])
      .filter(({ verdict }) => verdict === "inconclusive")
      .map(({ name, reason }) => `${columnName(row)}, ${name}: ${reason ?? "no reason given"}`),
  );
}
