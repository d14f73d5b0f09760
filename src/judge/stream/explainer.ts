/**
 * Walks the pieces of a file in order and says what happened to the stream.
 *
 * `next` is the stream byte that has not stood yet, `walk` the one that should stand here if nothing new happens; they
 * differ only inside a duplicate. The rules, each deciding between explanations that no reader of the bytes could tell
 * apart:
 *   1. Damage after which the walk goes on as if nothing had happened stands in place (also inside a duplicate, which
 *      then counts as one duplicate with damage in it).
 *   2. Else damage stands in for the next bytes of the stream, as many as it is long; if the stream then resumes further
 *      on, the rest is `lost` behind it; if it resumes sooner, the damage is partly (or wholly) inserted.
 *   3. A jump back is `duplicated` up to `next`; damage before it was inserted.
 *   4. A `lost` range that turns up later, out of order, stays one `lost` finding whose sentence says where the bytes
 *      stand instead; there they are `intact` with their origin, not duplicated: they stand once.
 *   5. A file that ends early is `truncated` if it is shorter than expected, else the missing tail is `lost`: something
 *      else took its room. What follows the expected end in place is `extra`.
 * Owns the state of the walk; refuses to read bytes.
 */
import type { Slack } from "./boundary.ts";
import { Copy } from "./copy.ts";
import type { Ledger, Note } from "./notebook.ts";
import { lengthOf, type OwnRun, type Piece } from "./piece.ts";
import type { OpenSample } from "./sample.ts";

interface Hole {
  from: number;
  readonly to: number;
  readonly note: Note;
}

/** More lost ranges than this are not remembered for rule 4: memory stays bounded. */
const HOLES_MAX = 4096;

export class Explainer {
  readonly #ledger: Ledger;
  readonly #endBytes: number;
  #walk: number;
  #next: number;
  #flushedBytes = 0;
  #duplicate: Copy | undefined;
  /** The duplicate that ended last, exactly where the stream goes on. */
  #completed: Copy | undefined;
  #slack: Slack | undefined;
  #runFrom = 0;
  #extra: Note | undefined;
  #holes: Hole[] = [];
  #sample: OpenSample | undefined;

  constructor(ledger: Ledger, { startBytes, endBytes }: { startBytes: number; endBytes: number }) {
    this.#ledger = ledger;
    this.#endBytes = endBytes;
    this.#walk = startBytes;
    this.#next = startBytes;
  }

  /** The stream byte that has not stood yet, as far as runs were handed on. */
  get next(): number {
    return this.#next;
  }

  /** Writes down damage whose end has not come yet, because there is too much of it to keep. */
  flush(pieces: readonly Piece[]): void {
    this.#damage(pieces, undefined);
    this.#flushedBytes += lengthOf(pieces);
  }

