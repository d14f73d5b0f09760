/**
 * The two halves of one accident: pages that were swapped, data that was written to another place, bytes that were lost
 * at one place and turn up at another, however far apart they are.
 *
 * Owns finding the other half among the findings, thousands of them at most, and mending what was called lost or
 * repeated before the other half came. Refuses to look at anything but findings.
 */
import type { Note } from "./notebook.ts";
import { overlaps, type Range, without } from "./ranges.ts";

/** Findings that are remembered, of each sort. */
const NOTES_MAX = 2048;

const IN_PLACE: ReadonlySet<Note["kind"]> = new Set([
  "misplaced",
  "zeroed",
  "filled",
  "foreign",
  "stale",
  "byte-swapped",
]);

export class Links {
  /** Runs of the stream's bytes away from the main line. */
  readonly #away: Note[] = [];
  /** Places whose own bytes are not there. */
  readonly #damaged: Note[] = [];
  readonly #lost: Note[] = [];
  readonly #gone = new Set<Note>();
  unlistedGone = 0;
  /** Copies that turned out to be the thing itself. */
  readonly moved: Note[] = [];

  /** `noteLate` takes what is left of a lost range when its middle was found. */
  add(note: Note, noteLate: (note: Note) => void): void {
    const { kind, replacesBytes = 0 } = note;
    if (IN_PLACE.has(kind) && replacesBytes > 0) remember(this.#damaged, note);
    if (kind === "misplaced" || kind === "duplicated") {
      remember(this.#away, note);
      for (const lost of [...this.#lost]) this.#mend(lost, note, noteLate);
    }
    if (kind !== "lost") return;
    remember(this.#lost, note);
    for (const away of this.#away) this.#mend(note, away, noteLate);
  }

  /** Bytes that turn up are not lost. */
  #mend(lost: Note, found: Note, noteLate: (note: Note) => void): void {
    const missing = streamRange(lost);
    const held = streamRange(found);
    if (!overlaps(missing, held)) return;
    // A copy of what was missing is the thing itself.
    if (found.kind === "duplicated") {
      found.kind = "misplaced";
      found.replacesBytes = 0;
      if (found.listed) this.moved.push(found);
    }
    found.alsoAtBytes ??= lost.offsetBytes;
    const [left, right] = without([missing], held);
    if (left === undefined) {
      this.#gone.add(lost);
      if (!lost.listed) this.unlistedGone += 1;
      this.#lost.splice(this.#lost.indexOf(lost), 1);
      return;
    }
    lost.originBytes = left.from;
    lost.lengthBytes = left.to - left.from;
    if (right === undefined) return;
    const { sample, ...rest } = lost;
    const late = { ...rest, originBytes: right.from, lengthBytes: right.to - right.from };
    noteLate(late);
    remember(this.#lost, late);
    for (const away of this.#away) this.#mend(late, away, noteLate);
  }

  /** Joins the halves; returns lost findings whose bytes were found. */
  finish(listed: readonly Note[]): ReadonlySet<Note> {
    for (const note of listed) this.#join(note);
    return this.#gone;
  }

  #join(note: Note): void {
    if (note.alsoAtBytes !== undefined) return;
    const { offsetBytes, homeBytes, replacesBytes = 0, kind } = note;
    if (IN_PLACE.has(kind) && replacesBytes > 0) {
      const home = { from: homeBytes, to: homeBytes + replacesBytes };
      const other = holding(this.#away, home, note);
      if (other !== undefined) {
        note.alsoAtBytes = other.offsetBytes + Math.max(0, homeBytes - (other.originBytes as number));
        return;
      }
    }
    if (kind !== "misplaced") return;
    const bytes = streamRange(note);
    const place = this.#damaged.find((one) => {
      const home = { from: one.homeBytes, to: one.homeBytes + (one.replacesBytes as number) };
      return !isIn(one, note) && one.offsetBytes !== offsetBytes && overlaps(home, bytes);
    });
    if (place !== undefined) {
      note.alsoAtBytes = place.offsetBytes + Math.max(0, (note.originBytes as number) - place.homeBytes);
    }
  }
}

/** Of bytes of another place that belong there: those that hold most of it. */
function holding(all: readonly Note[], home: Range, note: Note): Note | undefined {
  let best: { readonly away: Note; readonly bytes: number } | undefined;
  for (const away of all) {
    if (!overlaps(streamRange(away), home) || isIn(note, away)) continue;
    const { from, to } = streamRange(away);
    const bytes = Math.min(to, home.to) - Math.max(from, home.from);
    if (best === undefined || bytes > best.bytes) best = { away, bytes };
  }
  return best?.away;
}

/** Damage in bytes of another place is not a half of theirs. */
function isIn(note: Note, other: Note): boolean {
  const { offsetBytes, lengthBytes } = note;
  return offsetBytes >= other.offsetBytes && offsetBytes + lengthBytes <= other.offsetBytes + other.lengthBytes;
}

function streamRange({ originBytes = 0, lengthBytes }: Note): Range {
  return { from: originBytes, to: originBytes + lengthBytes };
}

function remember(list: Note[], note: Note): void {
  if (list.length < NOTES_MAX) list.push(note);
}
