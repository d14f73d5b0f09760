/**
 * The judge: reads a stream that came back, block by block, and explains every byte of it.
 *
 * Owns feeding the tracer with blocks of any size and phase, the caps, and the final `Judgement`. Refuses to read files,
 * to know the time and to guess: what it says is a function of the bytes alone. Memory is bounded whatever the input is
 * (a few hundred held bytes, capped findings and segments) and time is linear in the input.
 */
import { assertStreamOffset, type Pattern } from "../pattern/pattern.ts";
import type { Finding, Judgement } from "./finding.ts";
import { Explainer } from "./stream/explainer.ts";
import { Ledger, type Note } from "./stream/notebook.ts";
import { sealSample } from "./stream/sample.ts";
import { describe } from "./stream/sentence.ts";
import { Tracer } from "./stream/tracer.ts";

/** What the stream should be. */
export interface JudgeOptions {
  readonly pattern: Pattern;
  /** Where the stream ends, from its beginning (not from `startBytes`). Left out: any length is right. */
  readonly expectBytes?: number;
  /** File offset of the first byte that will be pushed; it should be the stream's byte of the same offset. Default 0. */
  readonly startBytes?: number;
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
    this.#ledger = new Ledger({ findingsMax, segmentsMax });
    this.#explainer = new Explainer(this.#ledger, { startBytes, endBytes });
    const ledger = this.#ledger;
    this.#tracer = new Tracer({
      pattern,
      explainer: this.#explainer,
      startBytes,
      endBytes,
      wantSamples: () => !ledger.full,
    });
  }

  /** True while nothing wrong was seen; cheap enough to ask after every block. */
  get intact(): boolean {
    return this.#held.length === 0 && this.#ledger.notes.length === 0;
  }

  /** Takes the next bytes. The block is not kept: it may be overwritten as soon as this returns. */
  push(block: Uint8Array): void {
    if (this.#finished) throw new Error("push() after finish(): this judge has spoken");
    const blockAt = this.#at;
    this.#at += block.length;
    this.#tracer.fillSamples({ block, at: blockAt });
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
    this.#tracer.fillSamples({ block, at: blockAt });
    this.#held = block.slice(this.#tracer.needFrom - blockAt);
  }

  /** Takes zeros that nobody read, as a hole of a sparse file is: as `push` would, in constant time where that can be. */
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
    if (this.#finished) throw new Error("finish() was called before: this judge has spoken");
    this.#finished = true;
    const window = { block: this.#held, at: this.#at - this.#held.length };
    this.#tracer.advance(window, true);
    this.#tracer.finish(window);
    return {
      verifiedBytes: this.#at - this.#startBytes,
      findings: this.#findings(),
      findingsLeftOut: this.#ledger.notesLeftOut,
      segments: this.#ledger.segments,
      segmentsLeftOut: this.#ledger.segmentsLeftOut,
    };
  }

  #findings(): Finding[] {
    const notes = [...this.#ledger.notes];
    notes.sort((a, b) => a.offsetBytes - b.offsetBytes || b.lengthBytes - a.lengthBytes);
    return notes.map((note) => toFinding(note, this.#file));
  }
}

function toFinding(note: Note, file: string | undefined): Finding {
  return {
    kind: note.kind,
    ...(file === undefined ? {} : { file }),
    offsetBytes: note.offsetBytes,
    lengthBytes: note.lengthBytes,
    ...(note.originBytes === undefined ? {} : { originBytes: note.originBytes }),
    pageAligned: note.offsetBytes % 4096 === 0,
    detail: describe(note),
    ...(note.sample === undefined ? {} : { sample: sealSample(note.sample) }),
  };
}

/** Judges bytes that are all in memory. */
export function judgeBytes(bytes: Uint8Array, options: JudgeOptions): Judgement {
  const judge = new Judge(options);
  judge.push(bytes);
  return judge.finish();
}
