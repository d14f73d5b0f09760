/**
 * The judge: reads a stream that came back, block by block, and explains every byte of it.
 *
 * Owns feeding the tracer with blocks of any size and phase, the caps, and the final `Judgement`. Refuses to read files,
 * to know the time and to guess: what it reports is a function of the bytes alone. Memory is bounded whatever the input
 * is (a few hundred held bytes, capped findings and segments) and time is linear in the input.
 */
import { assertStreamOffset, type Pattern } from "../pattern/pattern.ts";
import type { Finding, Judgement } from "./finding.ts";
import { Explainer } from "./stream/explainer.ts";
import { Ledger, type Note } from "./stream/notebook.ts";
import { describe } from "./stream/sentence.ts";
import { Tracer } from "./stream/tracer.ts";

/** What the stream should be. */
export interface JudgeOptions {
  readonly pattern: Pattern;
  /** Where the stream ends, from its beginning (not from `startBytes`). Left out: any length is right. */
  readonly expectBytes?: number;
  /** File offset of the first byte that will be pushed; it should be the stream's byte of the same offset. Default 0. */
  readonly startBytes?: number;
  /**
   * The bytes end in the middle of the stream (a window of a file): nothing is missing at their end. `expectBytes` is then
   * where the whole stream ends. Default false.
   */
  readonly openEnd?: boolean;
  /** Named in every finding. */
  readonly file?: string;
  /** Findings listed; the rest is counted. Default 256. */
  readonly findingsMax?: number;
  /** Segments listed; the rest is folded into the last. Default 4096. */
  readonly segmentsMax?: number;
}

/** Bytes of a new block that are joined to held ones, so that what was undecided is decided there. */
const JOIN_BYTES = 4096;
const ZERO_BYTES = 1 << 20;
const NOTHING = new Uint8Array(0);

/** The judge of a stream that comes in blocks of any size: `push`, then `finish`. */
export class Judge {
  readonly #ledger: Ledger;
  readonly #explainer: Explainer;
  readonly #tracer: Tracer;
  readonly #file: string | undefined;
  readonly #startBytes: number;
  readonly #open: boolean;
  #held: Uint8Array = NOTHING;
  #at: number;
  #finished = false;

  constructor(options: JudgeOptions) {
    const { pattern, expectBytes, startBytes = 0, findingsMax = 256, segmentsMax = 4096 } = options;
    assertStreamOffset(startBytes);
    if (expectBytes !== undefined) assertStreamOffset(expectBytes);
    const endBytes = expectBytes ?? Infinity;
    this.#file = options.file;
    this.#startBytes = startBytes;
    this.#at = startBytes;
    this.#ledger = new Ledger({ pattern, startBytes, endBytes, findingsMax, segmentsMax });
    this.#explainer = new Explainer(this.#ledger, { startBytes, endBytes });
    this.#tracer = new Tracer({ pattern, listener: this.#explainer, startBytes, endBytes });
    this.#open = options.openEnd === true;
  }

  /** True while nothing wrong was seen; cheap enough to ask after every block. */
  get intact(): boolean {
    return this.#held.length === 0 && this.#ledger.isEmpty && this.#explainer.isSettled(this.#tracer.run);
  }

  /** Takes the next bytes. The block is not kept: it may be overwritten as soon as this returns. */
  push(block: Uint8Array): void {
    if (this.#finished) throw new Error("push() called after finish()");
    const blockAt = this.#at;
    this.#at += block.length;
    if (this.#held.length > 0) {
      const heldAt = blockAt - this.#held.length;
      const joined = new Uint8Array(new ArrayBuffer(this.#held.length + Math.min(JOIN_BYTES, block.length)));
      joined.set(this.#held);
      joined.set(block.subarray(0, JOIN_BYTES), this.#held.length);
      this.#tracer.advance({ block: joined, at: heldAt }, false);
      const need = this.#tracer.needFrom;
      if (need < blockAt || block.length <= JOIN_BYTES) {
        if (block.length > JOIN_BYTES) throw new Error("the judge holds back more than it promised");
        this.#held = joined.slice(need - heldAt);
        return;
      }
    }
    this.#tracer.advance({ block, at: blockAt }, false);
    this.#held = block.slice(this.#tracer.needFrom - blockAt);
  }

  /** Takes unread zeros, as of a hole in a sparse file: as `push` would, in constant time where that can be. */
  pushZeros(count: number): void {
    const zeros = new Uint8Array(new ArrayBuffer(Math.min(count, ZERO_BYTES)));
    let left = count;
    while (left > 0) {
      const length = Math.min(left, zeros.length);
      this.push(zeros.subarray(0, length));
      left -= length;
      const skip = left - (left % 8);
      if (skip > 0 && this.#held.every((byte) => byte === 0) && this.#tracer.skipZeros(skip)) {
        this.#at += skip;
        left -= skip;
      }
    }
  }

  /** The file ends here: what was it? */
  finish(): Judgement {
    if (this.#finished) throw new Error("finish() called twice");
    this.#finished = true;
    const window = { block: this.#held, at: this.#at - this.#held.length };
    this.#tracer.advance(window, true);
    this.#tracer.finish(window);
    this.#explainer.finish(this.#at, { open: this.#open });
    const { notes, leftOut, groups } = this.#ledger.finish();
    notes.sort((a, b) => a.offsetBytes - b.offsetBytes || b.lengthBytes - a.lengthBytes);
    return {
      verifiedBytes: this.#at - this.#startBytes,
      findings: notes.map((note) => toFinding(note, this.#ledger, this.#file)),
      findingsLeftOut: leftOut,
      ...(groups.length === 0 ? {} : { groups }),
      segments: this.#ledger.segments,
      segmentsLeftOut: this.#ledger.segmentsLeftOut,
    };
  }
}

function toFinding(note: Note, ledger: Ledger, file: string | undefined): Finding {
  const { sample, homeBytes, listed, offsetBytes, ...fields } = note;
  const { kind, ...rest } = fields;
  const finding = { kind, ...(file === undefined ? {} : { file }), offsetBytes, ...rest };
  return {
    ...finding,
    pageAligned: offsetBytes % 4096 === 0,
    detail: describe(finding),
    ...(sample === undefined ? {} : { sample: ledger.samples.seal(sample) }),
  };
}

/** Judges bytes that are all in memory. */
export function judgeBytes(bytes: Uint8Array, options: JudgeOptions): Judgement {
  const judge = new Judge(options);
  judge.push(bytes);
  return judge.finish();
}