  run(run: OwnRun): void {
    const { pieces, to, sample, slack } = run;
    this.#sample = sample;
    const adjoins = pieces.length === 0 && this.#flushedBytes === 0;
    const shift = slack === undefined || !adjoins ? 0 : this.#moveToNext(run.streamOffsetBytes, slack, to - run.from);
    const from = run.from + shift;
    const stream = run.streamOffsetBytes + shift;
    this.#slack = slack;
    this.#runFrom = from;
    const gap = this.#flushedBytes + lengthOf(pieces);
    const gapFrom = from - gap;
    if (stream === this.#walk + gap) {
      if (this.#duplicate !== undefined && stream >= this.#next)
        this.#endDuplicate(gapFrom + this.#next - this.#walk, true);
      this.#damage(pieces, gap);
      this.#next = Math.max(this.#next, stream);
    } else {
      this.#endDuplicate(gapFrom, stream === this.#next);
      const replaced = Math.max(0, Math.min(gap, stream - this.#next));
      this.#damage(pieces, replaced);
      if (stream >= this.#next) {
        this.#lose({ from: this.#next + replaced, to: stream, at: from });
        this.#next = stream;
      }
    }
    this.#flushedBytes = 0;
    this.#follow({ from, to, stream });
  }

  /**
   * A copy of an older range ends where the stream goes on. Both its cuts may have slack, but only cuts as far apart as
   * the copy is long make the stream go on exactly where it was: moves this cut, and if need be the first one as well.
   * Returns by how much the new run's beginning moves.
   */
  #moveToNext(stream: number, slack: Slack, most: number): number {
    const open = this.#duplicate;
    const last = this.#ledger.lastSegment;
    const wanted = this.#next - stream;
    if (open === undefined) return this.#moveCompleted(wanted, slack);
    if (last?.kind !== "duplicated") return 0;
    const shift = Math.max(-slack.leftBytes, Math.min(slack.rightBytes, wanted, most));
    const first = shift - wanted;
    if (!open.moveBeginning(first)) return 0;
    last.lengthBytes += shift;
    this.#walk += shift;
    this.#next += first;
    return shift;
  }

  /**
   * A copy that seems to run up to `next` by chance (and perhaps a few new bytes that follow it by chance, too) and a tiny
   * loss behind it: a shorter or later copy is the story.
   */
  #moveCompleted(wanted: number, slack: Slack): number {
    const completed = this.#completed;
    if (completed === undefined || wanted >= 0) return 0;
    const last = this.#ledger.lastSegment;
    const chance = last?.kind === "intact" && last.offsetBytes === completed.endBytes ? last.lengthBytes : 0;
    const copied = chance > 0 ? this.#ledger.segments.at(-2) : last;
    const shift = Math.max(-slack.leftBytes, wanted - chance);
    const behind = shift + chance;
    const first = behind - wanted;
    if (copied?.kind !== "duplicated" || behind > 0 || copied.lengthBytes <= -behind) return 0;
    if (!completed.moveBeginning(first)) return 0;
    if (chance > 0) this.#ledger.dropLast();
    copied.lengthBytes += behind;
    completed.note.lengthBytes += behind;
    this.#walk += shift;
    this.#next += first - chance;
    return shift;
  }

  #damage(pieces: readonly Piece[], replacesBytes: number | undefined): void {
    for (const piece of pieces) {
      const note = this.#note(piece.kind, piece.from, piece.to - piece.from);
      if (piece.originBytes !== undefined) note.originBytes = piece.originBytes;
      if (piece.label !== undefined) note.facts.label = piece.label;
      if (piece.bits !== undefined) note.facts.bits = piece.bits;
      if (replacesBytes !== undefined)
        note.facts.replacesBytes = pieces.length === 1 ? replacesBytes : piece.to - piece.from;
      this.#ledger.segment(piece.kind, { from: piece.from, to: piece.to, originBytes: piece.originBytes });
    }
  }

  #note(kind: Note["kind"], offsetBytes: number, lengthBytes: number): Note {
    const note: Note = { kind, offsetBytes, lengthBytes, facts: {} };
    if (this.#sample !== undefined) note.sample = this.#sample;
    this.#sample = undefined;
    return this.#ledger.note(note);
  }

  #lose({ from, to, at }: { from: number; to: number; at: number }): void {
    if (to <= from) return;
    const note = this.#note("lost", at, to - from);
    note.originBytes = from;
    if (this.#holes.length < HOLES_MAX) this.#holes.push({ from, to, note });
  }

  #endDuplicate(at: number, resumed: boolean): void {
    if (this.#duplicate === undefined) return;
    const { note } = this.#duplicate;
    note.lengthBytes = at - note.offsetBytes;
    note.facts.resumed = resumed;
    this.#completed = resumed ? this.#duplicate : undefined;
    this.#duplicate = undefined;
  }

