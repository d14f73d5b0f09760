/**
 * From series to one answer: sums, the worst verdict's findings, the table of doors. Pure.
 */
import type { ProgramTemplate } from "../../evidence/c/template.ts";
import type { CallReference, Finding } from "../../judge/finding.ts";
import { commandLine, commandOf } from "../../machine/invocation.ts";
import type { ReportSection } from "../../report/document.ts";
import { mergeTriggers } from "../trigger.ts";
import type { DoorName } from "./doors.ts";
import type { KeptFile, SeriesResult } from "./series.ts";

/** The part of an outcome that series results decide. */
export interface AppendOutcome {
  readonly findings: SeriesResult["findings"];
  readonly findingsLeftOut: number;
  readonly segments: SeriesResult["segments"];
  readonly trigger: SeriesResult["trigger"];
  readonly totals: {
    readonly bytesWritten: number;
    readonly bytesVerified: number;
    readonly files: number;
    readonly calls: number;
    readonly workSeconds: number;
    readonly firstFindingSeconds?: number;
  };
  readonly kept: readonly KeptFile[];
  readonly timeline: readonly CallReference[];
  readonly sections: readonly ReportSection[];
}

function sum(results: readonly SeriesResult[], value: (result: SeriesResult) => number): number {
  return results.reduce((total, result) => total + value(result), 0);
}

export function mergeSeries(results: readonly SeriesResult[]): AppendOutcome {
  const first = results.map((result) => result.firstFindingSeconds).filter((seconds) => seconds !== undefined);
  const ledger = results.flatMap((result) => result.ledger);
  return {
    findings: results.flatMap((result) => result.findings),
    findingsLeftOut: sum(results, (result) => result.findingsLeftOut),
    segments: results.find((result) => result.segments.length > 0)?.segments ?? [],
    trigger: mergeTriggers(results.map((result) => result.trigger)),
    totals: {
      bytesWritten: sum(results, (result) => result.bytesWritten),
      bytesVerified: sum(results, (result) => result.bytesVerified),
      files: sum(results, (result) => result.files),
      calls: sum(results, (result) => result.calls),
      workSeconds: sum(results, (result) => result.workSeconds),
      ...(first.length === 0 ? {} : { firstFindingSeconds: Math.min(...first) }),
    },
    kept: results.flatMap((result) => result.kept),
    timeline: results.find((result) => result.timeline.length > 0)?.timeline ?? [],
    sections: [
      ...(ledger.length === 0 ? [] : [{ title: "Ledger", lines: ledger }]),
      ...(results.length < 2 ? [] : [{ title: "Doors, on the same plan", lines: doorTable(results) }]),
    ],
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
export function lookAgain(kept: readonly KeptFile[], paths: readonly string[]): ReportSection[] {
  if (kept.length === 0) return [];
  const lines = kept.map(({ path, generation, expectBytes }, index) => {
    const words = [paths[index] ?? path, "--generation", String(generation), "--expect-bytes", String(expectBytes)];
    return commandLine(commandOf("verify"), words);
  });
  return [{ title: "Judge the kept files again", lines: lines.slice(0, 8) }];
}

/** Side by side: door, verdict, files, bytes, calls, how often the racy path was entered, first finding. */
export function doorTable(results: readonly SeriesResult[]): string[] {
  const rows = results.map((result) => [
    result.door,
    result.findings.length > 0 ? "corrupt" : result.bytesVerified > 0 ? "clean" : "inconclusive",
    String(result.files),
    `${Math.round(result.bytesVerified / 2 ** 20)} MiB`,
    String(result.calls),
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

/** Which doors `--door NAME|all` means. */
export function doorsNamed(name: DoorName | "all", all: readonly DoorName[]): readonly DoorName[] {
  return name === "all" ? all : [name];
}
