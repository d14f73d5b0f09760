/**
 * Cuts a file into parts: runs that follow a stream, and the damage between them.
 * Owns finding the end of a run (the first wrong byte) and what comes behind it: wrong words that a rule explains
 * (`word-damage.ts`), the walk resuming where it would be, or bytes that prove another position. Damage behind which a
 * run continues is an inlay of that run. A few hundred bytes at most are looked at again. Refuses to interpret.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { matchingBefore, overlapWithRun } from "./boundary.ts";
import { AHEAD_BYTES, type Derivation, Follower } from "./derived.ts";
import { Doubt } from "./doubt.ts";
import { BEGINNING_BYTES, Beginning, type HiddenRange } from "./hidden-range.ts";
import type { Listener } from "./listener.ts";
import { isChance, isSameRun, newRun, type Part } from "./part.ts";
import { RawSplitter } from "./raw-damage.ts";
import { rawParts } from "./raw-part.ts";
import { type Found, SCAN_STEP_MAX, Seeker, type Window } from "./resync.ts";
import { WordDamage } from "./word-damage.ts";

const SCAN_STEP_MIN = 64;
/** A cut between two explanations slides over a few words at most. */
const SLIDE_BYTES = 64;
const PIECES_MAX = 256;
interface TracerOptions extends Readonly<Record<"startBytes" | "endBytes" | "intactTo", number>> {
  readonly pattern: Pattern;
  readonly listener: Listener;
}

type Mode = "follow" | "look" | "range" | "scan";

export class Tracer {
  readonly #pattern: Pattern;
  readonly #listener: Listener;
  readonly #endBytes: number;
  readonly #seeker: Seeker;
  readonly #words: WordDamage;
  #run: Part; // Followed, or ended last; `hi` is its visible end.
  #mode: Mode = "follow";
  #raw: RawSplitter;
  #scan = 0;
  #step = SCAN_STEP_MIN;
  #early = false;
  #follower: Follower | undefined;
  #doubt: Doubt | undefined;
  readonly #beginning: Beginning;

  constructor({ pattern, listener, startBytes, endBytes, intactTo }: TracerOptions) {
    this.#pattern = pattern;
    this.#listener = listener;
    this.#endBytes = endBytes;
    this.#seeker = new Seeker({ pattern, endBytes });
    this.#words = new WordDamage(pattern);
    this.#raw = new RawSplitter(startBytes);
    this.#beginning = new Beginning({ pattern, endBytes, startBytes });
    this.#run = { ...newRun({ stream: pattern, own: true, shift: 0 }, startBytes), hi: intactTo, to: intactTo };
  }

  get run(): Part {
    return this.#run;
  }

