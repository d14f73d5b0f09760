/**
 * The report for a mailing list: plain text of at most 78 columns, in the order a maintainer reads.
 *
 * Owns the layout and the wrapping: what was run, on what, what was expected and found, how to repeat it. A word that is
 * longer than a line (a path, a command) stays whole on a line of its own: it must survive being copied.
 */
import type { CallReference } from "../judge/finding.ts";
import type { ReportedFinding, RunReport } from "./document.ts";
import {
  alignment,
  grouped,
  hex,
  howOften,
  milliseconds,
  plural,
  printable,
  secondReadingLines,
  seconds,
  settingText,
  size,
  verifiedText,
} from "./format.ts";
import { hexdump } from "./hexdump.ts";

export const MAIL_COLUMNS = 78;
/** Findings given in full; the rest are one line each, up to a limit. */
const DETAILED_MAX = 3;
const LISTED_MAX = 20;
const TIMELINE_MAX = 24;

/** Wraps at spaces; continuation lines are indented by `indent` columns more. */
export function wrap(
  text: string,
  { indent = 0, hang = 0, columns = MAIL_COLUMNS }: { indent?: number; hang?: number; columns?: number } = {},
): string[] {
  const lines: string[] = [];
  let line = " ".repeat(indent);
  let empty = true;
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = " ".repeat(indent + hang);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return empty ? lines : [...lines, line];
}

function heading(text: string): string[] {
  return ["", text, "-".repeat(text.length)];
}

export function renderMail(raw: RunReport): string {
  const report = printable(raw);
  return `${[
    ...summary(report),
    ...heading("What was run"),
    `  ${report.replay}`,
    ...where(report),
    ...findings(report),
    ...timeline(report),
    ...(report.sections ?? []).flatMap((section) => [
      ...heading(section.title),
      ...section.lines.flatMap(sectionLines),
    ]),
    ...asked(report),
    ...repeat(report),
    ...environment(report),
  ].join("\n")}\n`;
}

/** Commands stay whole, so that they can be pasted. */
function sectionLines(line: string): string[] {
  return /^bun(x|\s)/.test(line.trim()) ? [`  ${line.trim()}`] : wrap(line, { indent: 2, hang: 2 });
}

function summary(report: RunReport): string[] {
  const { totals, verdict, trigger, environment: e } = report;
  const count = report.findings.length + (report.findingsLeftOut ?? 0);
  const found = verdict === "corrupt" ? `, ${plural(count, "finding")}` : "";
  const reached = trigger.reached === null ? "unknown" : plural(trigger.reached, "time");
  return [
    ...wrap(`${report.tool} on Linux ${e.kernel} (${e.arch}): ${verdict}${found}`),
    "",
    ...wrap(`${verifiedText(totals)} in ${seconds(report.durationSeconds)}.`),
    ...(report.reason === undefined ? [] : wrap(`Reason: ${report.reason}.`)),
    ...(trigger.attempts === 0
      ? []
      : wrap(`Racy path entered: ${reached} in ${plural(trigger.attempts, "attempt")} (${trigger.how}).`)),
    ...(verdict === "corrupt" ? wrap(`How often: ${howOften(report)}.`) : []),
  ];
}

/** What a maintainer asks first, answered with what this report knows. */
function questions(report: RunReport): string[] {
  const { environment: e, known, findings: found, workload, verdict } = report;
  if (verdict !== "corrupt") return [];
  const reading = found[0] === undefined ? [] : secondReadingLines(found[0]);
  const answers: [string, (string | undefined)[]][] = [
    ["Is it repeatable?", [howOften(report)]],
    ["Is it in the file, or only in the page cache?", reading],
    ["Which file system, how made, how mounted?", [e.filesystem, geometry(e), option("mounted", e.mountOptions)]],
    ["Was memory limited?", [option("cgroup memory.max", e.cgroupMemoryMax), option("pressure", pressureOf(workload))]],
    ["Is the kernel modified?", [option("build", e.kernelBuild), option("tainted", e.tainted)]],
    ["Is a fix known?", known === undefined ? [] : [fixOf(known), ...fixedIn(known)]],
  ];
  return answers.flatMap(([question, parts]) => {
    const given = parts.filter((part) => part !== undefined && part !== "");
    return given.length === 0 ? [] : [...wrap(question, { indent: 2 }), ...wrap(`${given.join("; ")}`, { indent: 6 })];
  });
}

function asked(report: RunReport): string[] {
  const lines = questions(report);
  return lines.length === 0 ? [] : [...heading("Questions, answered beforehand"), ...lines];
}

function fixOf({ fix, documentedIn }: NonNullable<RunReport["known"]>): string {
  if (fix !== "") return `"${fix}"`;
  return documentedIn === undefined
    ? "none that this program knows"
    : `none: ${documentedIn} documents it, so it is not called a bug`;
}

function fixedIn({ firstFixed, affectedSince }: NonNullable<RunReport["known"]>): string[] {
  const fixed = firstFixed.length === 0 ? [] : [`first fixed in ${firstFixed.join(", ")}`];
  return affectedSince === undefined ? fixed : [...fixed, `affected since ${affectedSince}`];
}

