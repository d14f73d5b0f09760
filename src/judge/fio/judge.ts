/**
 * Judges what fio(1) wrote with `verify=`: every block's header, place, checksum and payload, and reports of a wrong
 * block what it is: another block's data, an older write, zeros, flipped bits.
 *
 * Owns the walk over blocks and the findings. Damage is explained in place, and shifted data by its distance. Blocks that
 * were never written are known by the numbers of the writes that are there (layout.ts). Refuses to call a block good whose
 * header, place, checksum or (where fio's generator made it) payload is not what it should be; a payload that nothing can
 * be compared with is counted, and not as verified. Memory: the order of the blocks (28 bytes each, up to a million) and
 * capped findings.
 */

import { grouped } from "../../units.ts";
import type { Judgement } from "../finding.ts";
import { expectPayload } from "./content.ts";
import { constantOf, type Damage, differences } from "./damage.ts";
import { type FioHeader, readHeader, repairHeader, reversedWords } from "./header.ts";
import { beginsLikeOne, byPayload, isCutHeader } from "./headless.ts";
import type { FioLayout, ReadAt, Sparse } from "./layout.ts";
import { FioNotes } from "./notes.ts";
import { isOneChain } from "./payload.ts";
import { bySectors, endOfOther, factOf } from "./pieces.ts";
import { type ShiftedPiece, shiftedPieces, type Unfinished } from "./shifted.ts";

/** The checksum as fio stores it, or undefined for one that is not computed here. */
export type Checksum = (name: string, payload: Uint8Array) => Uint8Array | undefined;

const CHUNK_BYTES = 1 << 20;

export class FioJudge {
  readonly #layout: FioLayout;
  readonly #read: ReadAt;
  readonly #checksum: Checksum;
  readonly #notes: FioNotes;
  readonly #sizeBytes: number;
  readonly #expectBytes: number | undefined;
  readonly #holes: Sparse | undefined;
  readonly #chunk: Uint8Array;
  readonly #expected: Uint8Array;
  #at: number;
  /** Bytes of payload that neither fio's generator nor a checksum vouches for. */
  uncheckedBytes = 0;
  /** Bytes of blocks that were never written, or whose writes were the last ones and are lost. */
  unwrittenBytes = 0;
  /** Bytes of a header that is not whole. */
  #cutBytes = 0;
  /** A block that does not begin where blocks do, and goes on in the next. */
  #unfinished: Unfinished | undefined;

  constructor(options: {
    layout: FioLayout;
    read: ReadAt;
    checksum: Checksum;
    sizeBytes: number;
    file: string;
    expectBytes?: number | undefined;
    holes?: Sparse | undefined;
  }) {
    const { layout, sizeBytes } = options;
    this.#layout = layout;
    this.#read = options.read;
    this.#checksum = options.checksum;
    this.#sizeBytes = sizeBytes;
    this.#expectBytes = options.expectBytes;
    this.#holes = options.holes;
    this.#notes = new FioNotes({ ...options, startBytes: 0 });
    const blocks = Math.max(1, Math.floor(CHUNK_BYTES / layout.blockBytes));
    this.#chunk = new Uint8Array(new ArrayBuffer(Math.max(2048, blocks * layout.blockBytes)));
    this.#expected = new Uint8Array(new ArrayBuffer(Math.max(2048, layout.blockBytes)));
    this.#at = layout.firstBytes;
  }

