/**
 * The map of a file as SVG: the whole of it in rows of cells, and a finding's neighbourhood from close by.
 *
 * Owns the drawing; which cell shows what is `strip.ts`'s. A damaged cell is a link to its finding, so that the map works
 * with a mouse, with the keyboard and for a screen reader, and needs no script.
 */
import type { Finding, Segment } from "../../judge/finding.ts";
import { grouped, plural } from "../format.ts";
import { CELL_ORDER, CELL_SHAPE, type CellKind, cellsOf, withGaps } from "../strip.ts";
import { html, type Markup } from "./markup.ts";

const CELL = 14;
const PER_ROW = 64;
const ROWS_MAX = 16;
const ZOOM_CELLS = 64;

/** Offsets [from, to) of the part of the file that is drawn. */
interface Span {
  readonly from: number;
  readonly to: number;
}

function spanOf(segments: readonly Segment[]): Span {
  const last = segments.at(-1);
  return { from: segments[0]?.offsetBytes ?? 0, to: last === undefined ? 0 : last.offsetBytes + last.lengthBytes };
}

/** The number of the first finding that touches a range, from 0; -1 when none does. */
function findingIn(findings: readonly Finding[], { from, to }: Span): number {
  return findings.findIndex(
    ({ offsetBytes, lengthBytes }) => offsetBytes < to && offsetBytes + Math.max(1, lengthBytes) > from,
  );
}

function cell(kind: CellKind, x: number, y: number): Markup {
  const rect = html`<rect class="k-${kind}" x="${x}" y="${y}" width="${CELL - 1}" height="${CELL - 1}" rx="2"/>`;
  if (kind === "intact") return rect;
  const letter = html`<text class="i-${kind}" x="${x + (CELL - 1) / 2}" y="${y + 10}" font-size="10" text-anchor="middle">${CELL_SHAPE[kind]}</text>`;
  return html`${rect}${letter}`;
}

function linked(
  drawn: Markup,
  kind: CellKind,
  index: number,
  { where, prefix }: { where: Span; prefix: string },
): Markup {
  if (kind === "intact" || index < 0) return drawn;
  const label = `finding ${index + 1}, ${kind}, bytes ${grouped(where.from)} to ${grouped(where.to)}`;
  return html`<a href="#${prefix}finding-${index + 1}" aria-label="${label}"><title>${label}</title>${drawn}</a>`;
}

/** One row or several of cells with the offset in front of each row. */
function drawCells(
  segments: readonly Segment[],
  findings: readonly Finding[],
  options: { perRow: number; rows: number; label: string; prefix: string },
): Markup {
  const span = spanOf(segments);
  const total = span.to - span.from;
  const cells = cellsOf(segments, options.perRow * options.rows);
  const digits = grouped(span.to).length;
  const left = digits * 7.5 + 10;
  const height = Math.ceil(cells.length / options.perRow) * CELL + 4;
  const width = left + options.perRow * CELL + 2;
  const rows: Markup[] = [];
  let linkedTo = -1;
  cells.forEach((kind, index) => {
    const column = index % options.perRow;
    const y = Math.floor(index / options.perRow) * CELL + 2;
    const where = {
      from: span.from + Math.floor((index / cells.length) * total),
      to: span.from + Math.ceil(((index + 1) / cells.length) * total),
    };
    if (column === 0)
      rows.push(
        html`<text class="axis" x="${left - 8}" y="${y + 10}" font-size="11" text-anchor="end">${grouped(where.from)}</text>`,
      );
    const drawn = cell(kind, left + column * CELL, y);
    const finding = kind === "intact" ? -1 : findingIn(findings, where);
    // One link for each finding, at its first cell: a long finding is not a hundred stops of the Tab key.
    rows.push(finding === linkedTo ? drawn : linked(drawn, kind, finding, { where, prefix: options.prefix }));
    if (finding >= 0) linkedTo = finding;
  });
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="${options.label}">${rows}</svg>`;
}

function legend(kinds: readonly CellKind[]): Markup {
  return html`<ul class="legend">${kinds.map(
    (kind) => html`<li><b class="k-${kind} i-${kind}">${CELL_SHAPE[kind]}</b>${kind}</li>`,
  )}</ul>`;
}

/** The whole file: at most 16 rows of 64 cells, the worst kind of its part in each cell. */
export function fileMap(whole: readonly Segment[], findings: readonly Finding[], prefix = ""): Markup {
  const segments = withGaps(whole, findings);
  const { from, to } = spanOf(segments);
  const count = Math.min(PER_ROW * ROWS_MAX, to - from);
  const cells = cellsOf(segments, count);
  const kinds = [...CELL_ORDER].reverse().filter((kind) => cells.includes(kind));
  const label = `map of ${plural(to - from, "byte")}`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="map of the file">${drawCells(segments, findings, { perRow: PER_ROW, rows: ROWS_MAX, label, prefix })}</div>
${legend(kinds)}<p class="soft">${plural(to - from, "byte")}; one cell is ${plural(Math.ceil((to - from) / Math.max(1, cells.length)), "byte")} and shows the worst kind in it. Select a marked cell to go to its finding.</p>`;
}

/** Segments cut to [from, to). */
function cut(segments: readonly Segment[], { from, to }: Span): Segment[] {
  return segments.flatMap((segment) => {
    const start = Math.max(from, segment.offsetBytes);
    const end = Math.min(to, segment.offsetBytes + segment.lengthBytes);
    const isMark = segment.lengthBytes === 0 && start === segment.offsetBytes && start <= to;
    return end > start || isMark ? [{ ...segment, offsetBytes: start, lengthBytes: end - start }] : [];
  });
}

/** A finding with as much intact file on both sides as it is long, in one row; undefined when there is no map. */
export function zoom(segments: readonly Segment[], finding: Finding): Markup | undefined {
  if (segments.length === 0) return undefined;
  const whole = spanOf(segments);
  const margin = Math.max(ZOOM_CELLS, finding.lengthBytes);
  const from = Math.max(whole.from, finding.offsetBytes - margin);
  const to = Math.min(whole.to, finding.offsetBytes + finding.lengthBytes + margin);
  const near = cut(withGaps(segments, [finding]), { from, to });
  if (near.length === 0) return undefined;
  const label = `bytes ${grouped(from)} to ${grouped(to)}`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${`neighbourhood: ${label}`}">${drawCells(near, [], { perRow: ZOOM_CELLS, rows: 1, label, prefix: "" })}</div>
<p class="soft">${label}; one cell is ${plural(Math.ceil((to - from) / Math.min(ZOOM_CELLS, to - from)), "byte")}</p>`;
}
