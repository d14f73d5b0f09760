/**
 * Cuts a file into runs that follow a stream and the damage between them.
 *
 * Owns finding the end of a run (the first wrong byte) and its successor: the walk resuming in place (one whole word is
 * as it should be) or bytes that prove another position (`Pattern.locate`). Memory is bounded: at most a few hundred
 * bytes of the file are looked at again. Refuses to interpret; the explainer does.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import { chooseCut, matchingBefore, overlapWithRun, type Run, type Slack } from "./boundary.ts";
import { endOfDamage, startOfDamage } from "./edge.ts";
import { flippedBits } from "./flip.ts";
import type { OwnRun, Piece } from "./piece.ts";
import { RawSplitter } from "./raw-damage.ts";
import { type Found, SCAN_STEP_MAX, Seeker, type Window } from "./resync.ts";
import { addToSample, type OpenSample, openSample } from "./sample.ts";

/** A slide between two explanations is never longer than a few words. */
const SLIDE_BYTES = 64;
const SCAN_STEP_MIN = 64;
const PIECES_MAX = 256;

/** Who makes sense of the runs: the walk of one stream, or a log of records. */
export interface Listener {
  readonly next: number;
  run(run: OwnRun): void;
  flush(pieces: readonly Piece[]): void;
  finish(end: { pieces: readonly Piece[]; sample?: OpenSample | undefined; fileEnd: number }): void;
}

export class Tracer {
  readonly #pattern: Pattern;
  readonly #explainer: Listener;
  readonly #endBytes: number;
  /** The run that is being followed, or that ended last; `to` is its visible end. */
  #run: Run;
  #scanning = false;
  readonly #seeker: Seeker;
  #raw: RawSplitter;
  #scan = 0;
  #step = SCAN_STEP_MIN;
  #pieces: Piece[] = [];
  #sample: OpenSample | undefined;
  #runSample: OpenSample | undefined;
  #incomplete: OpenSample[] = [];
  readonly #wantSamples: () => boolean;

