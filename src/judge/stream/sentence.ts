/**
 * One sentence per finding, as an engineer would say it. Owns the wording of single findings; verdicts and layouts
 * belong to `report`.
 */
import type { Note } from "./notebook.ts";

const PAGE_BYTES = 4096;

/** 1937408 -> "1,937,408". */
export function grouped(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function bytes(count: number): string {
  return count === 1 ? "1 byte" : `${grouped(count)} bytes`;
}

/** "4,096 (page-aligned)". */
function place(offsetBytes: number): string {
  return offsetBytes % PAGE_BYTES === 0 ? `${grouped(offsetBytes)} (page-aligned)` : grouped(offsetBytes);
}

/** How the damage relates to the stream: in place, inserted, or partly. */
function relation(note: Note): string {
  const replaced = note.facts.replacesBytes;
  if (replaced === undefined) return "";
  if (replaced === note.lengthBytes) return ", in place of the stream's own";
  if (replaced === 0) return ", inserted; the stream goes on behind them where it was";
  return `, in place of ${bytes(replaced)} of the stream`;
}

function stand(note: Note): string {
  return note.lengthBytes === 1 ? "stands" : "stand";
}

function describeDuplicated(note: Note): string {
  const what = `${bytes(note.lengthBytes)} from ${grouped(note.originBytes ?? 0)} ${stand(note)} again at ${grouped(note.offsetBytes)}`;
  const after =
    note.facts.resumed === true
      ? "; everything after is shifted by that much"
      : "; the stream does not go on behind them";
  return what + (note.offsetBytes % PAGE_BYTES === 0 ? ", page-aligned" : "") + after;
}

function describeLost(note: Note): string {
  const from = grouped(note.originBytes ?? 0);
  const start = `${bytes(note.lengthBytes)} from ${from} are missing at ${place(note.offsetBytes)}`;
  const late = note.facts.lateAtBytes;
  if (late !== undefined) return `${start}; they stand out of order, from ${grouped(late)} on`;
  return `${start} and appear nowhere`;
}

function describeFlip(note: Note): string {
  const bits = note.facts.bits ?? [];
  const verb = bits.length === 1 ? "is" : "are";
  return `${bits.join(", ")} ${verb} flipped; the neighbouring words are intact`;
}

function describeStale(note: Note): string {
  const from = note.originBytes === undefined ? "" : `, its bytes from ${grouped(note.originBytes)} on,`;
  const label = note.facts.label ?? "another stream";
  return `${bytes(note.lengthBytes)} of ${label}${from} ${stand(note)} at ${place(note.offsetBytes)}${relation(note)}`;
}

function describeRaw(note: Note): string {
  const what = note.kind === "zeroed" ? bytes(note.lengthBytes).replace("byte", "zero byte") : bytes(note.lengthBytes);
  const tail = note.kind === "zeroed" ? relation(note) : ` that match nothing written${relation(note)}`;
  const verb = note.kind === "zeroed" ? ` ${stand(note)}` : "";
  return `${what}${verb} at ${place(note.offsetBytes)}${tail}`;
}

/** The sentence of one finding, without a full stop. */
export function describe(note: Note): string {
  switch (note.kind) {
    case "duplicated":
      return describeDuplicated(note);
    case "lost":
      return describeLost(note);
    case "bit-flipped":
      return describeFlip(note);
    case "stale":
      return describeStale(note);
    case "truncated":
      return `the file ends at ${grouped(note.offsetBytes)}; ${bytes(note.lengthBytes)} of the stream, from ${grouped(note.originBytes ?? 0)}, never came`;
    case "extra":
      return `${bytes(note.lengthBytes)} too many from ${grouped(note.offsetBytes)} on (${note.facts.content ?? "unknown"})`;
    case "torn":
      return `a record of ${bytes(note.lengthBytes)} lies in pieces from ${grouped(note.offsetBytes)} on`;
    default:
      return describeRaw(note);
  }
}
