/**
 * The journal of the relay's calls: when, what was asked, what came back, and which stream bytes it moved.
 *
 * Owns a ring of preallocated typed arrays: recording costs tens of nanoseconds, where strace costs so much that
 * report 2's bug vanished under it. Old calls are overwritten; `dropped` says how many. Times are CLOCK_MONOTONIC.
 */

/** What a journal line is. Waits have `asked` as the events wanted and `got` as the events that came. */
export const CALLS = ["wait", "splice-in", "splice-out", "tee", "inject"] as const;

export type CallName = (typeof CALLS)[number];

export const WAIT = 0;
export const SPLICE_IN = 1;
export const SPLICE_OUT = 2;
export const TEE = 3;
export const INJECT = 4;

/** The bits of a wait's `asked` and `got`. */
export const WAIT_IN = 1;
export const WAIT_OUT = 2;

/** One call as a value, for questions and reports. */
export interface JournalCall {
  readonly what: CallName;
  readonly channel: number;
  /** Number of this transfer among those of its kind and channel that moved bytes, from 1; 0 when none moved. */
  readonly ordinal: number;
  /** Place in the journal, from 0; grows by one per call. */
  readonly sequence: number;
  readonly atNs: number;
  readonly askedBytes: number;
  readonly result: number;
  /** Where the first byte stands in the stream that leaves the relay. */
  readonly streamOffsetBytes: number;
}

export class Journal {
  readonly capacityCount: number;
  #at: Float64Array;
  #offset: Float64Array;
  #asked: Int32Array;
  #result: Int32Array;
  #ordinal: Uint32Array;
  /** channel * 8 + kind. */
  #tag: Uint32Array;
  #count = 0;
  #mask: number;
  #limit = Number.POSITIVE_INFINITY;

  /** `capacityCount` is rounded up to a power of two; 0 records nothing. */
  constructor(capacityCount: number) {
    const size = capacityCount === 0 ? 0 : 2 ** Math.ceil(Math.log2(capacityCount));
    this.capacityCount = size;
    this.#mask = size - 1;
    this.#at = new Float64Array(size);
    this.#offset = new Float64Array(size);
    this.#asked = new Int32Array(size);
    this.#result = new Int32Array(size);
    this.#ordinal = new Uint32Array(size);
    this.#tag = new Uint32Array(size);
    if (size === 0) this.#limit = 0;
  }

  /**
   * Damage was seen: from now on the calls around it are not overwritten. Recording goes on until three quarters of the
   * ring hold what came after the oldest call worth keeping.
   */
  preserve(): void {
    const keptBefore = Math.floor(this.capacityCount / 4);
    this.#limit = Math.min(this.#limit, Math.max(0, this.#count - keptBefore) + this.capacityCount);
  }

  /** How many calls were recorded, including those overwritten since. */
  get count(): number {
    return this.#count;
  }

  get dropped(): number {
    return Math.max(0, this.#count - this.capacityCount);
  }

  /** Six numbers in the order of a journal line; an options object would be garbage in the hot loop. */
  record(
    kind: number,
    channel: number,
    atNs: number,
    askedBytes: number,
    result: number,
    ordinal: number,
    streamOffsetBytes: number,
  ): void {
    if (this.#count >= this.#limit) return;
    const slot = this.#count & this.#mask;
    this.#at[slot] = atNs;
    this.#offset[slot] = streamOffsetBytes;
    this.#asked[slot] = askedBytes;
    this.#result[slot] = result;
    this.#ordinal[slot] = ordinal;
    this.#tag[slot] = channel * 8 + kind;
    this.#count += 1;
  }

  callAt(sequence: number): JournalCall {
    const slot = sequence & this.#mask;
    const tag = this.#tag[slot] as number;
    return {
      what: CALLS[tag % 8] as CallName,
      channel: Math.floor(tag / 8),
      ordinal: this.#ordinal[slot] as number,
      sequence,
      atNs: this.#at[slot] as number,
      askedBytes: this.#asked[slot] as number,
      result: this.#result[slot] as number,
      streamOffsetBytes: this.#offset[slot] as number,
    };
  }

  /** The transfers of `channel` that touch [startBytes, endBytes]; `touching` counts those that only end or begin there. */
  transfersOf(channel: number, range: { startBytes: number; endBytes: number; touching: boolean }): JournalCall[] {
    const found: JournalCall[] = [];
    for (let sequence = this.dropped; sequence < this.#count; sequence++) {
      const slot = sequence & this.#mask;
      const kind = (this.#tag[slot] as number) % 8;
      if ((kind !== SPLICE_IN && kind !== SPLICE_OUT) || Math.floor((this.#tag[slot] as number) / 8) !== channel)
        continue;
      const result = this.#result[slot] as number;
      if (result <= 0) continue;
      const start = this.#offset[slot] as number;
      const inside = start < range.endBytes && start + result > range.startBytes;
      const touches = range.touching && start <= range.endBytes && start + result >= range.startBytes;
      if (inside || touches) found.push(this.callAt(sequence));
    }
    return found;
  }

  /** Calls of `channel` (and waits) from `beforeCount` before the first sequence to `afterCount` after the last. */
  around(
    channel: number,
    span: { first: number; last: number; beforeCount: number; afterCount: number },
  ): JournalCall[] {
    const before: JournalCall[] = [];
    for (let sequence = span.first - 1; sequence >= this.dropped && before.length < span.beforeCount; sequence--) {
      const call = this.callAt(sequence);
      if (call.channel === channel) before.push(call);
    }
    const after: JournalCall[] = [];
    let left = span.afterCount;
    for (let sequence = span.first; sequence < this.#count && left > 0; sequence++) {
      const call = this.callAt(sequence);
      if (call.channel !== channel) continue;
      after.push(call);
      if (sequence > span.last) left -= 1;
    }
    return [...before.reverse(), ...after];
  }

  /** The first `count` calls of a connection's downstream channel that are still on record. */
  first(connection: number, count: number): JournalCall[] {
    const calls: JournalCall[] = [];
    for (let sequence = this.dropped; sequence < this.#count && calls.length < count; sequence++) {
      const call = this.callAt(sequence);
      if (call.channel === connection * 2) calls.push(call);
    }
    return calls;
  }
}