  constructor(options: {
    pattern: Pattern;
    explainer: Listener;
    startBytes: number;
    endBytes: number;
    wantSamples: () => boolean;
  }) {
    this.#pattern = options.pattern;
    this.#explainer = options.explainer;
    this.#endBytes = options.endBytes;
    this.#wantSamples = options.wantSamples;
    const start = options.startBytes;
    this.#run = {
      stream: this.#pattern,
      own: true,
      from: start,
      streamOffsetBytes: start,
      to: start,
      slack: undefined,
    };
    this.#seeker = new Seeker({ pattern: this.#pattern, endBytes: this.#endBytes, startBytes: start });
    this.#raw = new RawSplitter(start);
  }

  /** Bytes of file that must stay in view: what follows this offset is needed again with the next window. */
  get needFrom(): number {
    return this.#scanning ? this.#raw.fed : this.#run.to;
  }

  /** Fills up the samples that a window's end cut short. */
  fillSamples(window: Window): void {
    if (this.#incomplete.length === 0) return;
    this.#incomplete = this.#incomplete.filter((sample) => !addToSample(sample, window));
  }

  /**
   * Passes over a stretch of zeros without looking at them, as a hole in a sparse file is; false when they must be looked
   * at. Inside zeros no stream that numbers its words can resume.
   */
  skipZeros(count: number): boolean {
    if (!this.#scanning && this.#pattern.name === "zero") {
      this.#run.to += count;
      return true;
    }
    if (!this.#scanning || this.#pattern.proofBytes === 0 || !this.#raw.endsInZeros) return false;
    this.#raw.skipZeros(count);
    this.#scan += count;
    return true;
  }

  /** Goes as far as the window allows; `last` means that the file ends with it. */
  advance(window: Window, last: boolean): void {
    const end = window.at + window.block.length;
    while (this.#scanning || this.#run.to < end) {
      if (this.#scanning ? !this.#scanWindow(window, last) : !this.#followWindow(window)) break;
    }
  }

  #followWindow(window: Window): boolean {
    const run = this.#run;
    const index = run.to - window.at;
    const view = index === 0 ? window.block : window.block.subarray(index);
    const bad = run.stream.firstMismatch(view, run.streamOffsetBytes + (run.to - run.from));
    if (bad < 0) {
      run.to = window.at + window.block.length;
      return false;
    }
    run.to += bad;
    if (run.own) this.#seeker.anchor = { file: run.to, stream: run.streamOffsetBytes + (run.to - run.from) };
    if (run.own && this.#wantSamples()) {
      this.#sample = openSample({ run, pattern: this.#pattern, endBytes: this.#endBytes });
      this.#incomplete.push(this.#sample);
      this.fillSamples(window);
    }
    this.#scanning = true;
    this.#raw = new RawSplitter(run.to);
    this.#scan = run.to;
    this.#step = SCAN_STEP_MIN;
    return true;
  }

  /** True when a run was found, false when more bytes are needed (or the file ends). */
  #scanWindow(window: Window, last: boolean): boolean {
    const { block, at } = window;
    const ahead = Math.max(this.#pattern.proofBytes, this.#pattern.resumeBytes) + 2 * this.#pattern.wordBytes;
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
      this.#feed(window, this.#scan - this.#pattern.reachBytes - this.#pattern.resumeBytes);
    }
    return false;
  }

  #feed({ block, at }: Window, to: number): void {
    if (to <= this.#raw.fed) return;
    this.#raw.feed(block, this.#raw.fed - at, to - at);
    if (this.#raw.complete + this.#pieces.length > PIECES_MAX) {
      this.#emitRun();
      this.#explainer.flush([...this.#pieces.splice(0), ...this.#raw.take()]);
    }
  }

  /** Settles the boundary between the last run, the damage after it and the run that was found. */
  #attach(window: Window, found: Found, most = found.at - this.#raw.fed): void {
    const { stream, streamOffsetBytes } = found;
    const inRaw = matchingBefore(window.block, found.at - window.at, { stream, streamOffsetBytes, most });
    const visible = found.at - inRaw;
    if (visible === this.#raw.from) {
      const slack = this.#cutRuns(found);
      this.#start(found, this.#run.to, slack);
      return;
    }
    const from = this.#settleRaw(window, { found, from: Math.max(visible, this.#onwardFrom(found)) });
    this.#start(found, from);
  }

  /**
   * A run that goes on where the stream was may seem to begin up to a word sooner, by chance: those bytes stood before,
   * and a tiny duplicate would be the longer story. Returns the file offset before which the run must not begin.
   */
  #onwardFrom(found: Found): number {
    const walked = this.#run.own ? this.#run.streamOffsetBytes + (this.#run.to - this.#run.from) : 0;
    const next = Math.max(this.#explainer.next, walked);
    if (!found.own || found.streamOffsetBytes + this.#pattern.wordBytes < next) return 0;
    return Math.min(found.at + found.provenBytes - 1, found.at - (found.streamOffsetBytes - next));
  }

  /** No damage between the runs: the cut may slide over bytes that fit both. Returns how far. */
  #cutRuns(found: Found): Slack {
    const run = this.#run;
    const high = run.to;
    const overlap = overlapWithRun(run, {
      stream: found.stream,
      streamOffsetBytes: found.streamOffsetBytes - (found.at - high),
      most: Math.min(SLIDE_BYTES, run.to - run.from - 1),
    });
    const low = high - overlap;
    // What merely happens to fit beyond the end of the stream is no part of it.
    const end = run.own ? run.from + Math.max(0, this.#endBytes - run.streamOffsetBytes) : high;
    const most = end >= low && end < high ? end : high;
    run.to = chooseCut({ low, high: most, otherwise: most });
    const slack = { leftBytes: run.to - low, rightBytes: most - run.to };
    this.#emitRun();
    return slack;
  }

  #settleRaw(window: Window, { found, from }: { found: Found; from: number }): number {
    this.#feedAll(window, from);
    const flip = this.#flip(found, from);
    if (flip !== undefined) {
      this.#raw.finish();
      this.#emitRun();
      this.#pieces.push(flip);
      return from;
    }
    const pieces: Piece[] = this.#raw.finish();
    const first = pieces[0] as Piece;
    if (first.from === this.#run.to) {
      // What follows the end of the stream begins exactly there.
      const beyond = this.#run.own && this.#seeker.inPlaceOffset(this.#run.to) >= this.#endBytes;
      first.from = this.#run.to = beyond ? this.#run.to : startOfDamage(first, this.#run, this.#raw.head[0] as number);
    }
    const last = pieces.at(-1) as Piece;
    last.to = endOfDamage(last, { window, high: found.at + found.provenBytes - 1 });
    this.#emitRun();
    this.#pieces.push(...pieces);
    return last.to;
  }

  #feedAll({ block, at }: Window, to: number): void {
    if (to > this.#raw.fed) this.#raw.feed(block, this.#raw.fed - at, to - at);
  }

  /** One word in place, between own bytes, that differs in one to three bits. */
  #flip(found: Found, to: number): Piece | undefined {
    const { from, head } = this.#raw;
    if (!this.#run.own || to - from > this.#pattern.wordBytes) return undefined;
    if (!found.own || found.streamOffsetBytes !== this.#seeker.inPlaceOffset(found.at)) return undefined;
    const streamOffsetBytes = this.#seeker.inPlaceOffset(from);
    if (streamOffsetBytes >= this.#endBytes) return undefined;
    const bits = flippedBits(head.slice(0, to - from), {
      pattern: this.#pattern,
      streamOffsetBytes,
      fileOffsetBytes: from,
    });
    return bits === undefined ? undefined : { kind: "bit-flipped", from, to, bits };
  }

  /** The run that ended is final now: hand it on. */
  #emitRun(): void {
    const run = this.#run;
    if (run.to <= run.from) return;
    if (run.own) {
      const sample = this.#takeSample();
      const pieces = this.#pieces.splice(0);
      const { from, to, streamOffsetBytes, slack } = run;
      this.#explainer.run({ pieces, from, to, streamOffsetBytes, sample, slack });
      this.#seeker.anchor = { file: run.to, stream: run.streamOffsetBytes + (run.to - run.from) };
      this.#runSample = this.#sample;
    } else {
      const { from, to, streamOffsetBytes: originBytes } = run;
      this.#pieces.push({ kind: "stale", from, to, originBytes, label: run.stream.label });
    }
    const streamOffsetBytes = run.streamOffsetBytes + (run.to - run.from);
    this.#run = { ...run, from: run.to, streamOffsetBytes, slack: undefined };
  }

  /** The sample taken where the damage before this run began. */
  #takeSample(): OpenSample | undefined {
    const open = this.#runSample;
    this.#runSample = undefined;
    return open;
  }

  #start(found: Found, from: number, slack?: Slack): void {
    const streamOffsetBytes = found.streamOffsetBytes - (found.at - from);
    const to = found.at + found.provenBytes;
    this.#run = { stream: found.stream, own: found.own, from, streamOffsetBytes, to, slack };
    if (found.own) this.#seeker.anchor = { file: from, stream: streamOffsetBytes };
    this.#scanning = false;
    if (this.#runSample === undefined) this.#runSample = this.#sample;
  }

  /** The file ends at the end of the window, which holds everything from `needFrom` on. */
  finish(window: Window): void {
    const end = window.at + window.block.length;
    if (this.#scanning) this.#finishDamage(window, end);
    else this.#emitRun();
    this.#explainer.finish({ pieces: this.#pieces, sample: this.#takeSample(), fileEnd: end });
  }

  /** The end of the file counts as the walk resuming in place; less than a word before it may be right again. */
  #finishDamage(window: Window, end: number): void {
    const found = { ...this.#seeker.inPlaceAt(end), provenBytes: 1 };
    this.#attach(window, found, found.streamOffsetBytes > this.#endBytes ? 0 : end - this.#raw.fed);
    this.#run.to = end;
    this.#emitRun();
  }
}
