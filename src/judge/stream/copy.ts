/**
 * A duplicate in the walk: its note, and how its beginning may still move.
 *
 * Owns moving that beginning over bytes that fit both sides, in the note and in the segments alike. Refuses to decide
 * whether it should.
 */
import type { Slack } from "./boundary.ts";
import type { Note, OpenSegment } from "./notebook.ts";

export class Copy {
  readonly note: Note;
  readonly #slack: Slack | undefined;
  readonly #before: OpenSegment | undefined;
  readonly #first: OpenSegment | undefined;

  /** `slack` is of its first byte, `before` and `first` are the segments on both sides of it. */
  constructor(
    note: Note,
    sides: { slack: Slack | undefined; before: OpenSegment | undefined; first: OpenSegment | undefined },
  ) {
    this.note = note;
    this.#slack = sides.slack;
    this.#before = sides.before;
    this.#first = sides.first;
  }

  /** The byte of the file behind its last one, as far as is known. */
  get endBytes(): number {
    return this.note.offsetBytes + this.note.lengthBytes;
  }

  /** Moves the beginning by so many bytes; false, and nothing moved, where the bytes or the segments forbid it. */
  moveBeginning(by: number): boolean {
    const [slack, before, first] = [this.#slack, this.#before, this.#first];
    if (by === 0) return true;
    if (slack === undefined || by < -slack.leftBytes || by > slack.rightBytes) return false;
    if (before === undefined || first === undefined || first.kind !== "duplicated") return false;
    if (first.lengthBytes <= by || before.lengthBytes <= -by || before === first) return false;
    before.lengthBytes += by;
    first.offsetBytes += by;
    first.lengthBytes -= by;
    first.originBytes = (first.originBytes ?? 0) + by;
    this.note.offsetBytes += by;
    this.note.originBytes = (this.note.originBytes ?? 0) + by;
    this.note.lengthBytes -= by;
    return true;
  }
}
