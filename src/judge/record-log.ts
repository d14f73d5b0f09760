/**
 * Judges a log that several writers appended records to: does every record that was reported written whole lie whole?
 *
 * Owns the rule of `torn`: the pieces of one record, in their order, with other bytes between. A record that was
 * reported whole and has bytes missing is `lost`; bytes that no record explains are `foreign` (or `zeroed`); a
 * record's bytes that are repeated are `duplicated`. Records whose call reported less are outside every promise:
 * their bytes are accepted in any number of pieces. Pure; for rounds of a log that fit in memory.
 */
import { fillPart, findTag, mismatchInPart, type RecordTag, readRecord, type WordTag } from "../pattern/record.ts";
import { readWord } from "../pattern/u64.ts";
import type { Finding, FoundRecords } from "./finding.ts";
import type { LogExpectation, LogJudgement, RecordPiece } from "./log-terms.ts";

/** Every length and offset of a record is a multiple of this, so a boundary is too. */
const WORD_BYTES = 8;
/** Looked at in one turn: the smallest records take a tenth of a second for so many bytes. */
const TURN_BYTES = 256 * 1024;
/** And so many records that are known. */
export const TURN_RECORDS = 4096;

/** Judges a log that several writers appended tagged records to, held in memory. */
export function judgeRecordLog(log: Uint8Array, expected: LogExpectation): LogJudgement {
  return atOnce(recordLogInTurns(log, expected));
}

