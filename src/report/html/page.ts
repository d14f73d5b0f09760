/**
 * A run's report as one self-contained page: no network, no script, readable on paper, in the dark and by a screen reader.
 *
 * Owns the order, which is the one an engineer asks in: verdict, each finding with its place, bytes and calls, the map of
 * the file, the calls in time, how to repeat it, where it happened; the JSON report is embedded unchanged.
 */
import type { ReportedFinding, RunReport } from "../document.ts";
import {
  alignment,
  grouped,
  hex,
  howOften,
  plural,
  secondReadingLines,
  seconds,
  settingText,
  verifiedText,
} from "../format.ts";
import { withGaps } from "../strip.ts";
import { byteTable } from "./bytes.ts";
import { callTable, keyOf } from "./calls.ts";
import { fileMap, zoom } from "./map.ts";
import { html, Markup } from "./markup.ts";
import { STYLE } from "./style.ts";

/** Findings shown in full; the rest are counted (the embedded JSON holds them). */
const FINDINGS_MAX = 64;

export function renderHtml(report: RunReport): string {
  const title = `${report.tool}: ${report.verdict} on Linux ${report.environment.kernel}`;
  return page(title, [
    html`<header><h1>${headline(report)}</h1>
${summary(report)}</header>`,
    html`<main>
${reportParts(report, { prefix: "", level: "h2" })}
</main>`,
    html`<footer><p class="soft">bytewitness ${report.version}. The report as JSON is embedded in this page (element "report").</p></footer>`,
    embedded(report),
  ]);
}

/** Where a report's parts are put: ids get the prefix, headings the level. */
export interface Placed {
  readonly prefix: string;
  readonly level: "h2" | "h4";
}

/** Findings, map, calls, sections, how to repeat it and where it happened: a report without its head. */
export function reportParts(report: RunReport, placed: Placed): Markup {
  const segments = report.segments ?? [];
  return html`${findingsPart(report, placed)}
${withGaps(segments, report.findings).length > 1 ? html`<section>${heading("Map of the file", "map", placed)}${fileMap(segments, report.findings, placed.prefix)}</section>` : undefined}
${timelinePart(report, placed)}
${(report.sections ?? []).map((section) => html`<section>${heading(section.title, undefined, placed)}<pre tabindex="0">${section.lines.join("\n")}</pre></section>`)}
${repeatPart(report, placed)}
${environmentPart(report, placed)}`;
}

function heading(text: string, id: string | undefined, { prefix, level }: Placed): Markup {
  const name = id === undefined ? undefined : html` id="${prefix}${id}"`;
  return level === "h2" ? html`<h2${name}>${text}</h2>` : html`<h4${name}>${text}</h4>`;
}

/** The frame that every page of ours shares. */
export function page(title: string, body: readonly Markup[]): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="bytewitness">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

/** JSON inside a script element: `<` is written as an escape, so that no text in it can end the element. */
export function embedded(value: unknown): Markup {
  const json = JSON.stringify(value, undefined, 2).replaceAll("<", "\\u003c");
  return html`<script type="application/json" id="report">${new Markup(json)}</script>`;
}

/** "CORRUPT: 2 findings · uring-append". */
function headline(report: RunReport): Markup {
  const count = report.findings.length + (report.findingsLeftOut ?? 0);
  const found = report.verdict === "corrupt" ? `: ${plural(count, "finding")}` : "";
  return html`<span class="${report.verdict}">${report.verdict.toUpperCase()}${found}</span> · ${report.tool}`;
}

/** What was verified, why there is no better verdict, and how often the racy path was entered. */
export function summary(report: RunReport): Markup {
  const { totals, trigger } = report;
  const reached = trigger.reached === null ? "unknown" : plural(trigger.reached, "time");
  return html`<p>${verifiedText(totals)} in ${seconds(report.durationSeconds)} on Linux ${report.environment.kernel}.</p>
${report.reason === undefined ? undefined : html`<p>Reason: ${report.reason}.</p>`}
${trigger.attempts === 0 ? undefined : html`<p class="soft">Racy path entered: ${reached} in ${plural(trigger.attempts, "attempt")} (${trigger.how}).</p>`}
${report.verdict === "corrupt" ? html`<p class="soft">How often: ${howOften(report)}.</p>` : undefined}`;
}

