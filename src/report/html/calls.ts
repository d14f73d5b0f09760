/**
 * The table of calls of a page: when, how long, what was asked and what came.
 *
 * Owns the columns; one that would be empty in every row is left out.
 */
import type { CallReference } from "../../judge/finding.ts";
import { grouped, milliseconds } from "../format.ts";
import { html, type Markup } from "./markup.ts";

/** One key for a call, to find it again among others. */
export function keyOf(call: CallReference): string {
  return `${call.what}#${call.index}@${call.atNs}`;
}

interface Column {
  readonly title: string;
  readonly className: "n" | "mono" | "remark";
  readonly text: (call: CallReference) => string;
}

function remark({ detail }: CallReference, marked: boolean): string {
  return [...(marked ? ["in a finding"] : []), ...(detail === undefined ? [] : [detail])].join("; ");
}

/** `guilty` holds the keys of calls to mark. */
export function callTable(calls: readonly CallReference[], guilty: ReadonlySet<string> = new Set()): Markup {
  const isMarked = (call: CallReference) => guilty.has(keyOf(call));
  const all: Column[] = [
    { title: "time", className: "n", text: ({ atNs }) => milliseconds(atNs) },
    {
      title: "took",
      className: "n",
      text: ({ atNs, endNs }) => (endNs === undefined ? "" : milliseconds(endNs - atNs)),
    },
    { title: "call", className: "mono", text: ({ what, index }) => `${what} #${index}` },
    { title: "asked", className: "n", text: ({ requestedBytes }) => grouped(requestedBytes) },
    { title: "result", className: "n", text: ({ result }) => grouped(result) },
    {
      title: "stream offset",
      className: "n",
      text: ({ streamOffsetBytes: at }) => (at === undefined ? "" : grouped(at)),
    },
    { title: "remark", className: "remark", text: (call) => remark(call, isMarked(call)) },
  ];
  const columns = all.filter(({ text }) => calls.some((call) => text(call) !== ""));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="calls"><table>
<thead><tr>${columns.map(({ title }) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${calls.map(
    (call) =>
      html`<tr${isMarked(call) ? html` class="guilty"` : undefined}>${columns.map(
        ({ className, text }) => html`<td class="${className}">${text(call)}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
}