function option(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : `${name} ${value}`;
}

function geometry({ fsBlockBytes, fsBytes, fsFreeBytes }: RunReport["environment"]): string | undefined {
  if (fsBlockBytes === undefined) return undefined;
  return `blocks of ${fsBlockBytes} bytes, ${size(Number(fsBytes))}, ${size(Number(fsFreeBytes))} free`;
}

function pressureOf({ pressure }: RunReport["workload"]): string | undefined {
  if (typeof pressure !== "object" || pressure === null) return undefined;
  const { mode, headroomBytes } = pressure as { mode?: string; headroomBytes?: number | null };
  const room = typeof headroomBytes === "number" ? `, memory.max ${size(headroomBytes)} above what is held` : "";
  return mode === undefined ? undefined : `${mode}${room}`;
}

/** What a reader must know before the findings; the rest is at the end. */
const WHERE = ["kernel", "arch", "filesystem", "mountOptions", "cpus", "memoryBytes"];

function where({ environment: e }: RunReport): string[] {
  return [...heading("Where"), ...table(WHERE.map((name) => [name, e[name]]))];
}

function environment({ environment: e, version, seed }: RunReport): string[] {
  const others = Object.entries(e).filter(([name]) => !WHERE.includes(name));
  return [...heading("Environment"), ...table([...others, ["bytewitness", version], ["seed", seed]])];
}

/** Names and values, those that are unknown left out. */
function table(entries: readonly (readonly [string, unknown])[]): string[] {
  const known = entries.filter(([, value]) => value !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  return known.flatMap(([name, value]) =>
    wrap(settingText(name, value), { indent: width + 4 }).map((text, index) =>
      index === 0 ? `  ${name.padEnd(width)}${text.slice(width + 2)}` : text,
    ),
  );
}

function findings(report: RunReport): string[] {
  if (report.findings.length === 0) return [];
  const repeats = (report.groups ?? []).flatMap((group) => wrap(`repeats: ${group.detail}`, { indent: 2, hang: 2 }));
  const lines = [...heading("Expected and found"), ...repeats, ...(repeats.length === 0 ? [] : [""])];
  report.findings.slice(0, LISTED_MAX).forEach((finding, index) => {
    if (index < DETAILED_MAX) lines.push(...(index === 0 ? [] : [""]), ...detailed(finding, index));
    else lines.push(...(index === DETAILED_MAX ? [""] : []), ...brief(finding, index));
  });
  const more = Math.max(0, report.findings.length - LISTED_MAX) + (report.findingsLeftOut ?? 0);
  return more === 0 ? lines : [...lines, "", `  ${plural(more, "more finding")} left out`];
}

function brief(finding: ReportedFinding, index: number): string[] {
  const { kind, offsetBytes, lengthBytes } = finding;
  return wrap(`${index + 1}. ${kind} at ${grouped(offsetBytes)}, ${plural(lengthBytes, "byte")}`, {
    indent: 2,
    hang: 3,
  });
}

function detailed(finding: ReportedFinding, index: number): string[] {
  const { kind, offsetBytes, lengthBytes, originBytes, file, sample, calls = [] } = finding;
  const origin = originBytes === undefined ? "" : `, from ${grouped(originBytes)} (${hex(originBytes)}) of the stream`;
  return [
    ...wrap(
      `${index + 1}. ${kind}: ${plural(lengthBytes, "byte")} at ${grouped(offsetBytes)} (${hex(offsetBytes)}, ${alignment(offsetBytes)})${origin}`,
      { indent: 2, hang: 3 },
    ),
    ...(file === undefined ? [] : [`     file: ${file}`]),
    ...wrap(`${finding.detail}.`, { indent: 5 }),
    ...secondReadingLines(finding).flatMap((line) => wrap(line, { indent: 5 })),
    ...(sample === undefined
      ? []
      : ["     expected (-) and found (+):", ...hexdump(sample).map((line) => `     ${line}`)]),
    ...(calls.length === 0
      ? []
      : ["     calls whose bytes are there:", ...calls.flatMap((call) => callLines(call, 7))]),
  ];
}

function callLines(call: CallReference, indent: number): string[] {
  const detail = call.detail === undefined ? "" : `  ${call.detail}`;
  const took = call.endNs === undefined ? "" : ` <${milliseconds(call.endNs - call.atNs)}>`;
  return wrap(
    `${milliseconds(call.atNs)}  ${call.what} #${call.index}(${grouped(call.requestedBytes)}) = ${grouped(call.result)}${took}${detail}`,
    { indent, hang: 2 },
  );
}

function timeline(report: RunReport): string[] {
  const calls = (report.timeline ?? []).slice(0, TIMELINE_MAX);
  if (calls.length === 0) return [];
  return [...heading("Calls around the findings"), ...calls.flatMap((call) => callLines(call, 2))];
}

function repeat(report: RunReport): string[] {
  return [
    ...heading("How to repeat it"),
    `  ${report.replay}`,
    ...(report.artifacts.length === 0 ? [] : ["", "  files kept:", ...report.artifacts.map((path) => `    ${path}`)]),
  ];
}