/** Work in turns, without a pause between them. */
export function atOnce<Result>(work: Generator<undefined, Result>): Result {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** The same in turns of a tenth of a second or less, so that the caller may breathe between them. */
export function* recordLogInTurns(log: Uint8Array, expected: LogExpectation): Generator<undefined, LogJudgement> {
  const walk = new LogWalk(log, expected);
  yield* walk.run();
  return yield* walk.judgement();
}

/** A number that equal words share; few others do. */
function wordKey(block: Uint8Array, at: number): number {
  if (at + WORD_BYTES > block.length) return -1;
  const { lo, hi } = readWord(block, at);
  return lo + (hi & 0xfffff) * 2 ** 32;
}

interface OpenRecord {
  readonly pieces: RecordPiece[];
  nextBytes: number;
  /** Bytes of the record that are repeated; they are its own, so they do not tear it. */
  againBytes: number;
}

class LogWalk {
  readonly #log: Uint8Array;
  readonly #expected: LogExpectation;
  readonly #lengths: ReadonlyMap<number, number>;
  readonly #records = new Map<string, OpenRecord>();
  /** Records that have begun and not ended, the only ones that a piece can continue, by the word that would continue them. */
  readonly #unfinished = new Map<number, Set<string>>();
  readonly #findings: Finding[] = [];
  #turnEnd = TURN_BYTES;

  constructor(log: Uint8Array, expected: LogExpectation) {
    this.#log = log;
    this.#expected = expected;
    this.#lengths = new Map(expected.tallies.map(({ writer, recordBytes }) => [writer, recordBytes]));
  }

  *run(): Generator<undefined, void> {
    const end = this.#log.length;
    for (let at = 0; at < end; ) {
      if (this.#isTurnOver(at)) yield;
      const tag = this.#tagAt(at);
      at = tag === undefined ? yield* this.#skip(at) : this.#take(at, tag);
    }
  }

  #isTurnOver(at: number): boolean {
    if (at < this.#turnEnd) return false;
    this.#turnEnd = at + TURN_BYTES;
    return true;
  }

  /** Which record's bytes are here: one that begins, or the continuation of one that has begun. */
  #tagAt(at: number): WordTag | undefined {
    const header = readRecord(this.#log, at);
    if (header !== undefined && this.#isOurs(header)) return { ...header, offsetBytes: 0 };
    for (const key of this.#unfinished.get(wordKey(this.#log, at)) ?? []) {
      const { pieces, nextBytes } = this.#records.get(key) as OpenRecord;
      const { writer, sequence } = pieces[0] as RecordPiece;
      const tag = { writer, sequence, generation: this.#expected.generation, offsetBytes: nextBytes };
      if (this.#runEnd(at, tag) - at >= WORD_BYTES * 3) return tag;
    }
    // Any other place of any record, proven by three words.
    return findTag(this.#log, { fromIndex: at, toIndex: at + 1 }, (tag) => (this.#isOurs(tag) ? tag : undefined));
  }

  #isOurs(tag: { writer: number; generation: number }): boolean {
    return this.#lengths.has(tag.writer) && tag.generation === this.#expected.generation;
  }

  #tag({ writer, sequence }: WordTag): RecordTag {
    const lengthBytes = this.#lengths.get(writer) as number;
    return { writer, sequence, generation: this.#expected.generation, lengthBytes };
  }

  /** Where the bytes stop being the record's. Two records may agree in a byte or so: a boundary is a word's. */
  #runEnd(at: number, tag: WordTag): number {
    const whole = this.#tag(tag);
    const toIndex = Math.min(this.#log.length, at + whole.lengthBytes - tag.offsetBytes);
    const part = { tag: whole, offsetBytes: tag.offsetBytes, fromIndex: at, toIndex };
    const bad = mismatchInPart(this.#log, part);
    return bad < 0 ? toIndex : at + Math.floor((bad - at) / WORD_BYTES) * WORD_BYTES;
  }

  #take(at: number, tag: WordTag): number {
    const end = this.#runEnd(at, tag);
    const { writer, sequence, offsetBytes: recordOffsetBytes } = tag;
    const key = `${writer}.${sequence}`;
    const record = this.#records.get(key) ?? { pieces: [], nextBytes: 0, againBytes: 0 };
    this.#records.set(key, record);
    const againBytes = Math.min(end - at, Math.max(0, record.nextBytes - recordOffsetBytes));
    if (againBytes > 0) {
      record.againBytes += againBytes;
      const records = { writer, first: sequence, count: 1, recordBytes: this.#lengths.get(writer) as number };
      const found = { offsetBytes: at, lengthBytes: againBytes, originBytes: recordOffsetBytes, records };
      this.#findings.push(this.#finding({ kind: "duplicated", ...found }));
    }
    const lengthBytes = end - at - againBytes;
    if (lengthBytes > 0) {
      this.#await(tag, record.nextBytes).delete(key);
      const offsetBytes = at + againBytes;
      record.pieces.push({
        ...{ writer, sequence, offsetBytes, lengthBytes },
        recordOffsetBytes: recordOffsetBytes + againBytes,
      });
      record.nextBytes = recordOffsetBytes + againBytes + lengthBytes;
      if (record.nextBytes < (this.#lengths.get(writer) as number)) this.#await(tag, record.nextBytes).add(key);
    }
    return end;
  }

  /** The records that the word at that place of a record would continue. */
  #await(tag: WordTag, nextBytes: number): Set<string> {
    const next = new Uint8Array(WORD_BYTES);
    const whole = this.#tag(tag);
    if (nextBytes < whole.lengthBytes)
      fillPart(next, { tag: whole, offsetBytes: nextBytes, fromIndex: 0, toIndex: WORD_BYTES });
    const word = wordKey(next, 0);
    const keys = this.#unfinished.get(word) ?? new Set();
    this.#unfinished.set(word, keys);
    return keys;
  }

  /** Bytes that no record explains, up to the next place that one does. */
  *#skip(at: number): Generator<undefined, number> {
    const end = this.#log.length;
    let to = this.#afterZeros(at + WORD_BYTES);
    while (to < end && this.#tagAt(to) === undefined) {
      to = this.#afterZeros(to + WORD_BYTES);
      if (this.#isTurnOver(to)) yield;
    }
    to = Math.min(to, end);
    const zero = this.#log.subarray(at, to).every((byte) => byte === 0);
    this.#findings.push(this.#finding({ kind: zero ? "zeroed" : "foreign", offsetBytes: at, lengthBytes: to - at }));
    return to;
  }

  /** Three words of zeros prove no record: a run of them is passed over at the speed of memory. */
  #afterZeros(at: number): number {
    const end = this.#log.length;
    let to = at;
    while (to < end && this.#log[to] === 0) to += 1;
    const words = Math.floor((to - at) / WORD_BYTES) - 3;
    return words > 0 ? (to === end ? end : at + words * WORD_BYTES) : at;
  }

  *judgement(): Generator<undefined, LogJudgement> {
    yield* this.#judgeBeyond();
    const whole: LogJudgement["whole"][number][] = [];
    let turn = 0;
    for (const { writer, recordBytes, records, partial } of this.#expected.tallies) {
      const excused = new Set(partial.map(({ sequence }) => sequence));
      let torn = 0;
      for (let sequence = 0; sequence < records; sequence += 1) {
        turn += 1;
        if (turn % TURN_RECORDS === 0) yield;
        if (excused.has(sequence)) continue;
        const missing = this.#missingFrom({ writer, sequence, records, excused });
        if (missing > 1) {
          this.#loseMany({ writer, sequence, count: missing, recordBytes });
          sequence += missing - 1;
          continue;
        }
        if (this.#judgeRecord(`${writer}.${sequence}`, { writer, sequence, recordBytes })) torn += 1;
      }
      whole.push({ writer, records: records - excused.size, torn });
    }
    const findings = this.#findings.sort((a, b) => a.offsetBytes - b.offsetBytes);
    const pieces: RecordPiece[] = [];
    for (const record of this.#records.values()) {
      turn += 1;
      if (turn % TURN_RECORDS === 0) yield;
      pieces.push(...record.pieces);
    }
    return { verifiedBytes: this.#log.length, findings, whole, pieces };
  }

  /** Records that were never reported written. */
  *#judgeBeyond(): Generator<undefined, void> {
    const reported = new Map(this.#expected.tallies.map(({ writer, records }) => [writer, records]));
    let turn = 0;
    for (const { pieces } of this.#records.values()) {
      turn += 1;
      if (turn % TURN_RECORDS === 0) yield;
      const [first] = pieces;
      const records = first === undefined ? undefined : reported.get(first.writer);
      if (first === undefined || records === undefined || first.sequence < records) continue;
      const lengthBytes = pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0);
      const { writer, sequence, offsetBytes } = first;
      const recordBytes = this.#lengths.get(writer) as number;
      const extra = { writer, first: sequence, count: 1, recordBytes, acknowledged: records };
      this.#findings.push(this.#finding({ kind: "extra", offsetBytes, lengthBytes, records: extra }));
    }
  }

  /** How many records in a row, from this one on, are not there at all. */
  #missingFrom(one: { writer: number; sequence: number; records: number; excused: ReadonlySet<number> }): number {
    let to = one.sequence;
    while (to < one.records && !one.excused.has(to) && !this.#records.has(`${one.writer}.${to}`)) to += 1;
    return to - one.sequence;
  }

  /** One finding for a lost range of records, where the writer's record before it ends. */
  #loseMany(one: { writer: number; sequence: number; count: number; recordBytes: number }): void {
    const { writer, sequence, count, recordBytes } = one;
    const before = this.#records.get(`${writer}.${sequence - 1}`)?.pieces.at(-1);
    const offsetBytes = before === undefined ? this.#log.length : before.offsetBytes + before.lengthBytes;
    const lengthBytes = count * recordBytes;
    const records = { writer, first: sequence, count, recordBytes };
    this.#findings.push(this.#finding({ kind: "lost", offsetBytes, lengthBytes, records }));
  }

  /** True when the record is torn; a loss is written down as well. */
  #judgeRecord(key: string, record: { writer: number; sequence: number; recordBytes: number }): boolean {
    const { pieces, againBytes } = this.#records.get(key) ?? { pieces: [], againBytes: 0 };
    const foundBytes = pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0);
    const [first] = pieces;
    const { writer, sequence, recordBytes } = record;
    const records = { writer, first: sequence, count: 1, recordBytes };
    if (foundBytes < recordBytes) {
      const offsetBytes = first?.offsetBytes ?? this.#log.length;
      this.#findings.push(this.#finding({ kind: "lost", offsetBytes, lengthBytes: recordBytes - foundBytes, records }));
    }
    if (first === undefined || pieces.length < 2) return false;
    const last = pieces.at(-1) as RecordPiece;
    const betweenBytes = last.offsetBytes + last.lengthBytes - first.offsetBytes - foundBytes - againBytes;
    if (betweenBytes <= 0) return false;
    const { offsetBytes } = first;
    const inPieces = { ...records, piecesBytes: pieces.map((piece) => piece.lengthBytes), betweenBytes };
    const torn = this.#finding({ kind: "torn", offsetBytes, lengthBytes: recordBytes, records: inPieces });
    this.#findings.push({ ...torn, sample: this.#sampleAtCut(first) });
    return true;
  }

  /** The 32 bytes before the cut and the 32 behind it, as they are and as the record continues. */
  #sampleAtCut(first: RecordPiece): NonNullable<Finding["sample"]> {
    const before = Math.min(32, first.lengthBytes);
    const offsetBytes = first.offsetBytes + first.lengthBytes - before;
    const tag = this.#tag({ ...first, generation: this.#expected.generation, offsetBytes: 0 });
    const inRecord = first.recordOffsetBytes + first.lengthBytes - before;
    const expected = new Uint8Array(Math.min(64, tag.lengthBytes - inRecord));
    fillPart(expected, { tag, offsetBytes: inRecord, fromIndex: 0, toIndex: expected.length });
    const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const found = this.#log.subarray(offsetBytes, offsetBytes + 64);
    return { offsetBytes, expectedHex: hex(expected), foundHex: hex(found) };
  }

  #finding(
    found: Pick<Finding, "kind" | "offsetBytes" | "lengthBytes"> & { originBytes?: number; records?: FoundRecords },
  ): Finding {
    const { kind, offsetBytes, lengthBytes, originBytes, records } = found;
    return {
      kind,
      ...(this.#expected.file === undefined ? {} : { file: this.#expected.file }),
      ...{ offsetBytes, lengthBytes },
      ...(originBytes === undefined ? {} : { originBytes }),
      pageAligned: offsetBytes % 4096 === 0,
      ...(records === undefined ? {} : { records }),
    };
  }
}
