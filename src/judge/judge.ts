/**
 * The judge: reads a stream that came back, block by block, and explains every byte of it.
 *
 * Owns feeding the tracer with blocks of any size and phase, the caps, and the final `Judgement`. Refuses to read files,
 * to know the time and to guess: what it reports is a function of the bytes alone. Memory is bounded whatever the input
 * is (a few thousand held bytes, capped findings and segments) and time is linear in the input.
 */
import { assertStreamOffset, type Pattern } from "../pattern/pattern.ts";
import type { Finding, Judgement } from "./finding.ts";
import type { Machinery, MachineryOptions } from "./stream/machinery.ts";
import type { Note } from "./stream/notebook.ts";

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
const JOIN_BYTES = 12288;
const ZERO_BYTES = 1 << 20;
const NOTHING = new Uint8Array(0);

/** Loaded at the first byte that is wrong. */
const explaining = () => require("./stream/machinery.ts") as typeof import("./stream/machinery.ts");

/** The judge of a stream that comes in blocks of any size: `push`, then `finish`. */
export class Judge {
  readonly #options: MachineryOptions;
  readonly #file: string | undefined;
  /** Undefined as long as every byte was right. */
  #machinery: Machinery | undefined;
  readonly #open: boolean;
  #held: Uint8Array = NOTHING;
  #at: number;
  /** Looked at by `prepare` and not pushed yet. */
  #lastRight: Uint8Array | undefined;
  #finished = false;

  constructor(options: JudgeOptions) {
    const { pattern, expectBytes, startBytes = 0, findingsMax = 256, segmentsMax = 4096 } = options;
    assertStreamOffset(startBytes);
    if (expectBytes !== undefined) assertStreamOffset(expectBytes);
    const endBytes = expectBytes ?? Infinity;
    this.#options = { pattern, startBytes, endBytes, findingsMax, segmentsMax };
    this.#file = options.file;
    this.#at = startBytes;
    this.#open = options.openEnd === true;
  }