function findingsPart(report: RunReport, placed: Placed): Markup | undefined {
  if (report.findings.length === 0) return undefined;
  const shown = report.findings.slice(0, FINDINGS_MAX);
  const more = report.findings.length - shown.length + (report.findingsLeftOut ?? 0);
  return html`<section>${heading("Findings", "findings", placed)}
${(report.groups ?? []).map((group) => html`<p>Repeats: ${group.detail}.</p>`)}
${shown.map((finding, index) => findingPart(finding, index, { report, placed }))}
${more > 0 ? html`<p>${plural(more, "more finding")} not shown here.</p>` : undefined}</section>`;
}

function findingPart(
  finding: ReportedFinding,
  index: number,
  { report, placed }: { report: RunReport; placed: Placed },
): Markup {
  const id = `${placed.prefix}finding-${index + 1}`;
  const { kind, offsetBytes, lengthBytes, originBytes, sample, calls = [], file } = finding;
  return html`<article id="${id}" aria-labelledby="${id}-title">
<h3 id="${id}-title">${index + 1}. <span class="badge k-${kind} i-${kind}">${kind}</span> at ${grouped(offsetBytes)} (${hex(offsetBytes)}), ${plural(lengthBytes, "byte")}</h3>
<p>${[`${finding.detail}.`, ...secondReadingLines(finding)].join(" ")}</p>
<dl>
${file === undefined ? undefined : html`<dt>file</dt><dd class="mono">${file}</dd>`}
<dt>offset</dt><dd>${grouped(offsetBytes)} (${hex(offsetBytes)}), ${alignment(offsetBytes)}</dd>
<dt>length</dt><dd>${plural(lengthBytes, "byte")} (${hex(lengthBytes)})</dd>
${originBytes === undefined ? undefined : html`<dt>origin</dt><dd>${grouped(originBytes)} (${hex(originBytes)}) in the stream</dd>`}
${finding.alsoAtBytes === undefined ? undefined : html`<dt>see</dt><dd>${grouped(finding.alsoAtBytes)} (${hex(finding.alsoAtBytes)}) in the file</dd>`}
</dl>
${report.findings.length > 1 || lengthBytes > 0 ? zoom(report.segments ?? [], finding) : undefined}
${sample === undefined ? undefined : byteTable(sample)}
${calls.length === 0 ? undefined : html`<p>Calls whose bytes are there:</p>${callTable(calls)}`}
</article>`;
}

function timelinePart(report: RunReport, placed: Placed): Markup | undefined {
  const timeline = report.timeline ?? [];
  if (timeline.length === 0) return undefined;
  const guilty = new Set(report.findings.flatMap((finding) => finding.calls ?? []).map(keyOf));
  return html`<section>${heading("Calls around the findings", "calls", placed)}${callTable(timeline, guilty)}</section>`;
}

function repeatPart(report: RunReport, placed: Placed): Markup {
  return html`<section>${heading("How to repeat it", "repeat", placed)}
<pre tabindex="0">${report.replay}</pre>
${report.artifacts.length === 0 ? undefined : html`<p>Files kept:</p><pre tabindex="0">${report.artifacts.join("\n")}</pre>`}</section>`;
}

function environmentPart(report: RunReport, placed: Placed): Markup {
  const entries = Object.entries(report.environment).filter(([, value]) => value !== undefined);
  return html`<section>${heading("Environment", "environment", placed)}
<dl>${entries.map(([name, value]) => html`<dt>${words(name)}</dt><dd>${settingText(name, value)}</dd>`)}
<dt>seed</dt><dd>${report.seed}</dd></dl>
<details><summary>Options of the run</summary><pre>${JSON.stringify(report.workload, undefined, 2)}</pre></details></section>`;
}

/** "mountOptions" -> "mount options", "memoryBytes" -> "memory". */
function words(name: string): string {
  return name
    .replace(/Bytes$/, "")
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
}
