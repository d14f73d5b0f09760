/**
 * Where zeroed, filled and foreign damage may begin and end.
 *
 * Owns two rules. Bytes of the neighbours that have the value of a fill may be counted to it, zeros also to foreign
 * damage that visibly begins or ends with zeros (as the last 6 of report 2's 172 bytes do); the cut decides. Other
 * foreign damage of 512 bytes and more that begins or ends within a word of a page boundary may reach it: chance may
 * have made its first or last bytes right. Everything else begins and ends at a byte that is visibly wrong.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { PAGE_BYTES, WORD_BYTES } from "./boundary.ts";
import type { Part } from "./part.ts";
import type { RawPiece } from "./raw-damage.ts";
import type { Window } from "./resync.ts";

const SNAP_LENGTH_BYTES = 512;
/** Equal bytes are looked for this far around the damage. */
const SLIDE_BYTES = 64;

const tail = new Uint8Array(SLIDE_BYTES);

interface Neighbours {
  /** The run before the damage. */
  readonly run: Part;
  /** The first piece follows that run. */
  readonly first: boolean;
  /** Where the next run visibly begins, in view; its bytes before `high` are known to be its own. */
  readonly next?: { readonly window: Window; readonly from: number; readonly high: number };
}

/** The pieces as parts of the file. */
export function rawParts(pieces: readonly RawPiece[], { run, first, next }: Neighbours): Part[] {
  return pieces.map((piece, index) => {
    const { kind, from, to, value, head } = piece;
    const lo = first && index === 0 ? from - before(piece, run) : from;
    const hi = next !== undefined && index === pieces.length - 1 ? to + behind(piece, next) : to;
    const content = kind === "foreign" ? { head } : { value };
    return { kind, lo, hi, from, to, shift: run.shift, inlays: [], clear: to, ...content };
  });
}

function before(piece: RawPiece, run: Part): number {
  const { kind, from, to, value, head } = piece;
  const low = run.clear;
  const firstByte = kind === "foreign" ? head[0] : value;
  if (kind !== "foreign" || firstByte === 0) return equalBefore(run, firstByte as number, from - low);
  const page = Math.floor(from / PAGE_BYTES) * PAGE_BYTES;
  return to - from >= SNAP_LENGTH_BYTES && page >= low && from - page < WORD_BYTES ? from - page : 0;
}

/** How many of the last bytes of a run have that value. */
function equalBefore(run: Part, value: number, most: number): number {
  const count = Math.min(SLIDE_BYTES, most);
  if (count <= 0) return 0;
  const bytes = tail.subarray(0, count);
  (run.stream as Pattern).fill(bytes, run.hi + run.shift - count);
  let equal = 0;
  while (equal < count && bytes[count - 1 - equal] === value) equal += 1;
  return equal;
}

function behind(piece: RawPiece, { window, from, high }: NonNullable<Neighbours["next"]>): number {
  const { kind, to } = piece;
  const last = window.block[to - 1 - window.at];
  if (kind !== "foreign" || last === 0) {
    const value = kind === "foreign" ? 0 : piece.value;
    let equal = 0;
    const most = Math.min(high - from, SLIDE_BYTES);
    while (equal < most && window.block[from + equal - window.at] === value) equal += 1;
    return equal;
  }
  const page = Math.ceil(to / PAGE_BYTES) * PAGE_BYTES;
  return to - piece.from >= SNAP_LENGTH_BYTES && page <= high && page - to < WORD_BYTES ? page - to : 0;
}