  /** Judges the next megabyte; the offset reached, or undefined at the end. */
  step(): number | undefined {
    const { blockBytes, firstBytes } = this.#layout;
    if (this.#at === firstBytes) this.#beforeFirst();
    if (this.#at >= this.#sizeBytes) return undefined;
    const hole = this.#holeAt(this.#at);
    if (hole > 0) {
      this.#unfinished = undefined;
      this.#empty(this.#at, this.#at + hole);
      this.#at += hole;
      return this.#at;
    }
    const wanted = Math.min(Math.floor(this.#chunk.length / blockBytes) * blockBytes, this.#sizeBytes - this.#at);
    const got = this.#read(this.#chunk.subarray(0, wanted), this.#at);
    if (got === 0) return undefined;
    for (let index = 0; index < got; index += blockBytes) {
      this.#block(this.#chunk.subarray(index, Math.min(got, index + blockBytes)), this.#at + index);
    }
    this.#at += got;
    return this.#at;
  }

  /** Blocks of a hole, whole ones. One of which a length was promised ends with it. */
  #holeAt(at: number): number {
    const { blockBytes } = this.#layout;
    const expected = this.#expectBytes ?? 0;
    const hole = this.#holes?.at(at) ?? 0;
    return Math.floor((expected > at ? Math.min(hole, expected - at) : hole) / blockBytes) * blockBytes;
  }

  #empty(from: number, to: number): void {
    if (this.#isUnwritten(to)) this.#notWritten(from, to);
    else this.#notes.add({ kind: "zeroed", from, to, fio: { what: "no block" } });
  }

  /** What is before the first block: the end of one that is not in the file, or bytes that moved all blocks. */
  #beforeFirst(): void {
    const { firstBytes, baseBytes } = this.#layout;
    if (firstBytes === 0) return;
    const block = new Uint8Array(new ArrayBuffer(Math.max(2048, firstBytes))).subarray(0, firstBytes);
    this.#read(block, 0);
    if (baseBytes >= 0) this.#notWritten(0, firstBytes);
    else
      this.#pieces(0, firstBytes, [constantOf(block, 0, firstBytes) ?? { kind: "foreign", from: 0, to: firstBytes }]);
  }

  /** `cut`: no more was read, so that nothing is missing at the end. */
  finish({ cut = false }: { readonly cut?: boolean } = {}): Judgement {
    const judgement = this.#notes.finish(this.#at, { cut });
    return {
      ...judgement,
      verifiedBytes: judgement.verifiedBytes - this.uncheckedBytes - this.unwrittenBytes - this.#cutBytes,
    };
  }

  #block(block: Uint8Array, at: number): void {
    const { blockBytes, order } = this.#layout;
    const header = readHeader(block, 0);
    const before = this.#unfinished;
    if (header === undefined && isCutHeader(block, at, this.#layout)) {
      this.#cutBytes += block.length;
      this.#notes.intact(at, at + block.length);
      return;
    }
    const range = { from: at, to: at + block.length };
    this.#unfinished = undefined;
    if (header === undefined) {
      this.#headless(block, at, before);
      return;
    }
    if (header.lengthBytes !== blockBytes || header.thread !== this.#layout.thread) {
      const label = `job ${header.thread}, blocks of ${grouped(header.lengthBytes)} bytes`;
      this.#notes.add({ kind: "stale", ...range, label, fio: { what: "other job" } });
      return;
    }
    const belongs = header.offsetBytes - this.#layout.baseBytes;
    const damage = block.length < blockBytes ? this.#partial(block, header) : this.#wrongIn(block, header);
    if (belongs !== at) {
      this.#elsewhere({ at, belongs, header, damage, length: block.length });
      return;
    }
    const to = endOfOther(damage, { at, length: block.length, layout: this.#layout });
    if (to !== undefined && !order.fits(header)) {
      const fio = { what: "older write", operation: order.numberOf(header), timeNs: header.timeNs } as const;
      this.#notes.add({ from: at, to: at + to, kind: "stale", label: "another run of the job", fio });
      if (to < block.length) this.#notes.intact(at + to, at + block.length);
      return;
    }
    this.#pieces(at, block.length, damage);
  }

  #elsewhere(found: { at: number; belongs: number; header: FioHeader; damage: readonly Damage[]; length: number }) {
    const { at, belongs, header, damage, length } = found;
    const written = { operation: this.#layout.order.numberOf(header), timeNs: header.timeNs };
    const to = endOfOther(damage, { at, length, layout: this.#layout });
    if (to !== undefined && to < length) {
      const fio = { what: "part of a block", blockAtBytes: at } as const;
      this.#notes.add({ kind: "misplaced", from: at, to: at + to, originBytes: belongs, fio });
      this.#notes.intact(at + to, at + length);
      return;
    }
    const fio = { what: "other block", ...written, ...(damage.length > 0 && { damaged: true as const }) } as const;
    this.#notes.add({ kind: "misplaced", from: at, to: at + length, originBytes: belongs, fio });
  }

  /** A block whose header is not sound: one or two bits of it, or all of it, or the whole block. */
  #headless(block: Uint8Array, at: number, before: Unfinished | undefined): void {
    const { payload } = this.#layout;
    const to = at + block.length;
    const constant = constantOf(block, 0, block.length);
    if (constant?.kind === "zeroed" && (this.#isUnwritten(to) || block.length < this.#layout.blockBytes)) {
      this.#notWritten(at, to);
      return;
    }
    if (constant !== undefined) {
      this.#notes.add({ ...constant, from: at, to, fio: { what: "no block" } });
      return;
    }
    const wordBytes = reversedWords(block, at + this.#layout.baseBytes);
    if (wordBytes !== undefined) {
      this.#notes.add({ kind: "byte-swapped", from: at, to, wordBytes, fio: { what: "reversed block" } });
      return;
    }
    const repaired = repairHeader(block);
    if (repaired !== undefined && repaired.header.lengthBytes === this.#layout.blockBytes) {
      const mended = new Uint8Array(block);
      mended.set(repaired.head.subarray(0, block.length));
      const bits = repaired.bits.map((bit) => ({
        offsetBytes: bit >> 3,
        bit: bit & 7,
        found: (((block[bit >> 3] as number) >> (bit & 7)) & 1) as 0 | 1,
      }));
      const first = bits[0]?.offsetBytes ?? 0;
      const flipped: Damage = { kind: "bit-flipped", from: first, to: (bits.at(-1)?.offsetBytes ?? first) + 1, bits };
      this.#pieces(at, block.length, [flipped, ...this.#wrongIn(mended, repaired.header)], repaired.header.headBytes);
      return;
    }
    const { pieces, unfinished } = shiftedPieces(block, this.#layout, payload === "seeded" ? before : undefined);
    if (payload !== "seeded" || pieces.length === 0) {
      // Files that fio reads, too, are filled by its generator before: what shows a write is a header.
      if (this.#isUnwritten(to) && !beginsLikeOne(block, this.#layout)) {
        this.#notWritten(at, to);
        return;
      }
      const shown = byPayload(block, at, { layout: this.#layout, checksum: this.#checksum });
      this.#pieces(at, block.length, shown ?? bySectors(block, this.#layout));
      return;
    }
    this.#unfinished = unfinished;
    this.#shifted(at, block, pieces);
  }

  /** A block without a header need not be damage: more of them are there than writes are missing. */
  #isUnwritten(to: number): boolean {
    return this.#layout.unwritten !== undefined && !(this.#expectBytes !== undefined && to <= this.#expectBytes);
  }

  #notWritten(from: number, to: number): void {
    this.unwrittenBytes += to - from;
    this.#notes.intact(from, to);
  }

  /** Whole sectors of other blocks; what is between them, sector by sector. */
  #shifted(at: number, block: Uint8Array, pieces: readonly ShiftedPiece[]): void {
    let done = 0;
    const between = (to: number) => {
      for (const { from: start, to: end, ...damage } of bySectors(block.subarray(done, to), this.#layout))
        this.#notes.add(factOf({ ...damage, from: done + start, to: done + end }, { at, layout: this.#layout }));
    };
    const [first] = pieces;
    // What ends where a block begins that was moved, and is payload of one write, is the end of the block before it.
    const before = (first?.originBytes ?? 0) - (first?.from ?? 0);
    const isEnd = first !== undefined && before > 0 && before % 8 === at % 8 && isOneChain(block, 0, first.from);
    const all = isEnd ? [{ from: 0, to: first.from, originBytes: before }, ...pieces] : pieces;
    for (const { from, to, originBytes } of all) {
      between(from);
      this.#notes.add({ kind: "misplaced", from: at + from, to: at + to, originBytes, fio: { what: "shifted" } });
      done = to;
    }
    between(block.length);
  }

  /** What is wrong in a block whose header is sound. */
  #wrongIn(block: Uint8Array, header: FioHeader): Damage[] {
    const { payload, template, blockBytes } = this.#layout;
    const sum = this.#checksum(header.checksum, block.subarray(header.headBytes));
    const stored = block.subarray(header.checksumAt, header.headBytes);
    const sumIsRight = sum === undefined || Buffer.compare(sum, stored) === 0;
    const expected = this.#expected.subarray(0, blockBytes);
    if (payload === "constant" && template !== undefined) expected.set(template);
    else if (payload === "seeded") expectPayload(expected, block, header, this.#layout);
    if (payload === "unknown") {
      if (sum === undefined) this.uncheckedBytes += block.length - header.headBytes;
      return sumIsRight ? [] : [{ kind: "foreign", from: header.headBytes, to: block.length, bySum: true }];
    }
    const wrong = differences(block, expected, header.headBytes);
    if (wrong.length > 0 || sumIsRight) return wrong;
    const right = this.#checksum(header.checksum, expected.subarray(header.headBytes));
    if (right === undefined) return [];
    expected.set(block.subarray(0, header.headBytes));
    expected.set(right, header.checksumAt);
    return differences(block.subarray(0, header.headBytes), expected.subarray(0, header.headBytes), header.checksumAt);
  }

  /** The last block of a file that was cut: as far as it goes. */
  #partial(block: Uint8Array, header: FioHeader): Damage[] {
    const { payload, blockBytes, template } = this.#layout;
    const expected = this.#expected.subarray(0, blockBytes);
    if (payload === "seeded") expectPayload(expected, block, header, this.#layout);
    else if (payload === "constant" && template !== undefined) expected.set(template);
    else {
      this.uncheckedBytes += Math.max(0, block.length - header.headBytes);
      return [];
    }
    return differences(block, expected.subarray(0, block.length), header.headBytes);
  }

  /** Writes down the pieces of a block and what is intact between them. */
  #pieces(at: number, length: number, damage: readonly Damage[], headBytes = 0): void {
    let done = 0;
    for (const piece of [...damage].sort((a, b) => a.from - b.from)) {
      if (piece.from < done) continue;
      if (piece.from > done) this.#notes.intact(at + done, at + piece.from);
      this.#notes.add(factOf(piece, { at, layout: this.#layout, headBytes }));
      done = piece.to;
    }
    if (done < length) this.#notes.intact(at + done, at + length);
  }
}