  /** True while nothing wrong was seen; cheap enough to ask after every block. */
  get intact(): boolean {
    if (this.#machinery === undefined) return true;
    const { ledger, explainer, tracer } = this.#machinery;
    return this.#held.length === 0 && ledger.isEmpty && explainer.isSettled(tracer.run);
  }

  /** Takes the next bytes. The block is not kept: it may be overwritten as soon as this returns. */
  push(block: Uint8Array): void {
    if (this.#finished) throw new Error("push() called after finish()");
    if (this.#machinery === undefined && this.#isRight(block)) {
      this.#at += block.length;
      this.#lastRight = undefined;
      return;
    }
    this.#pushPlain(plainBytes(block));
  }

  #pushPlain(block: Uint8Array): void {
    const blockAt = this.#at;
    const { tracer } = this.#explain();
    this.#at += block.length;
    if (this.#held.length > 0) {
      const heldAt = blockAt - this.#held.length;
      const joined = new Uint8Array(new ArrayBuffer(this.#held.length + Math.min(JOIN_BYTES, block.length)));
      joined.set(this.#held);
      joined.set(block.subarray(0, JOIN_BYTES), this.#held.length);
      tracer.advance({ block: joined, at: heldAt }, false);
      const need = tracer.needFrom;
      if (need < blockAt || block.length <= JOIN_BYTES) {
        if (block.length > JOIN_BYTES) throw new Error("the judge holds back more than it promised");
        this.#held = joined.slice(need - heldAt);
        return;
      }
    }
    tracer.advance({ block, at: blockAt }, false);
    this.#held = block.slice(tracer.needFrom - blockAt);
  }

  /** Long work to be done before the first block with a wrong byte is pushed, so that the caller may breathe in it. */
  prepare(block: Uint8Array): Iterable<unknown> | undefined {
    const { pattern } = this.#options;
    if (pattern.prepare === undefined || this.#machinery !== undefined || this.#isRight(block)) return undefined;
    return pattern.prepare();
  }

  /** Every byte of the block continues the stream, which does not end before it. */
  #isRight(block: Uint8Array): boolean {
    if (this.#lastRight === block) return true;
    const { pattern, endBytes } = this.#options;
    const right = this.#at + block.length <= endBytes && pattern.firstMismatch(block, this.#at) < 0;
    this.#lastRight = right ? block : undefined;
    return right;
  }

  #explain(): Machinery {
    this.#machinery ??= explaining().machinery(this.#options, this.#at);
    return this.#machinery;
  }

  /** Unread zeros that can only be right or can only go on being wrong. */
  get #zerosAhead(): number {
    if (!this.#held.every((byte) => byte === 0)) return 0;
    if (this.#machinery !== undefined) return this.#machinery.tracer.zerosAhead;
    const { pattern, endBytes } = this.#options;
    return pattern.name === "zero" ? Math.max(0, endBytes - this.#at) : 0;
  }

  /**
   * Takes unread zeros, as of a hole in a sparse file: as `push` would, in constant time where that can be. Returns how many
   * were taken: all of them, or fewer when more than `mostBytes` would have to be looked at.
   */
  pushZeros(count: number, mostBytes = Infinity): number {
    const zeros = new Uint8Array(new ArrayBuffer(Math.min(count, ZERO_BYTES)));
    let left = count;
    for (let looked = 0; left > 0 && looked < mostBytes; looked += ZERO_BYTES) {
      const length = Math.min(left, zeros.length);
      this.push(zeros.subarray(0, length));
      left -= length;
      const ahead = Math.min(left, this.#zerosAhead);
      const skip = ahead - (ahead % 8);
      if (skip <= 0) continue;
      this.#machinery?.tracer.skipZeros(skip);
      this.#at += skip;
      left -= skip;
    }
    return count - left;
  }

  /** The file ends here: what was it? `cut`: it does not, but no more of it was read; nothing is missing behind. */
  finish({ cut = false }: { readonly cut?: boolean } = {}): Judgement {
    if (this.#finished) throw new Error("finish() called twice");
    this.#finished = true;
    const { startBytes, endBytes } = this.#options;
    const verifiedBytes = this.#at - startBytes;
    const open = this.#open || (cut && this.#at < endBytes);
    const ends = endBytes === Infinity || this.#at === endBytes || (open && this.#at < endBytes);
    if (this.#machinery === undefined && ends) return intactJudgement(startBytes, verifiedBytes);
    const { ledger, explainer, tracer } = this.#explain();
    const window = { block: this.#held, at: this.#at - this.#held.length };
    tracer.advance(window, true);
    tracer.finish(window);
    explainer.finish(this.#at, { open });
    const { notes, leftOut, groups } = ledger.finish();
    // What is lost has no bytes: it is before whatever begins there.
    const isGap = ({ kind }: Note) => Number(kind === "lost");
    notes.sort((a, b) => a.offsetBytes - b.offsetBytes || isGap(b) - isGap(a) || b.lengthBytes - a.lengthBytes);
    return {
      verifiedBytes,
      findings: notes.map((note) => toFinding(note, ledger, this.#file)),
      findingsLeftOut: leftOut,
      ...(groups.length === 0 ? {} : { groups }),
      segments: ledger.segments,
      segmentsLeftOut: ledger.segmentsLeftOut,
    };
  }
}

/** The judgement of a stream in which every byte is right. */
export function intactJudgement(offsetBytes: number, lengthBytes: number): Judgement {
  const segments = lengthBytes === 0 ? [] : [{ offsetBytes, lengthBytes, kind: "intact" as const }];
  return { verifiedBytes: lengthBytes, findings: [], findingsLeftOut: 0, segments, segmentsLeftOut: 0 };
}

function toFinding(note: Note, ledger: Machinery["ledger"], file: string | undefined): Finding {
  const { sample, homeBytes, listed, offsetBytes, ...fields } = note;
  const { kind: found, ...rest } = fields;
  const kind = explaining().isTorn(note, ledger.pattern) ? "torn" : found;
  return {
    ...{ kind, ...(file === undefined ? {} : { file }), offsetBytes, ...rest },
    pageAligned: offsetBytes % 4096 === 0,
    ...(sample === undefined ? {} : { sample: ledger.samples.seal(sample) }),
  };
}

/** The same bytes as a view whose slice() is a copy, which that of a Buffer is not. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Judges bytes that are all in memory. */
export function judgeBytes(bytes: Uint8Array, options: JudgeOptions): Judgement {
  const judge = new Judge(options);
  judge.push(bytes);
  return judge.finish();
}