  /** Goes along an own run: parts that stood before, parts that stood nowhere yet, parts beyond the expected end. */
  #follow({ from, to, stream }: { from: number; to: number; stream: number }): void {
    const end = stream + (to - from);
    let at = stream;
    while (at < end) {
      const file = from + (at - stream);
      const step = at < this.#next ? this.#again(at, Math.min(end, this.#next), file) : this.#onward(at, end, file);
      at += step;
    }
    this.#walk = end;
  }

  #again(at: number, end: number, file: number): number {
    const hole = this.#holes.find((one) => one.to > at && one.from < end);
    if (hole !== undefined && hole.from <= at) {
      const to = Math.min(end, hole.to);
      this.#endDuplicate(file, false);
      hole.note.facts.lateAtBytes ??= file;
      this.#ledger.segment("intact", { from: file, to: file + (to - at), originBytes: at });
      if (at > hole.from && this.#holes.length < HOLES_MAX)
        this.#holes.push({ from: hole.from, to: at, note: hole.note });
      hole.from = to;
      if (hole.from >= hole.to) this.#holes.splice(this.#holes.indexOf(hole), 1);
      return to - at;
    }
    const to = hole === undefined ? end : hole.from;
    const before = this.#ledger.lastSegment;
    // Its beginning may move only over bytes that were new where they stood: then `next` moves with it.
    const fresh = before?.kind === "intact" && this.#walk === this.#next;
    this.#ledger.segment("duplicated", { from: file, to: file + (to - at), originBytes: at });
    if (this.#duplicate === undefined) {
      const note = this.#note("duplicated", file, 0);
      note.originBytes = at;
      const slack = file === this.#runFrom && fresh ? this.#slack : undefined;
      this.#duplicate = new Copy(note, { slack, before, first: this.#ledger.lastSegment });
    }
    if (to === this.#next) this.#endDuplicate(file + (to - at), true);
    else this.#duplicate.note.lengthBytes = file + (to - at) - this.#duplicate.note.offsetBytes;
    return to - at;
  }

  #onward(at: number, end: number, file: number): number {
    if (at >= this.#endBytes) {
      this.#addExtra(file, end - at, "the pattern goes on");
      this.#next = end;
      return end - at;
    }
    const to = Math.min(end, this.#endBytes);
    this.#ledger.segment("intact", { from: file, to: file + (to - at), originBytes: at });
    this.#next = to;
    return to - at;
  }

  #addExtra(file: number, lengthBytes: number, content: string): void {
    if (lengthBytes <= 0) return;
    this.#ledger.segment("extra", { from: file, to: file + lengthBytes });
    if (this.#extra !== undefined && this.#extra.offsetBytes + this.#extra.lengthBytes === file) {
      this.#extra.lengthBytes += lengthBytes;
      if (this.#extra.facts.content !== content) this.#extra.facts.content = "several things";
      return;
    }
    this.#extra = this.#note("extra", file, lengthBytes);
    this.#extra.facts.content = content;
  }

  /** The file ends: damage that no run follows, and what never came. */
  finish({
    pieces,
    sample,
    fileEnd,
  }: {
    pieces: readonly Piece[];
    sample?: OpenSample | undefined;
    fileEnd: number;
  }): void {
    this.#sample = sample;
    const gap = this.#flushedBytes + lengthOf(pieces);
    const inWalk = this.#endBytes === Infinity || this.#walk + gap === this.#endBytes;
    const base = gap > 0 && inWalk ? this.#walk : this.#next;
    if (this.#duplicate !== undefined) {
      const at = fileEnd - gap;
      this.#endDuplicate(base === this.#walk ? Math.min(fileEnd, at + this.#next - this.#walk) : at, false);
    }
    this.#tail(pieces, base + this.#flushedBytes);
    this.#next = Math.max(this.#next, Math.min(base + gap, Math.max(this.#endBytes, this.#next)));
    this.#missingTail(fileEnd);
  }

  /** Damage up to the expected end stands in place, raw bytes behind it are `extra`. */
  #tail(pieces: readonly Piece[], base: number): void {
    let stream = base;
    for (const piece of pieces) {
      const inside = Math.max(0, Math.min(piece.to - piece.from, this.#endBytes - stream));
      const raw = piece.kind === "zeroed" || piece.kind === "foreign";
      const cut = raw && inside < piece.to - piece.from ? piece.from + inside : piece.to;
      if (cut > piece.from) this.#damage([{ ...piece, to: cut }], cut - piece.from);
      this.#addExtra(cut, piece.to - cut, piece.kind === "zeroed" ? "zeros" : "foreign bytes");
      stream += piece.to - piece.from;
    }
  }

  #missingTail(fileEnd: number): void {
    const missing = this.#endBytes - this.#next;
    if (this.#endBytes === Infinity || missing <= 0) return;
    if (fileEnd >= this.#endBytes) {
      this.#lose({ from: this.#next, to: this.#endBytes, at: fileEnd });
      return;
    }
    this.#note("truncated", fileEnd, missing).originBytes = this.#next;
  }
}
