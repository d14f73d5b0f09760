/**
 * Judges what fio(1) wrote with `verify=`: every block's header, place, checksum and payload, and reports of a wrong
 * block what it is: another block's data, an older write, zeros, flipped bits.
 *
 * Owns the walk over blocks and the findings. Damage is explained in place; data that is shifted by less than a block is
 * named by whole sectors. Refuses to call a block good whose header, place, checksum or (where fio's generator made it)
 * payload is not what it should be; a payload that nothing can be compared with is counted, and not as verified. Memory: the order of the blocks (28 bytes each, up to a million) and capped findings.
 */

import { grouped } from "../../units.ts";
import type { Judgement } from "../finding.ts";
import { constantOf, type Damage, differences } from "./damage.ts";
import { type FioHeader, readHeader, repairHeader, reversedWords } from "./header.ts";
import type { FioLayout, ReadAt } from "./layout.ts";
import { type Fact, FioNotes } from "./notes.ts";
import { fillPayload } from "./payload.ts";
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
  readonly #chunk: Uint8Array;
  readonly #expected: Uint8Array;
  #at: number;
  /** Bytes of payload that neither fio's generator nor a checksum vouches for. */
  uncheckedBytes = 0;
  /** A block that does not begin where blocks do, and goes on in the next. */
  #unfinished: Unfinished | undefined;

  constructor(options: {
    layout: FioLayout;
    read: ReadAt;
    checksum: Checksum;
    sizeBytes: number;
    file: string;
    expectBytes?: number | undefined;
  }) {
    const { layout, sizeBytes } = options;
    this.#layout = layout;
    this.#read = options.read;
    this.#checksum = options.checksum;
    this.#sizeBytes = sizeBytes;
    this.#notes = new FioNotes({ ...options, startBytes: layout.firstBytes });
    const blocks = Math.max(1, Math.floor(CHUNK_BYTES / layout.blockBytes));
    this.#chunk = new Uint8Array(new ArrayBuffer(Math.max(2048, blocks * layout.blockBytes)));
    this.#expected = new Uint8Array(new ArrayBuffer(Math.max(2048, layout.blockBytes)));
    this.#at = layout.firstBytes;
  }

  /** Judges the next megabyte; the offset reached, or undefined at the end. */
  step(): number | undefined {
    const { blockBytes } = this.#layout;
    if (this.#at >= this.#sizeBytes) return undefined;
    const wanted = Math.min(Math.floor(this.#chunk.length / blockBytes) * blockBytes, this.#sizeBytes - this.#at);
    const got = this.#read(this.#chunk.subarray(0, wanted), this.#at);
    if (got === 0) return undefined;
    for (let index = 0; index < got; index += blockBytes) {
      this.#block(this.#chunk.subarray(index, Math.min(got, index + blockBytes)), this.#at + index);
    }
    this.#at += got;
    return this.#at;
  }

  /** `cut`: no more was read, so that nothing is missing at the end. */
  finish({ cut = false }: { readonly cut?: boolean } = {}): Judgement {
    const judgement = this.#notes.finish(this.#at, { cut });
    return { ...judgement, verifiedBytes: judgement.verifiedBytes - this.uncheckedBytes };
  }

  #block(block: Uint8Array, at: number): void {
    const { blockBytes, order } = this.#layout;
    const header = readHeader(block, 0);
    const before = this.#unfinished;
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
    if (damage.length === 0 && !order.fits(header)) {
      const fio = { what: "older write", operation: order.numberOf(header), timeNs: header.timeNs } as const;
      this.#notes.add({ ...range, kind: "stale", label: "another run of the job", fio });
      return;
    }
    this.#pieces(at, block.length, damage);
  }

  #elsewhere(found: { at: number; belongs: number; header: FioHeader; damage: readonly Damage[]; length: number }) {
    const { at, belongs, header, damage, length } = found;
    const written = { operation: this.#layout.order.numberOf(header), timeNs: header.timeNs };
    const fio = { what: "other block", ...written, ...(damage.length > 0 && { damaged: true as const }) } as const;
    this.#notes.add({ kind: "misplaced", from: at, to: at + length, originBytes: belongs, fio });
  }

  /** A block whose header is not sound: one or two bits of it, or all of it, or the whole block. */
  #headless(block: Uint8Array, at: number, before: Unfinished | undefined): void {
    const { payload } = this.#layout;
    const to = at + block.length;
    const constant = constantOf(block, 0, block.length);
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
      this.#pieces(at, block.length, this.#bySectors(block));
      return;
    }
    this.#unfinished = unfinished;
    this.#shifted(at, block, pieces);
  }

  /** Whole sectors of other blocks; what is between them, sector by sector. */
  #shifted(at: number, block: Uint8Array, pieces: readonly ShiftedPiece[]): void {
    let done = 0;
    const between = (to: number) => {
      for (const { from: start, to: end, ...damage } of this.#bySectors(block.subarray(done, to)))
        this.#notes.add(this.#fact(at, { ...damage, from: done + start, to: done + end }));
    };
    for (const { from, to, originBytes } of pieces) {
      between(from);
      this.#notes.add({ kind: "misplaced", from: at + from, to: at + to, originBytes, fio: { what: "shifted" } });
      done = to;
    }
    between(block.length);
  }

  /** A block without a usable header: sector by sector, what is zero, one value, or cannot be known without it. */
  #bySectors(block: Uint8Array): Damage[] {
    const { payload, template } = this.#layout;
    const right = payload === "constant" && block.length === template?.length ? template : undefined;
    const pieces: Damage[] = [];
    for (let from = 0; from < block.length; from += 512) {
      const to = Math.min(block.length, from + 512);
      // What is written everywhere needs no header.
      if (right !== undefined && Buffer.compare(block.subarray(from, to), right.subarray(from, to)) === 0) continue;
      pieces.push(constantOf(block, from, to) ?? { kind: "foreign", from, to, headless: right === undefined });
    }
    return pieces;
  }

  /** What is wrong in a block whose header is sound. */
  #wrongIn(block: Uint8Array, header: FioHeader): Damage[] {
    const { payload, template, blockBytes, blocksOfWrite } = this.#layout;
    const sum = this.#checksum(header.checksum, block.subarray(header.headBytes));
    const stored = block.subarray(header.checksumAt, header.headBytes);
    const sumIsRight = sum === undefined || Buffer.compare(sum, stored) === 0;
    const expected = this.#expected.subarray(0, blockBytes);
    if (payload === "constant" && template !== undefined) expected.set(template);
    else if (payload === "seeded") {
      const inWrite = Math.floor(header.offsetBytes / blockBytes) % blocksOfWrite;
      fillPayload(expected, { seed: header.seed, fromWord: (inWrite * blockBytes) / 8 });
    }
    if (payload === "unknown") {
      if (sum === undefined) this.uncheckedBytes += block.length - header.headBytes;
      return sumIsRight ? [] : [{ kind: "foreign", from: header.headBytes, to: block.length }];
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
    if (payload === "seeded") fillPayload(expected, { seed: header.seed, fromWord: 0 });
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
      this.#notes.add(this.#fact(at, piece, headBytes));
      done = piece.to;
    }
    if (done < length) this.#notes.intact(at + done, at + length);
  }

  /** `headBytes`: the block has a header of that length in which bits are wrong. */
  #fact(at: number, piece: Damage, headBytes = 0): Fact {
    const range = { from: at + piece.from, to: at + piece.to };
    const fio = { what: "piece", blockAtBytes: at } as const;
    const inHeader = piece.to <= headBytes && { inHeader: true as const };
    switch (piece.kind) {
      case "zeroed":
        return { ...range, kind: "zeroed", fio };
      case "filled":
        return { ...range, kind: "filled", value: piece.value, fio };
      case "bit-flipped": {
        const bits = (piece.bits ?? []).map((bit) => ({ ...bit, offsetBytes: bit.offsetBytes + at }));
        return { ...range, kind: "bit-flipped", bits, wordBytes: piece.wordBytes, fio: { ...fio, ...inHeader } };
      }
      case "byte-swapped":
        return { ...range, kind: "byte-swapped", wordBytes: piece.wordBytes, fio };
      case "stale":
        return this.#otherWrite(at, piece, range);
      default:
        return { ...range, kind: "foreign", fio: { ...fio, ...(piece.headless && { headless: true as const }) } };
    }
  }

  #otherWrite(at: number, piece: Damage, range: { from: number; to: number }): Fact {
    const place = piece.seed === undefined ? undefined : this.#layout.order.placeOf(piece.seed);
    if (place !== undefined && this.#layout.blocksOfWrite === 1) {
      const fio = { what: "part of a block", blockAtBytes: at } as const;
      return { ...range, kind: "misplaced", originBytes: place + piece.from, fio };
    }
    const fio = { what: "part of a write", blockAtBytes: at } as const;
    return { ...range, kind: "stale", label: "an older write of fio", fio };
  }
}