  /** Bytes of file that must stay in view: what follows this offset is needed again with the next window. */
  get needFrom(): number {
    if (this.#mode === "range") return (this.#follower as Follower).wordAt;
    const need =
      this.#mode === "scan" ? this.#raw.fed : isChance(this.#run, this.#pattern) ? this.#run.lo : this.#run.hi;
    return Math.min(need, this.#doubt?.follower.wordAt ?? need);
  }

  /** Zeros that need not be looked at: a hole in a sparse file. Inside zeros no stream can resume that holds none. */
  get zerosAhead(): number {
    if (this.#mode === "follow" && this.#pattern.name === "zero") return Math.max(0, this.#endBytes - this.#run.hi);
    if (this.#mode !== "scan" || this.#doubt !== undefined || !this.#raw.endsInZeros) return 0;
    return this.#seeker.mayHoldZeros(this.#scan) ? 0 : Infinity;
  }

  skipZeros(count: number): void {
    if (this.#mode === "follow") this.#run.hi += count;
    else {
      this.#raw.skipZeros(count);
      this.#scan += count;
    }
  }

  /** Goes as far as the window allows; `last` means that the file ends with it. */
  advance(window: Window, last: boolean): void {
    const end = window.at + window.block.length;
    do {
      while (this.#mode !== "follow" || this.#run.hi < end) {
        const went = this.#go(window, last);
        if (!this.#settleDoubt(window) && !went) break;
      }
    } while (last && this.#settleDoubt(window, true));
  }

  #go(window: Window, last: boolean): boolean {
    if (this.#mode === "follow") return this.#followWindow(window);
    if (this.#mode === "look") return this.#look(window, last);
    return this.#mode === "range" ? this.#followRange(window, last) : this.#scanWindow(window, last);
  }

  #followWindow(window: Window): boolean {
    const run = this.#run;
    const index = run.hi - window.at;
    const left = run.kind === "own" ? this.#endBytes - run.hi - run.shift : Infinity;
    const to = Math.min(window.block.length, index + left);
    const view = index === 0 && to === window.block.length ? window.block : window.block.subarray(index, to);
    const bad = (run.stream as Pattern).firstMismatch(view, run.hi + run.shift);
    if (bad < 0) {
      run.hi = run.to = window.at + to;
      if (to === window.block.length) return false;
      this.#endRun();
      this.#run = { ...newRun({ stream: this.#pattern, own: false, shift: run.shift }, run.hi), kind: "beyond" };
      return true;
    }
    run.hi = run.to = run.hi + bad;
    if (run.kind === "own") this.#seeker.remember(run.shift);
    this.#mode = "look";
    if (isChance(run, this.#pattern)) run.hi = run.to = run.lo;
    if (run.kind !== "own") this.#startScan();
    return true;
  }

  #startScan(): void {
    this.#mode = "scan";
    this.#raw = new RawSplitter(this.#run.hi);
    this.#scan = this.#run.hi;
    this.#step = SCAN_STEP_MIN;
    this.#early = false;
  }

  #look(window: Window, last: boolean): boolean {
    const run = this.#run;
    if (!last && this.#beginning.isAt(run) && window.at + window.block.length < run.hi + BEGINNING_BYTES) return false;
    const other = () => (run.kind === "own" ? this.#seeker.replaced(window, run, last) : undefined);
    const place = { shift: run.shift, at: run.hi, lo: run.lo, endBytes: this.#endBytes, last, other };
    const answer = this.#words.look(window, place, {
      series: (wordAt, strideBytes, count, lo, hi) => this.#listener.flips(run, wordAt, strideBytes, count, lo, hi),
      one: (wordAt, lo, hi, foundLo, foundHi) => this.#listener.flip(run, wordAt, lo, hi, foundLo, foundHi),
    });
    if (answer.kind === "more") return false;
    this.#doubt?.follower.advance(window, run.hi + 1);
    if (this.#doubt?.follower.done === true && this.#settleDoubt(window)) return true;
    if (answer.kind === "flips") {
      run.hi = run.to = Math.min(answer.to, window.at + window.block.length, this.#endBytes - run.shift);
      this.#mode = "follow";
      return true;
    }
    const hidden = this.#beginning.rangeOf(window, run, { words: this.#words, answer });
    if (hidden !== undefined) return this.#enter(hidden, run.hi);
    if (answer.kind === "range" && this.#doubt === undefined) {
      const follower = this.#followerOf(answer.derivation, run.shift, run.hi);
      if (!this.#seeker.locates(window, run)) {
        this.#follower = follower;
        this.#mode = "range";
        return true;
      }
      this.#doubt = new Doubt(follower, { mark: this.#listener.mark(), known: this.#seeker.shifts, run });
    }
    this.#startScan();
    if (answer.kind === "other" && answer.found !== undefined) this.#attach(window, answer.found);
    return true;
  }

  #followRange(window: Window, last: boolean): boolean {
    const run = this.#run;
    const follower = this.#follower as Follower;
    follower.advance(window);
    const ahead = window.at + window.block.length - follower.pos;
    if (!last && (!follower.done || (follower.mayGoOn && ahead < AHEAD_BYTES))) return false;
    const shift = follower.elsewhere(window);
    const at = follower.pos;
    this.#inlay(follower.part(run.clear));
    run.hi = run.to = at;
    this.#follower = undefined;
    this.#mode = "follow";
    return shift === undefined || this.#enter({ derivation: follower.derivation, shift, at }, at);
  }

  /** A run begins whose bytes a rule makes wrong from `at` on. */
  #enter({ derivation, shift, at }: HiddenRange, from: number): true {
    this.#start({ stream: this.#pattern, own: true, shift, at: from, provenBytes: 0 }, from, at);
    this.#follower = this.#followerOf(derivation, shift, at);
    this.#mode = "range";
    return true;
  }

  #followerOf(derivation: Derivation, shift: number, from: number): Follower {
    return new Follower(derivation, { pattern: this.#pattern, endBytes: this.#endBytes, shift, from });
  }

  /** One rule or many places: true when the walk goes back to follow the rule. */
  #settleDoubt(window: Window, atEnd = false): boolean {
    const doubt = this.#doubt;
    if (doubt === undefined) return false;
    const here = atEnd ? window.at + window.block.length : this.#mode === "scan" ? this.#raw.fed : this.#run.hi;
    const view = { window, here, open: this.#run, scanning: this.#mode === "scan", atEnd };
    const answer = doubt.settle(this.#listener.since(doubt.mark), view);
    if (answer === "open") return false;
    this.#doubt = undefined;
    this.#listener.settled(this.#run, answer === "rule" ? doubt.mark : undefined);
    if (answer === "places") return false;
    this.#run = doubt.restored();
    this.#seeker.restore(doubt.known);
    this.#follower = doubt.follower;
    this.#mode = "range";
    return true;
  }

  /** True when a run was found, false when more bytes are needed (or the file ends). */
  #scanWindow(window: Window, last: boolean): boolean {
    const { block, at } = window;
    const { proofBytes, resumeBytes, reachBytes, wordBytes } = this.#pattern;
    const ahead = Math.max(proofBytes, resumeBytes) + 2 * wordBytes;
    const stop = at + block.length - (last ? 0 : ahead);
    while (this.#scan < stop) {
      const to = Math.min(stop, this.#scan + this.#step);
      const found = this.#seeker.search(window, { from: this.#scan, to });
      if (found !== undefined) {
        this.#attach(window, found);
        return true;
      }
      this.#scan = to;
      this.#step = Math.min(SCAN_STEP_MAX, this.#step * 4);
      this.#feed(window, this.#scan - Math.max(reachBytes + resumeBytes, proofBytes));
    }
    return false;
  }

  #feed({ block, at }: Window, to: number): void {
    if (to <= this.#raw.fed) return;
    this.#raw.feed(block, this.#raw.fed - at, to - at);
    if (this.#raw.complete <= PIECES_MAX) return;
    this.#endRun();
    for (const part of rawParts(this.#raw.take(), { run: this.#run, first: !this.#early })) this.#listener.part(part);
    this.#early = true;
  }

  #inlay(part: Part): void {
    this.#listener.inlay(this.#run, part);
    this.#run.clear = part.to;
  }

  /** Settles the boundary between the last run, the damage behind it and the run that was found. */
  #attach(window: Window, found: Found, most = found.at - this.#raw.fed): void {
    const place = { stream: found.stream, streamOffsetBytes: found.at + found.shift, most };
    const visible = found.at - matchingBefore(window.block, found.at - window.at, place);
    // A word that proves a walk may reach over the end of the stream.
    const limit = found.own ? this.#endBytes - found.shift : Infinity;
    const proven = Math.min(found.at + found.provenBytes, Math.max(found.at, limit));
    if (visible === this.#raw.from && !this.#early) {
      const both = { ...place, streamOffsetBytes: visible + found.shift, most: SLIDE_BYTES };
      this.#start(found, visible - overlapWithRun(this.#run, both), proven);
      return;
    }
    if (visible > this.#raw.fed) this.#raw.feed(window.block, this.#raw.fed - window.at, visible - window.at);
    const pieces = rawParts(this.#raw.finish(), {
      run: this.#run,
      first: !this.#early,
      next: { window, from: visible, high: Math.max(visible, found.provenBytes === 0 ? proven : proven - 1) },
    });
    if (!this.#early && isSameRun(this.#run, found) && (visible < proven || found.provenBytes > 0)) {
      for (const piece of pieces) this.#inlay(piece);
      this.#run.hi = this.#run.to = proven;
      this.#mode = "follow";
      return;
    }
    this.#endRun();
    for (const piece of pieces) this.#listener.part(piece);
    this.#start(found, visible, proven);
  }

  /** The run that ended is final now: hand it on. */
  #endRun(): void {
    if (this.#run.hi > this.#run.lo) this.#listener.part(this.#run);
    // Whatever follows begins at its end, and the run is not handed on twice.
    const at = this.#run.hi;
    this.#run = { ...this.#run, lo: at, from: at, clear: at, inlays: [] };
  }

  #start(found: Found, lo: number, to: number): void {
    const at = this.#run.hi;
    if (this.#run.kind === "beyond" && lo <= this.#run.lo) this.#run.hi = this.#run.lo;
    this.#endRun();
    this.#run = { ...newRun(found, Math.max(at, lo)), lo, clear: lo, hi: to, to };
    if (found.own) this.#seeker.remember(found.shift);
    this.#mode = "follow";
  }

  /** The file ends at the end of the window, which holds everything from `needFrom` on. */
  finish(window: Window): void {
    if (this.#mode === "scan") {
      const { found, most } = this.#seeker.atEnd(window, this.#raw.fed);
      this.#attach(window, found, most);
    }
    this.#endRun();
  }
}
