/**
 * The journal of a run's calls: both ends of every call, when it was made and where its bytes are.
 *
 * Owns the clock of its calls and a ring of rows in blocks, each allocated when its first row is recorded: a short run touches little memory, and
 * recording costs tens of nanoseconds. (Under strace both reports' bugs vanished.) The oldest calls are overwritten when
 * the ring is full; `dropped` counts them. Which calls matter to a finding is decided by the workload
 * (append/written-file.ts, relay/evidence/transfers.ts).
 */
import type { RoleCall } from "../evidence/role-tracks.ts";
import { monotonicNs } from "../ops/clock.ts";

/** One call as a value, for questions and reports. */
export interface JournalCall extends RoleCall {
  /** Number of this transfer among those of its kind and channel that moved bytes, from 1; 0 when none moved. */
  readonly ordinal: number;
  /** Length of the file before and after an append; 0 where there is no file. */
  readonly sizeBeforeBytes: number;
  readonly sizeAfterBytes: number;
}

/** Columns of a row. */
const TAG = 0;
const AT = 1;
const END = 2;
const REQUESTED = 3;
const RESULT = 4;
const OFFSET = 5;
const ORDINAL = 6;
const BEFORE = 7;
const AFTER = 8;
const ROW = 9;
/** Rows of a block: 288 KiB. */
const BLOCK_BITS = 12;
const BLOCK_MASK = 2 ** BLOCK_BITS - 1;
/** The tag is channel * KINDS_MAX + kind. */
const KINDS_MAX = 16;

const BLANK: JournalCall = {
  ...{ what: "", sequence: 0, atNs: 0, endNs: 0, requestedBytes: 0, result: 0, streamOffsetBytes: 0 },
  ...{ channel: 0, ordinal: 0, sizeBeforeBytes: 0, sizeAfterBytes: 0 },
};

export class Journal {
  readonly capacityCount: number;
  readonly #blocks: (Float64Array | undefined)[];
  readonly #names: string[];
  readonly #mask: number;
  #count = 0;
  #limit = Number.POSITIVE_INFINITY;

  /**
   * `capacityCount` is rounded up to a power of two; 0 records nothing. `names` are the kinds of call that `record` gets
   * by their index; `kind` adds others.
   */
  constructor(capacityCount = 16_384, names: readonly string[] = []) {
    const size = capacityCount === 0 ? 0 : 2 ** Math.ceil(Math.log2(capacityCount));
    this.capacityCount = size;
    this.#mask = size - 1;
    this.#blocks = new Array(Math.ceil(size / 2 ** BLOCK_BITS)).fill(undefined);
    this.#names = [...names];
    if (size === 0) this.#limit = 0;
  }

  /** The number by which `record` names a call; at most 16 of them. */
  kind(name: string): number {
    const known = this.#names.indexOf(name);
    if (known >= 0) return known;
    if (this.#names.length === KINDS_MAX) throw new RangeError(`a journal has ${KINDS_MAX} kinds of call at most`);
    return this.#names.push(name) - 1;
  }

  /** Calls recorded so far, those overwritten since included; the sequence of the next one. */
  get count(): number {
    return this.#count;
  }

  /** How many of the oldest calls were overwritten. */
  get dropped(): number {
    return Math.max(0, this.#count - this.capacityCount);
  }

  /**
   * Damage was seen: from now on the calls around it are not overwritten. Recording goes on until three quarters of the
   * ring hold what came after the oldest call worth keeping.
   */
  preserve(): void {
    const keptBefore = Math.floor(this.capacityCount / 4);
    this.#limit = Math.min(this.#limit, Math.max(0, this.#count - keptBefore) + this.capacityCount);
  }

  /** CLOCK_MONOTONIC, for both ends of a call; 0 where nothing is recorded, which then costs nothing. */
  nowNs(): number {
    return this.#limit === 0 ? 0 : monotonicNs();
  }

  /** Numbers in the order of a row; an options object would be garbage in the hot loop. */
  record(
    kind: number,
    channel: number,
    atNs: number,
    endNs: number,
    requestedBytes: number,
    result: number,
    ordinal: number,
    streamOffsetBytes: number,
    sizeBeforeBytes = 0,
    sizeAfterBytes = 0,
  ): void {
    if (this.#count >= this.#limit) return;
    const index = this.#count & this.#mask;
    const rows = this.#blocks[index >> BLOCK_BITS] ?? this.#newBlock(index >> BLOCK_BITS);
    const at = (index & BLOCK_MASK) * ROW;
    rows[at + TAG] = channel * KINDS_MAX + kind;
    rows[at + AT] = atNs;
    rows[at + END] = endNs;
    rows[at + REQUESTED] = requestedBytes;
    rows[at + RESULT] = result;
    rows[at + OFFSET] = streamOffsetBytes;
    rows[at + ORDINAL] = ordinal;
    rows[at + BEFORE] = sizeBeforeBytes;
    rows[at + AFTER] = sizeAfterBytes;
    this.#count += 1;
  }

  #newBlock(block: number): Float64Array {
    const rows = new Float64Array(Math.min(2 ** BLOCK_BITS, this.capacityCount) * ROW);
    this.#blocks[block] = rows;
    return rows;
  }

  /** The call with this sequence; undefined when it was overwritten or never recorded. */
  get(sequence: number): JournalCall | undefined {
    if (sequence < this.dropped || sequence >= this.#count) return undefined;
    return this.#read(sequence, { ...BLANK });
  }

  /**
   * The calls still on record for which `test` holds, with sequences in [from, to), in order. `test` gets the same object
   * every time: a scan of a full journal makes no garbage.
   */
  find(test: (call: JournalCall) => boolean, from = 0, to = Number.POSITIVE_INFINITY): JournalCall[] {
    const found: JournalCall[] = [];
    const call = { ...BLANK };
    for (let sequence = Math.max(from, this.dropped); sequence < Math.min(to, this.#count); sequence++) {
      if (test(this.#read(sequence, call))) found.push({ ...call });
    }
    return found;
  }

  #read(sequence: number, call: { -readonly [Name in keyof JournalCall]: JournalCall[Name] }): JournalCall {
    const index = sequence & this.#mask;
    const rows = this.#blocks[index >> BLOCK_BITS] as Float64Array;
    const at = (index & BLOCK_MASK) * ROW;
    const tag = rows[at + TAG] as number;
    call.what = this.#names[tag % KINDS_MAX] as string;
    call.sequence = sequence;
    call.atNs = rows[at + AT] as number;
    call.endNs = rows[at + END] as number;
    call.requestedBytes = rows[at + REQUESTED] as number;
    call.result = rows[at + RESULT] as number;
    call.streamOffsetBytes = rows[at + OFFSET] as number;
    call.channel = Math.floor(tag / KINDS_MAX);
    call.ordinal = rows[at + ORDINAL] as number;
    call.sizeBeforeBytes = rows[at + BEFORE] as number;
    call.sizeAfterBytes = rows[at + AFTER] as number;
    return call;
  }
}
