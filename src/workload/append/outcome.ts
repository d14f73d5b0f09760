/**
 * From series to one answer: sums, the worst verdict's findings, the table of doors. Pure.
 */
import type { ProgramTemplate } from "../../evidence/c/template.ts";
import type { Finding } from "../../judge/finding.ts";
import { commandLine, commandOf } from "../../machine/invocation.ts";
import type { ReportSection } from "../../report/document.ts";
import type { Outcome } from "../context.ts";
import { mergeTriggers } from "../trigger.ts";
import type { SeriesOutcome } from "./series.ts";
import type { WrittenFile } from "./written-file.ts";

function sum(results: readonly SeriesOutcome[], value: (result: SeriesOutcome) => number): number {
  return results.reduce((total, result) => total + value(result), 0);
}

/** One outcome of several, and all the files that stay. */
export function mergeSeries(results: readonly SeriesOutcome[]): Outcome & Pick<SeriesOutcome, "kept"> {
  const first = results.map((result) => result.firstFindingSeconds).filter((seconds) => seconds !== undefined);
  const ledger = results.flatMap((result) => result.ledger);
  const names = ["bytesWritten", "bytesVerified", "files", "calls", "workSeconds"] as const;
  const totals = Object.fromEntries(names.map((name) => [name, sum(results, (result) => result.totals[name])]));
  return {
    findings: results.flatMap((result) => result.findings),
    findingsLeftOut: sum(results, (result) => result.findingsLeftOut ?? 0),
    segments: results.find(({ segments = [] }) => segments.length > 0)?.segments ?? [],
    trigger: mergeTriggers(results.map((result) => result.trigger)),
    totals: {
      ...(totals as Record<(typeof names)[number], number>),
      ...(first.length === 0 ? {} : { firstFindingSeconds: Math.min(...first) }),
    },
    kept: results.flatMap((result) => result.kept),
    timeline: results.find(({ timeline = [] }) => timeline.length > 0)?.timeline ?? [],
    ...(ledger.length === 0 ? {} : { ledger }),
    sections: [...(results.length < 2 ? [] : [{ title: "Doors, on the same plan", lines: doorTable(results) }])],
  };
}

/** Headroom of the memory group where a run had none of its own: what shows the bug on 6.1. */
const HEADROOM_BYTES = 6 * 1024 * 1024;

/** The C program that makes the guilty append again, by the door and the pressure's settings; none without a finding that names a call. */
export function appendProgramOf(
  findings: readonly Finding[],
  door: string,
  { headroomBytes }: Readonly<Record<string, unknown>>,
): { readonly program?: ProgramTemplate } {
  const asked = findings.flatMap(({ calls = [] }) => calls.map(({ requestedBytes }) => requestedBytes));
  if (asked.length === 0) return {};
  const headroom = typeof headroomBytes === "number" && headroomBytes > 0 ? headroomBytes : HEADROOM_BYTES;
  const largest = Math.max(...asked);
  const values = { appendBytes: largest - (largest % 8), headroomBytes: headroom };
  return { program: { template: "append", values, door: door.startsWith("uring") ? "io_uring" : "pwritev2" } };
}

/** How to look at the kept files again; `paths` are where they are now. */
export function lookAgain(kept: readonly WrittenFile[], paths: readonly string[]): ReportSection[] {
  if (kept.length === 0) return [];
  const lines = kept.map(({ path, generation, reportedBytes }, index) => {
    const words = [paths[index] ?? path, "--generation", String(generation), "--expect-bytes", String(reportedBytes)];
    return commandLine(commandOf("verify"), words);
  });
  return [{ title: "Judge the kept files again", lines: lines.slice(0, 8) }];
}

/** Side by side: door, verdict, files, bytes, calls, how often the racy path was entered, first finding. */
function doorTable(results: readonly SeriesOutcome[]): string[] {
  const rows = results.map((result) => [
    result.door,
    result.findings.length > 0 ? "corrupt" : result.totals.bytesVerified > 0 ? "clean" : "inconclusive",
    String(result.totals.files),
    `${Math.round(result.totals.bytesVerified / 2 ** 20)} MiB`,
    String(result.totals.calls),
    result.trigger.reached === null ? "unknown" : String(result.trigger.reached),
    result.firstFindingSeconds === undefined ? "-" : `${result.firstFindingSeconds.toFixed(1)}s`,
  ]);
  const table = [["door", "verdict", "files", "verified", "calls", "racy path", "first finding"], ...rows];
  const widths = (table[0] as string[]).map((_, column) =>
    Math.max(...table.map((row) => (row[column] as string).length)),
  );
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join("  ")
      .trimEnd(),
  );
}
