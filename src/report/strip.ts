/**
 * A file as a strip of cells for the terminal: each cell shows the worst thing in its part of the file, by shape and
 * colour, so it reads without colour too.
 *
 * Owns the map from segments to cells (used by the SVG as well). Small damage is never averaged away: one bad byte in a
 * gibibyte makes its cell bad.
 */
import type { Finding, Segment } from "../judge/finding.ts";
import { grouped, plural } from "./format.ts";
import { type Colour, painter } from "./paint.ts";

export type CellKind = Segment["kind"];

/** Severest first: a cell shows the first of these that lies in it. */
export const CELL_ORDER: readonly CellKind[] = [
  "foreign",
  "stale",
  "misplaced",
  "byte-swapped",
  "zeroed",
  "filled",
  "torn",
  "duplicated",
  "bit-flipped",
  "lost",
  "extra",
  "truncated",
  "intact",
];

export const CELL_SHAPE: Record<CellKind, string> = {
  intact: ".",
  duplicated: "D",
  lost: "L",
  misplaced: "m",
  zeroed: "0",
  filled: "f",
  "bit-flipped": "b",
  "byte-swapped": "w",
  stale: "s",
  torn: "t",
  foreign: "#",
  truncated: "<",
  extra: "+",
};

const CELL_COLOUR: Record<CellKind, Colour> = {
  intact: "green",
  duplicated: "yellow",
  lost: "magenta",
  misplaced: "red",
  zeroed: "blue",
  filled: "blue",
  "bit-flipped": "cyan",
  "byte-swapped": "cyan",
  stale: "magenta",
  torn: "yellow",
  foreign: "red",
  truncated: "magenta",
  extra: "cyan",
};

const COLUMNS_MIN = 8;
const COLUMNS_DEFAULT = 80;
const ROWS_MAX = 4;

/** The segments, and a mark without bytes where the file lacks some: a map of segments alone would show such a file as intact. */
export function withGaps(segments: readonly Segment[], findings: readonly Finding[]): readonly Segment[] {
  const gone = findings.filter(({ kind }) => kind === "lost" || kind === "truncated");
  if (gone.length === 0 || segments.length === 0) return segments;
  const at = [...new Set(gone.map(({ offsetBytes }) => offsetBytes))];
  const parts = segments.flatMap((segment) => {
    const end = segment.offsetBytes + segment.lengthBytes;
    const cuts = [segment.offsetBytes, ...at.filter((cut) => cut > segment.offsetBytes && cut < end), end];
    return cuts.slice(1).map((to, index): Segment => {
      const offsetBytes = cuts[index] as number;
      return { kind: segment.kind, offsetBytes, lengthBytes: to - offsetBytes };
    });
  });
  const marks = gone.map(({ kind, offsetBytes }): Segment => ({ kind, offsetBytes, lengthBytes: 0 }));
  return [...parts, ...marks].sort((a, b) => a.offsetBytes - b.offsetBytes || a.lengthBytes - b.lengthBytes);
}

/** The worst kind in each of `count` equal parts of the file; of a mark without bytes, the part behind it. */
export function cellsOf(segments: readonly Segment[], count: number): CellKind[] {
  const first = segments[0]?.offsetBytes ?? 0;
  const last = segments.at(-1);
  const total = last === undefined ? 0 : last.offsetBytes + last.lengthBytes - first;
  const cells = Array.from({ length: Math.min(count, total) }, (): CellKind => "intact");
  for (const segment of segments) {
    if (segment.kind === "intact") continue;
    const at = Math.floor(((segment.offsetBytes - first) / total) * cells.length);
    const from = Math.min(at, cells.length - 1);
    const to = Math.ceil(((segment.offsetBytes - first + segment.lengthBytes) / total) * cells.length);
    for (let i = from; i < Math.max(to, from + 1) && i < cells.length; i += 1) {
      if (CELL_ORDER.indexOf(segment.kind) < CELL_ORDER.indexOf(cells[i] as CellKind)) cells[i] = segment.kind;
    }
  }
  return cells;
}

/** Lines of cells with offsets in front, and a legend of the shapes that occur. */
export function renderStrip(
  segments: readonly Segment[],
  { color, columns }: { color: boolean; columns: number },
): string[] {
  const last = segments.at(-1);
  if (last === undefined) return [];
  const paint = painter(color);
  const first = segments[0]?.offsetBytes ?? 0;
  const total = last.offsetBytes + last.lengthBytes - first;
  const width = Number.isFinite(columns) && columns > 0 ? Math.floor(columns) : COLUMNS_DEFAULT;
  const digits = grouped(first + total).length;
  const roomy = width - digits - 2 >= COLUMNS_MIN;
  const perRow = Math.max(1, roomy ? width - digits - 2 : width);
  const cells = cellsOf(segments, perRow * ROWS_MAX);
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += perRow) {
    const row = cells.slice(at, at + perRow);
    const offset = grouped(first + Math.floor((at / cells.length) * total)).padStart(digits);
    const drawn = row.map((kind) => paint(CELL_COLOUR[kind], CELL_SHAPE[kind])).join("");
    lines.push(roomy ? `${offset}  ${drawn}` : drawn);
  }
  const kinds = [...CELL_ORDER].reverse().filter((kind) => cells.includes(kind));
  const legend = kinds.map((kind) => `${paint(CELL_COLOUR[kind], CELL_SHAPE[kind])} ${kind}`).join("  ");
  return [...lines, legend, `one cell = ${plural(Math.ceil(total / Math.max(1, cells.length)), "byte")}`];
}
