/**
 * A range that one rule explains (a stuck bit, reversed words) although its first bytes prove another place as well: both
 * are followed until it is known which is the shorter story.
 *
 * Owns that decision. Refuses to follow anything itself.
 */
import { PAGE_BYTES } from "./boundary.ts";
import type { Follower } from "./derived.ts";
import type { Part } from "./part.ts";
import type { Window } from "./resync.ts";

/** So many parts in a range that one rule explains are not a coincidence. */
const CONTRADICTIONS_MAX = 8;

/** Damage so long behind a range belongs to no range. */
const SCAN_BYTES = 2048;

interface DoubtView {
  readonly window: Window;
  readonly here: number;
  readonly open: Part;
  readonly scanning: boolean;
  /** The file ends here: nothing more will come to decide by. */
  readonly atEnd: boolean;
}

export class Doubt {
  readonly follower: Follower;
  readonly mark: number;
  /** Shifts of the runs before. */
  readonly known: readonly number[];
  /** The run in which it began, and what was known of it then. */
  readonly run: Part;
  readonly #inlays: number;
  readonly #clear: number;

  constructor(follower: Follower, { mark, known, run }: { mark: number; known: readonly number[]; run: Part }) {
    this.follower = follower;
    this.mark = mark;
    this.known = known;
    this.run = run;
    this.#inlays = run.inlays.length;
    this.#clear = run.clear;
  }

  /** The run as it was. */
  restored(): Part {
    this.run.inlays.length = this.#inlays;
    this.run.clear = this.#clear;
    return this.run;
  }

  /** Damage in the runs that the rule explains too. */
  #inlaysIn(runs: readonly Part[]): number {
    let count = 0;
    for (const run of new Set(runs)) {
      const since = run === this.run ? run.inlays.slice(this.#inlays) : run.inlays;
      count += since.filter(({ from }) => from < this.follower.pos).length;
    }
    return count;
  }

  /**
   * `parts` came since the doubt began, the run before it first, undefined when they are decided; `open` is being
   * followed, and everything before `here` was looked at.
   */
  settle(parts: readonly Part[] | undefined, view: DoubtView): "open" | "rule" | "places" {
    const { window, here, open, scanning, atEnd } = view;
    const { follower, run } = this;
    if (parts === undefined) return "places";
    // In the middle of damage it is not known yet what it will be.
    if (!atEnd && scanning && here < follower.pos + SCAN_BYTES) {
      follower.advance(window, here);
      return "open";
    }
    // Whole pages of another place prove more than any rule.
    const others = parts.filter(({ kind, shift }) => kind === "own" && shift !== run.shift);
    if (others.some(({ lo, hi }) => hi - lo >= PAGE_BYTES)) return "places";
    follower.advance(window, here);
    const over = (follower.done || atEnd) && here >= follower.pos;
    // Bytes behind the range that are right where they are may fit a place in it too (sectors of one number).
    const isPlace = open.kind === "own" && open.shift !== run.shift && open.hi - open.lo < PAGE_BYTES;
    const ended = open.kind === "stale" || isPlace || open.hi <= follower.pos ? [open] : [];
    const inside = [...parts, ...ended].filter(({ from, lo, hi }) => from < follower.pos && hi > lo);
    const places = inside.filter(({ kind, shift }) => kind !== "own" || shift !== run.shift).length;
    // Damage that goes on has not come as a part yet.
    const damaged = Number(scanning && open.hi < follower.pos);
    const elsewhere = places + damaged + this.#inlaysIn([...parts, open]);
    if (!over && elsewhere < CONTRADICTIONS_MAX) return "open";
    // A range at whose end nothing is right is not a range in place, but the beginning of something else.
    if (over && !follower.resumes) return "places";
    // One part of another place is as short as a rule, and proves more; reversed words prove more than another stream.
    const swapped = follower.derivation.kind === "byte-swapped" && inside.some(({ kind }) => kind === "stale");
    return elsewhere < (swapped ? 1 : 2) ? "places" : "rule";
  }
}
