/**
 * The report for people, in the order an engineer asks: the verdict; each finding with kind, offset, length, alignment,
 * bytes, sentence and calls; the map; what was kept; how to repeat it; where it happened.
 *
 * Owns the layout. Takes a plain `RunReport` and returns a string; width and colour are the caller's to find out.
 */
import type { CallReference } from "../judge/finding.ts";
import type { ReportedFinding, RunReport, Trigger, Verdict } from "./document.ts";
import {
  alignment,
  grouped,
  hex,
  milliseconds,
  plural,
  printable,
  secondReadingLines,
  seconds,
  size,
  verifiedText,
} from "./format.ts";
import type { Colour, Paint } from "./paint.ts";

/** Loaded for a terminal. */
const painting = () => require("./paint.ts") as typeof import("./paint.ts");
const plain: Paint = (_colour, text) => text;

/** Loaded for damage. */
const dump = () => require("./hexdump.ts") as typeof import("./hexdump.ts");
const strip = () => require("./strip.ts") as typeof import("./strip.ts");

export interface TextOptions {
  readonly color: boolean;
  readonly columns: number;
}

const VERDICT_COLOUR: Record<Verdict, Colour> = {
  clean: "green",
  corrupt: "red",
  skipped: "yellow",
  inconclusive: "yellow",
};

/** Findings shown in full; the others get one line each. */
const DETAILED_MAX = 8;
const LISTED_MAX = 64;

export function renderText(raw: RunReport, { color, columns }: TextOptions): string {
  const report = printable(raw);
  const paint = color ? painting().painter(color) : plain;
  const lines = [
    ...verdictLines(report, paint),
    ...groupLines(report),
    ...findingLines(report, { paint, color }),
    ...mapLines(report, { color, columns }),
    ...(report.sections ?? []).flatMap((section) => ["", paint("bold", section.title), ...section.lines]),
    "",
    ...facts(report, paint),
  ];
  return `${lines.join("\n")}\n`;
}

function verdictLines(report: RunReport, paint: Paint): string[] {
  const { totals, verdict } = report;
  const count = report.findings.length + (report.findingsLeftOut ?? 0);
  const found = verdict === "corrupt" ? `: ${plural(count, "finding")}` : "";
  const head = paint("bold", paint(VERDICT_COLOUR[verdict], `${verdict.toUpperCase()}${found}`));
  const cut = report.interrupted === undefined ? "" : `, interrupted by ${report.interrupted}`;
  return [
    `${head}  ${report.tool}: ${verifiedText(totals)} in ${seconds(report.durationSeconds)}${cut}`,
    ...(report.reason === undefined ? [] : [`reason: ${report.reason}`]),
    ...triggerLines(report.trigger, verdict),
  ];
}

/** A clean run means something only if the racy path was entered; a tool without a race has no attempts. */
function triggerLines({ reached, attempts, how }: Trigger, verdict: Verdict): string[] {
  if (attempts === 0 && (reached === null || reached === 0)) return [];
  const tries = plural(attempts, "attempt");
  if (reached === null) return [`racy path: unknown (${how}); ${tries}`];
  if (reached === 0) {
    const weak = verdict === "clean" ? ": this run proves little" : "";
    return [`racy path: never entered in ${tries} (${how})${weak}`];
  }
  return [`racy path: entered ${plural(reached, "time")} in ${tries} (${how})`];
}

/** What repeats, before the findings one by one. */
function groupLines({ groups = [] }: RunReport): string[] {
  return groups.length === 0 ? [] : ["", ...groups.map((group) => `repeats: ${group.detail}`)];
}

function findingLines(report: RunReport, style: { paint: Paint; color: boolean }): string[] {
  const lines: string[] = [];
  report.findings.slice(0, LISTED_MAX).forEach((finding, index) => {
    if (index < DETAILED_MAX) lines.push("", ...detailed(finding, { ...style, index }));
    else lines.push(...(index === DETAILED_MAX ? [""] : []), brief(finding, index));
  });
  const unlisted = Math.max(0, report.findings.length - LISTED_MAX) + (report.findingsLeftOut ?? 0);
  if (unlisted > 0) lines.push("", `${plural(unlisted, "more finding")} left out`);
  return lines;
}

