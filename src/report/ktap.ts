/**
 * The report as KTAP version 1 (Documentation/dev-tools/ktap.rst): one test for the run, one subtest per kind of damage.
 *
 * Owns escaping (`#` cannot be in a description) and the nesting; diagnostics are key=value lines before the result.
 */

import { FINDING_KINDS, KIND_EVIDENCE } from "../judge/finding.ts";
import type { RunReport } from "./document.ts";
import { printable } from "./format.ts";

const VERSION = "KTAP version 1";

/** A description or a diagnostic is one line; `#` would begin a directive. */
function plain(text: string): string {
  return text.replaceAll("#", "no. ").replaceAll(/\s+/g, " ").trim();
}

function diagnostics(report: RunReport): string[] {
  const { trigger, totals } = report;
  const lines = [
    `# verdict=${report.verdict}`,
    ...(report.reason === undefined ? [] : [`# reason=${oneLine(report.reason)}`]),
    `# seed=${report.seed}`,
    `# trigger_reached=${trigger.reached ?? "unknown"} trigger_attempts=${trigger.attempts} how=${oneLine(trigger.how)}`,
    `# ${Object.entries(totals)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ")}`,
    `# kernel=${oneLine(report.environment.kernel)} replay=${oneLine(report.replay)}`,
  ];
  for (const group of report.groups ?? [])
    lines.push(`# repeats=${group.count} ${group.kind}: ${oneLine(group.detail)}`);
  if (report.artifacts.length > 0) lines.push(...report.artifacts.map((path) => `# artifact=${oneLine(path)}`));
  return lines;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

function subtests(report: RunReport): string[] {
  const lines = [VERSION, `1..${FINDING_KINDS.length}`];
  FINDING_KINDS.forEach((kind, index) => {
    const findings = report.findings.filter((finding) => finding.kind === kind);
    for (const finding of findings) {
      const file = finding.file === undefined ? "" : `file=${oneLine(finding.file)} `;
      const origin = finding.originBytes === undefined ? "" : ` origin=${finding.originBytes}`;
      const also = finding.alsoAtBytes === undefined ? "" : ` also=${finding.alsoAtBytes}`;
      lines.push(
        `# ${file}offset=${finding.offsetBytes} length=${finding.lengthBytes}${origin}${also} detail=${oneLine(finding.detail)}`,
      );
    }
    lines.push(
      `${findings.length === 0 ? "ok" : "not ok"} ${index + 1} no ${kind} bytes: ${plain(KIND_EVIDENCE[kind])}`,
    );
  });
  if (report.findingsLeftOut) lines.push(`# findings_left_out=${report.findingsLeftOut}`);
  return lines;
}

export function renderKtap(raw: RunReport): string {
  const report = printable(raw);
  const judged = report.verdict === "clean" || report.verdict === "corrupt";
  const skip = judged ? "" : ` # SKIP ${plain(report.reason ?? report.verdict)}`;
  const result = `${report.verdict === "corrupt" ? "not ok" : "ok"} 1 ${plain(report.tool)}${skip}`;
  const body = judged ? subtests(report).map((line) => `  ${line}`) : [];
  return `${[VERSION, "1..1", ...body, ...diagnostics(report), result].join("\n")}\n`;
}
