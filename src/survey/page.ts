/**
 * Surveys as one page: case by kernel, each cell leads to what was found there.
 *
 * Owns the grid and the order of the details below it. A single survey is a grid of one column. Pure.
 */
import type { Verdict } from "../report/document.ts";
import { seconds } from "../report/format.ts";
import { html, type Markup } from "../report/html/markup.ts";
import { embedded, page, reportParts, summary } from "../report/html/page.ts";
import { type CaseResult, damageText, type Survey } from "./document.ts";

const ORDER: readonly Verdict[] = ["corrupt", "inconclusive", "clean", "skipped"];

/** One page for one or several surveys; `names` are the columns' heads (the kernel unless given). */
export function surveyPage(surveys: readonly Survey[], names?: readonly string[]): string {
  const heads = surveys.map((survey, index) => names?.[index] ?? survey.environment.kernel);
  const where = heads.length === 1 ? `Linux ${heads[0]}` : `${heads.length} kernels`;
  const cases = [...new Set(surveys.flatMap((survey) => survey.cases.map(({ name }) => name)))];
  const sorted = cases.toSorted((a, b) => worst(surveys, a) - worst(surveys, b));
  return page(`survey of ${where}`, [
    html`<header><h1>Survey of ${where}</h1><p>${counts(surveys)}</p></header>`,
    html`<main>
<section><h2>Cases</h2><div class="scroll" tabindex="0" role="region" aria-label="case by kernel"><table>
<thead><tr><th scope="col">case</th>${heads.map((head) => html`<th scope="col">${head}</th>`)}${heads.length === 1 ? html`<th scope="col">found</th><th scope="col">known</th>` : undefined}</tr></thead>
<tbody>${sorted.map((name) => row(name, surveys))}</tbody></table></div></section>
${surveys.map((survey, column) => details(survey, heads[column] as string, column))}
</main>`,
    html`<footer><p class="soft">bytewitness ${surveys[0]?.version ?? ""}. The surveys as JSON are embedded in this page (element "report").</p></footer>`,
    embedded(surveys.length === 1 ? surveys[0] : surveys),
  ]);
}

function worst(surveys: readonly Survey[], name: string): number {
  return Math.min(
    ...surveys
      .flatMap(({ cases }) => cases.filter((entry) => entry.name === name))
      .map(({ verdict }) => ORDER.indexOf(verdict)),
  );
}

function counts(surveys: readonly Survey[]): string {
  const results = surveys.flatMap(({ cases }) => cases);
  return ORDER.map((verdict) => `${results.filter((entry) => entry.verdict === verdict).length} ${verdict}`).join(", ");
}

function anchor(name: string, column: number): string {
  return `case-${column}-${name}`;
}

function row(name: string, surveys: readonly Survey[]): Markup {
  const results = surveys.map(({ cases }) => cases.find((entry) => entry.name === name));
  const single = surveys.length === 1 ? results[0] : undefined;
  return html`<tr><th scope="row">${name}</th>${results.map((result, column) => cell(result, column))}${
    single === undefined
      ? undefined
      : html`<td>${single.verdict === "corrupt" ? damageText(single.report) : (single.reason ?? "")}</td><td>${[single.known, single.advice].filter(Boolean).join("; ")}</td>`
  }</tr>`;
}

function cell(result: CaseResult | undefined, column: number): Markup {
  if (result === undefined) return html`<td class="soft">-</td>`;
  const { verdict, name, kinds, reason } = result;
  const text = html`<span class="${verdict}">${verdict === "corrupt" ? `CORRUPT ${kinds.join(", ")}` : verdict}</span>`;
  if (result.report === null) return html`<td title="${reason ?? ""}">${text}</td>`;
  return html`<td><a href="#${anchor(name, column)}">${text}</a></td>`;
}

/** Corrupt cases in full, the rest in a line that opens. */
function details(survey: Survey, head: string, column: number): Markup {
  const results = survey.cases.filter(({ report }) => report !== null);
  if (results.length === 0) return html``;
  return html`<section><h2>Linux ${head}</h2>
${results.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict)).map((result) => caseDetails(result, anchor(result.name, column)))}</section>`;
}

function caseDetails({ name, verdict, report, durationSeconds, known, advice }: CaseResult, id: string): Markup {
  if (report === null) return html``;
  const open = verdict === "corrupt" ? html` open` : undefined;
  return html`<article id="${id}"><h3><span class="${verdict}">${verdict}</span> · ${name} <span class="soft">${seconds(durationSeconds)}</span></h3>
${summary(report)}
${[known, advice].map((text) => (text === undefined ? undefined : html`<p class="soft">${text}</p>`))}
<details${open}><summary>Evidence</summary>${reportParts(report, { prefix: `${id}-`, level: "h4" })}</details></article>`;
}
