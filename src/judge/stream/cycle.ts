/**
 * The end of a stream that is one short cycle again and again (zeros, one value, a few bytes in turn).
 *
 * Such bytes show a phase and no place, so how much was lost, repeated or pushed in somewhere shows at the end of the file
 * only. Owns joining what is wrong there with the finding that explains it: bytes pushed in and as many too many at the
 * end are one accident. Refuses to touch streams whose bytes show where they belong.
 */
import type { Segment } from "../finding.ts";
import type { Note } from "./notebook.ts";

type CycleSegment = { -readonly [K in keyof Segment]: Segment[K] };

const RAW: ReadonlySet<Note["kind"]> = new Set(["zeroed", "filled", "foreign"]);

interface Cause {
  readonly note: Note;
  /** A loss right behind damage is one with it. */
  readonly with: Note | undefined;
  /** Bytes at the end that it explains: too many, or (negative) too few. */
  readonly takes: number;
}

export const GOES_ON = "the pattern goes on";

/** The notes without what is wrong at the end, where others explain all of it; segments are mended in place. */
export function joinEnd(notes: readonly Note[], segments: CycleSegment[], periodBytes: number): Note[] {
  const end = notes.find(({ kind, content }) => kind === "truncated" || (kind === "extra" && content === GOES_ON));
  if (end === undefined) return [...notes];
  const wrong = end.kind === "extra" ? end.lengthBytes : -end.lengthBytes;
  // Phases in place, and phases that were moved, cannot both be kept; nor can the words of a range in which all are wrong.
  const isFixed = ({ kind, wordBytes }: Note) => kind === "misplaced" || wordBytes !== undefined;
  const isKnown = wrong % periodBytes === 0 && (periodBytes === 1 || !notes.some(isFixed));
  const causes = isKnown ? causesOf(notes, wrong, periodBytes) : undefined;
  if (causes === undefined) return [...notes];
  let past = 0;
  const changed = new Set(causes.map(({ note }) => note));
  for (const note of notes) {
    if (note.kind !== "lost" || changed.has(note)) continue;
    for (const { note: before, takes } of causes)
      if (before.offsetBytes < note.offsetBytes) note.originBytes = (note.originBytes as number) - takes;
  }
  for (const { note, with: behind, takes } of causes) {
    const wasTo = note.offsetBytes + (note.kind === "duplicated" ? note.lengthBytes : 0);
    if (RAW.has(note.kind)) note.replacesBytes = (note.replacesBytes ?? 0) + (behind?.lengthBytes ?? 0) - takes;
    else become(note, growthOf(note) + takes, past);
    redraw(segments, { note, wasTo, end, takes, past });
    past += takes;
  }
  const gone = new Set([end, ...causes.map((cause) => cause.with)]);
  return notes.filter((note) => !gone.has(note) && note.lengthBytes > 0);
}

/** Who explains what is wrong at the end, in file order: damage that was pushed in first, then one change of length. */
function causesOf(notes: readonly Note[], wrong: number, periodBytes: number): Cause[] | undefined {
  const causes: Cause[] = [];
  let left = wrong;
  const raw = notes.flatMap((note, index) => {
    if (!RAW.has(note.kind)) return [];
    const next = notes[index + 1];
    const isBehind = next?.kind === "lost" && next.offsetBytes === note.offsetBytes + note.lengthBytes;
    return [{ note, with: isBehind ? next : undefined }];
  });
  // Where a loss goes with it, that is one finding less.
  for (const { note, with: behind } of raw.sort(
    (a, b) => Number(b.with !== undefined) - Number(a.with !== undefined),
  )) {
    const room = (note.replacesBytes ?? 0) + (behind?.lengthBytes ?? 0);
    const most = Math.max(room - note.lengthBytes, Math.min(room, left));
    // The phase behind it is proven.
    const takes = most - (most % periodBytes);
    if (takes === 0 || left === 0 || takes > left !== left < 0) continue;
    causes.push({ note, with: behind, takes });
    left -= takes;
  }
  const inOrder = (all: Cause[]) => all.sort((a, b) => a.note.offsetBytes - b.note.offsetBytes);
  if (left === 0) return inOrder(causes);
  const taken = new Set(causes.map((cause) => cause.with));
  const changes = notes
    .filter((note, index) => {
      if ((note.kind !== "lost" && note.kind !== "duplicated") || taken.has(note)) return false;
      return note.offsetBytes + growthOf(note) + left <= (notes[index + 1]?.offsetBytes ?? Infinity);
    })
    .sort((a, b) => Math.abs(growthOf(a) + left) - Math.abs(growthOf(b) + left));
  const [change] = changes;
  return change === undefined ? undefined : inOrder([...causes, { note: change, with: undefined, takes: left }]);
}

/** Bytes that the file has more than the stream there. */
function growthOf({ kind, lengthBytes }: Note): number {
  return kind === "duplicated" ? lengthBytes : -lengthBytes;
}

/** A change of length becomes another one; of no length, it is none. `past`: how far the stream before it was moved. */
function become(note: Note, growth: number, past: number): void {
  const next = note.homeBytes - past;
  note.kind = growth > 0 ? "duplicated" : "lost";
  note.lengthBytes = Math.abs(growth);
  note.originBytes = growth > 0 ? Math.max(0, next - growth) : next;
}

interface Redrawn {
  readonly note: Note;
  /** Where the repeated bytes that the note was ended. */
  readonly wasTo: number;
  readonly end: Note;
  readonly takes: number;
  /** What was taken before it. */
  readonly past: number;
}

/** Behind the note the stream is as many bytes further back as it takes of the end. */
function redraw(segments: CycleSegment[], { note, wasTo, end, takes, past }: Redrawn): void {
  const { kind, offsetBytes, homeBytes } = note;
  const drawn: CycleSegment[] = [];
  const add = (from: number, to: number, as: Segment["kind"], origin?: number) => {
    const last = drawn.at(-1);
    const adjoins = last?.kind === "intact" && (last.originBytes ?? last.offsetBytes) + last.lengthBytes === origin;
    if (to <= from) return;
    if (last !== undefined && as === "intact" && adjoins) last.lengthBytes += to - from;
    else {
      const known = origin === undefined || (as === "intact" && origin === from) ? {} : { originBytes: origin };
      drawn.push({ offsetBytes: from, lengthBytes: to - from, kind: as, ...known });
    }
  };
  const behind = offsetBytes + (kind === "lost" ? 0 : note.lengthBytes);
  let isDrawn = false;
  const drawNote = () => {
    if (!isDrawn && behind > offsetBytes)
      add(offsetBytes, behind, kind, kind === "duplicated" ? note.originBytes : undefined);
    isDrawn = true;
  };
  for (const segment of segments) {
    const to = segment.offsetBytes + segment.lengthBytes;
    const origin = segment.kind === "intact" ? (segment.originBytes ?? segment.offsetBytes) : segment.originBytes;
    if (segment.offsetBytes < offsetBytes) add(segment.offsetBytes, Math.min(to, offsetBytes), segment.kind, origin);
    if (to <= offsetBytes) continue;
    drawNote();
    const from = Math.max(segment.offsetBytes, behind);
    const into = from - segment.offsetBytes;
    if (segment.kind === "extra") add(from, to, "intact", end.homeBytes + from - end.offsetBytes - takes - past);
    else if (segment.kind === "intact") add(from, to, "intact", (origin as number) + into - takes);
    else if (from < wasTo) add(from, to, "intact", homeBytes - past - growthOf(note) + from - offsetBytes);
    else add(from, to, segment.kind, origin);
  }
  drawNote();
  segments.splice(0, segments.length, ...drawn);
}
