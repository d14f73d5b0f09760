/**
 * Lines that are torn: a line of a text whose pieces lie apart, with whole lines of another place between them.
 *
 * Owns telling that from whole lines that were put between two others (those may be cut anywhere in what neighbouring
 * lines share, and are then not between the pieces of any line) and from blocks, which begin and end anywhere. Refuses
 * bytes that are in place of others.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import type { Note } from "./notebook.ts";

/** True when the note's bytes are whole lines between two pieces of one line. */
export function isTorn(note: Note, pattern: Pattern): boolean {
  const { kind, homeBytes, originBytes, lengthBytes, replacesBytes } = note;
  const isInserted = kind === "duplicated" || (kind === "misplaced" && replacesBytes === 0);
  if (!isInserted || originBytes === undefined || pattern.lineAt === undefined) return false;
  const line = pattern.lineAt(homeBytes);
  const before = homeBytes - line.offsetBytes;
  const isLine = (offset: number) => pattern.lineAt?.(offset).offsetBytes === offset;
  if (before === 0 || !isLine(originBytes) || !isLine(originBytes + lengthBytes)) return false;
  // The same file is made by an insertion some bytes before or behind: at the line's beginning, or at its end.
  return (
    !isSame(pattern, { one: line.offsetBytes, other: originBytes + lengthBytes - before, count: before }) &&
    !isSame(pattern, { one: homeBytes, other: originBytes, count: line.lengthBytes - before })
  );
}

function isSame(pattern: Pattern, { one, other, count }: { one: number; other: number; count: number }): boolean {
  if (other < 0) return false;
  const [a, b] = [new Uint8Array(count), new Uint8Array(count)];
  pattern.fill(a, one);
  pattern.fill(b, other);
  return a.every((byte, i) => byte === b[i]);
}
