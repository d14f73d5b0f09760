/** The report as JSON, schema 2: owns the spelling (one object, two-space indent, newline at the end) and nothing else. */
import type { RunReport } from "./document.ts";

export function renderJson(report: RunReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