function place(finding: ReportedFinding): string {
  const file = finding.file === undefined ? "" : `${finding.file} `;
  return `${file}at ${grouped(finding.offsetBytes)} (${hex(finding.offsetBytes)})`;
}

function brief(finding: ReportedFinding, index: number): string {
  return `${index + 1}. ${finding.kind} ${place(finding)}, ${plural(finding.lengthBytes, "byte")}: ${finding.detail}`;
}

function detailed(finding: ReportedFinding, style: { paint: Paint; color: boolean; index: number }): string[] {
  const { paint, color, index } = style;
  const origin =
    finding.originBytes === undefined
      ? []
      : [`   origin  ${grouped(finding.originBytes)} (${hex(finding.originBytes)}) in the stream`];
  return [
    `${paint("bold", `${index + 1}. ${finding.kind}`)} ${place(finding)}`,
    `   length  ${plural(finding.lengthBytes, "byte")} (${hex(finding.lengthBytes)})`,
    `   start   ${alignment(finding.offsetBytes)}`,
    ...origin,
    ...(finding.alsoAtBytes === undefined
      ? []
      : [`   see     ${grouped(finding.alsoAtBytes)} (${hex(finding.alsoAtBytes)}) in the file`]),
    `   ${finding.detail}.`,
    ...secondReadingLines(finding).map((line) => `   ${line}`),
    ...(finding.sample === undefined ? [] : dumpLines(finding, color)),
    ...callLines(finding.calls ?? []),
  ];
}

function dumpLines(finding: ReportedFinding, color: boolean): string[] {
  if (finding.sample === undefined) return [];
  return [
    "   expected (-) and found (+):",
    ...dump()
      .hexdump(finding.sample, { color })
      .map((line) => `     ${line}`),
  ];
}

function callLines(calls: readonly CallReference[]): string[] {
  if (calls.length === 0) return [];
  return [
    "   calls whose bytes lie there:",
    ...calls.map((call) => {
      const stream = call.streamOffsetBytes === undefined ? "" : `, stream offset ${grouped(call.streamOffsetBytes)}`;
      const detail = call.detail === undefined ? "" : `, ${call.detail}`;
      const took = call.endNs === undefined ? "" : `, for ${milliseconds(call.endNs - call.atNs)}`;
      const result = call.result < 0 ? `${call.result}` : grouped(call.result);
      return `     ${call.what} #${call.index} at ${milliseconds(call.atNs)}${took}: ${grouped(call.requestedBytes)} bytes asked, result ${result}${stream}${detail}`;
    }),
  ];
}

function mapLines(report: RunReport, { color, columns }: TextOptions): string[] {
  if (report.segments === undefined || (report.segments.length < 2 && report.findings.length === 0)) return [];
  const { renderStrip, withGaps } = strip();
  const segments = withGaps(report.segments, report.findings);
  return segments.length < 2 ? [] : ["", ...renderStrip(segments, { color, columns })];
}

function facts(report: RunReport, paint: Paint): string[] {
  const label = (name: string) => paint("dim", name.padEnd(12));
  return [
    ...report.artifacts.map((path) => `${label("kept")}${path}`),
    `${label("replay")}${report.replay}`,
    `${label("environment")}${environmentLine(report)}`,
  ];
}

function environmentLine({ environment: e, version }: RunReport): string {
  return [
    `Linux ${e.kernel} ${e.arch}`,
    plural(e.cpus, "CPU"),
    `${size(e.memoryBytes)} memory`,
    ...(e.filesystem === undefined
      ? []
      : [e.filesystem + (e.mountOptions === undefined ? "" : ` (${e.mountOptions})`)]),
    ...(e.cgroup === undefined ? [] : [`cgroup ${e.cgroup}`]),
    `Bun ${e.bun}`,
    ...(e.liburing === undefined ? [] : [`liburing ${e.liburing}`]),
    `bytewitness ${version}`,
  ].join(", ");
}
