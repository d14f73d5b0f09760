/**
 * Where zeroed and foreign damage begins and ends.
 *
 * Owns two rules. Zeros that belong there anyway are counted to a zeroed range, or to foreign damage that visibly begins
 * or ends with zeros, where that aligns it better (the last 6 of report 2's 172 bytes are such). Other foreign damage of 512 bytes and more that begins or ends within a word of a page boundary is taken to reach it: chance may
 * have made its first or last bytes right. Everything else begins and ends at a byte that is visibly wrong.
 */
import { chooseCut, PAGE_BYTES, type Run, WORD_BYTES } from "./boundary.ts";
import type { Piece } from "./piece.ts";
import type { Window } from "./resync.ts";

const SNAP_LENGTH_BYTES = 512;
/** Zeros are looked for this far before the damage. */
const SLIDE_BYTES = 64;

const window64 = new Uint8Array(SLIDE_BYTES);

/** The first byte of damage that follows a run. */
export function startOfDamage(piece: Piece, run: Run, firstByte: number): number {
  if (firstByte === 0) {
    return chooseCut({ low: run.to - zerosBeforeEnd(run), high: run.to, otherwise: run.to });
  }
  return snapDown(run.to, { low: run.from, lengthBytes: piece.to - piece.from });
}

/** The byte behind damage that ends in the window; the bytes before `high` are known to follow the next run. */
export function endOfDamage(piece: Piece, { window, high }: { window: Window; high: number }): number {
  if (window.block[piece.to - 1 - window.at] !== 0)
    return snapUp(piece.to, { high, lengthBytes: piece.to - piece.from });
  let zeros = 0;
  while (piece.to + zeros < high && window.block[piece.to + zeros - window.at] === 0) zeros += 1;
  return chooseCut({ low: piece.to, high: piece.to + zeros, otherwise: piece.to });
}

/** Start of foreign damage: chance may have made the first bytes of a page right. */
function snapDown(offset: number, { low, lengthBytes }: { low: number; lengthBytes: number }): number {
  const page = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
  return lengthBytes >= SNAP_LENGTH_BYTES && page >= low && offset - page < WORD_BYTES ? page : offset;
}

/** End of foreign damage, likewise. */
function snapUp(offset: number, { high, lengthBytes }: { high: number; lengthBytes: number }): number {
  const page = Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES;
  return lengthBytes >= SNAP_LENGTH_BYTES && page <= high && page - offset < WORD_BYTES ? page : offset;
}

/** How many of the last bytes of a run are zero. */
function zerosBeforeEnd(run: Run): number {
  const count = Math.min(SLIDE_BYTES, run.to - run.from, window64.length);
  if (count <= 0) return 0;
  const tail = window64.subarray(0, count);
  run.stream.fill(tail, run.streamOffsetBytes + (run.to - run.from) - count);
  let zeros = 0;
  while (zeros < count && tail[count - 1 - zeros] === 0) zeros += 1;
  return zeros;
}
