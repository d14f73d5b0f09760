/**
 * A file as a picture: rows of cells, hatched and coloured by kind, with a legend; a self-contained SVG without scripts.
 *
 * Owns the drawing; the map from segments to cells is `strip.ts`'s.
 */
import type { Segment } from "../judge/finding.ts";
import { escapeText, grouped } from "./format.ts";
import { CELL_ORDER, CELL_SHAPE, type CellKind, cellsOf } from "./strip.ts";

/** Okabe and Ito's palette, distinguishable by colour-blind readers; the letter in the cell repeats it. */
const FILL: Record<CellKind, string> = {
  intact: "#dfe7df",
  duplicated: "#e69f00",
  lost: "#cc79a7",
  misplaced: "#e34a6f",
  zeroed: "#0072b2",
  filled: "#5b6fb5",
  "bit-flipped": "#56b4e9",
  "byte-swapped": "#8fd0c2",
  stale: "#7b4f9d",
  torn: "#f0e442",
  foreign: "#d55e00",
  truncated: "#999999",
  extra: "#009e73",
};

const CELL = 14;
const PER_ROW = 64;
const ROWS = 16;
const MARGIN = 16;

export function renderSvg(segments: readonly Segment[], { title }: { title: string }): string {
  const cells = cellsOf(segments, PER_ROW * ROWS);
  const rows = Math.ceil(cells.length / PER_ROW);
  const kinds = CELL_ORDER.filter((kind) => kind === "intact" || cells.includes(kind)).reverse();
  const width = MARGIN * 2 + PER_ROW * CELL;
  const height = MARGIN * 2 + 24 + rows * CELL + 16 + kinds.length * 18;
  const last = segments.at(-1);
  const total = last === undefined ? 0 : last.offsetBytes + last.lengthBytes - (segments[0]?.offsetBytes ?? 0);
  const heading = `${title}: ${grouped(total)} bytes, one cell = ${grouped(Math.ceil(total / Math.max(1, cells.length)))} bytes`;
  const legendTop = MARGIN + 24 + rows * CELL + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="11">`,
    `<title>${escapeText(heading)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="${MARGIN + 8}" font-size="13">${escapeText(heading)}</text>`,
    ...cells.map((kind, index) =>
      drawCell(kind, { x: MARGIN + (index % PER_ROW) * CELL, y: MARGIN + 24 + Math.floor(index / PER_ROW) * CELL }),
    ),
    ...kinds.flatMap((kind, index) => drawLegend(kind, legendTop + index * 18)),
    "</svg>",
    "",
  ].join("\n");
}

function drawCell(kind: CellKind, { x, y }: { x: number; y: number }): string {
  const rect = `<rect x="${x}" y="${y}" width="${CELL - 1}" height="${CELL - 1}" fill="${FILL[kind]}"/>`;
  if (kind === "intact") return rect;
  return `${rect}<text x="${x + (CELL - 1) / 2}" y="${y + 10}" text-anchor="middle">${escapeText(CELL_SHAPE[kind])}</text>`;
}

function drawLegend(kind: CellKind, y: number): string[] {
  return [drawCell(kind, { x: MARGIN, y }), `<text x="${MARGIN + CELL + 6}" y="${y + 10}">${kind}</text>`];
}
