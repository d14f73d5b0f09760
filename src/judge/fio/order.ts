/**
 * Which operation wrote what, and when: fio's numbers of operations next to its times.
 *
 * Numbers up to fio 3.36 count to 65,536 and begin again; the times next to them show which turn is meant. A block
 * whose number does not fit its time was written by another run of the job. Owns these two questions, and which block a
 * seed belongs to. Memory: 28 bytes for each header that is added.
 */
import type { U64 } from "../../pattern/u64.ts";
import type { FioHeader } from "./header.ts";

const NEIGHBOURS = 8;
const TOLERANCE_MIN = 64;
/** When more than this share does not fit, times and numbers mean something else here. */
const MISFITS_MAX = 0.02;

export class Order {
  readonly #positions: Float64Array;
  readonly #times: Float64Array;
  readonly #numbers: Float64Array;
  readonly #seedHigh: Uint32Array;
  readonly #bySeed = new Map<number, number>();
  #count = 0;
  #modulus = 0;
  #tolerance = Number.POSITIVE_INFINITY;
  /** By how much numbers and times usually disagree. */
  #usual = 0;
  /** Numbers of two writes at different times: one of them is of another run. */
  readonly #twice = new Set<number>();
  /** Operations from the first to the last one seen whose blocks are not in their places: overwritten later, or lost. */
  missing = 0;
  /** How many operations there were, up to the last one seen. */
  operations = 0;

  constructor(capacity: number) {
    this.#positions = new Float64Array(capacity);
    this.#times = new Float64Array(capacity);
    this.#numbers = new Float64Array(capacity);
    this.#seedHigh = new Uint32Array(capacity);
  }

  /** A sound block in its own place. */
  add(header: FioHeader, at: number): void {
    const i = this.#count;
    this.#count += 1;
    this.#positions[i] = at;
    this.#times[i] = header.timeNs;
    this.#numbers[i] = header.operation;
    this.#seedHigh[i] = header.seed.hi;
    this.#modulus = header.operations;
    const key = header.seed.lo | 0;
    if (!this.#bySeed.has(key)) this.#bySeed.set(key, i);
  }

  /** Sorts by time, one entry for all blocks of one write, and counts on where the numbers begin again. */
  finish(): void {
    const indices = Uint32Array.from({ length: this.#count }, (_, i) => i);
    const times = this.#times.slice(0, this.#count);
    indices.sort((a, b) => (times[a] as number) - (times[b] as number));
    const numbers = this.#numbers.slice(0, this.#count);
    let last = 0;
    let count = 0;
    for (const from of indices) {
      last = nearest(numbers[from] as number, last, this.#modulus);
      if (count > 0 && this.#times[count - 1] === times[from] && this.#numbers[count - 1] === last) continue;
      this.#times[count] = times[from] as number;
      this.#numbers[count] = last;
      count += 1;
    }
    this.#count = count;
    this.#countMissing();
    this.#learnTolerance();
  }

  #countMissing(): void {
    const sorted = this.#numbers.slice(0, this.#count).sort();
    let distinct = 0;
    for (let i = 0; i < sorted.length; i += 1) {
      if (i === 0 || sorted[i] !== sorted[i - 1]) distinct += 1;
      else this.#twice.add(sorted[i] as number);
    }
    if (this.#twice.size > Math.max(1, distinct * MISFITS_MAX)) this.#twice.clear();
    this.operations = sorted.length === 0 ? 0 : (sorted.at(-1) as number) + 1;
    this.missing = this.operations - distinct;
  }

  #learnTolerance(): void {
    const count = this.#count;
    if (count < 64) return;
    const errors = Float64Array.from({ length: count }, (_, i) => this.#misfit(i, i + 1, this.#numbers[i] as number));
    errors.sort();
    const usual = errors[Math.floor(count * (1 - MISFITS_MAX))] as number;
    this.#usual = Math.max(0, usual);
    if (usual <= TOLERANCE_MIN * 64) this.#tolerance = Math.max(TOLERANCE_MIN, usual * 4);
  }

  /** By how much most of the numbers written before (entries up to `before`) are larger, or most written after smaller. */
  #misfit(before: number, after: number, number: number): number {
    const earlier = this.#numbers.subarray(Math.max(0, before - NEIGHBOURS), before);
    const later = this.#numbers.subarray(after, Math.min(this.#count, after + NEIGHBOURS));
    const excess = (values: Float64Array) =>
      values.length < 3 ? Number.NEGATIVE_INFINITY : (values.sort()[Math.floor(values.length / 3)] as number);
    return Math.max(excess(earlier.map((value) => value - number)), excess(later.map((value) => number - value)));
  }

  /** How many of the writes are older than so many operations. */
  countOlder(operations: number): number {
    return this.#numbers.subarray(0, this.#count).filter((number) => number < this.operations - operations).length;
  }

  /** The median of the numbers written about the same time. */
  #around(index: number): number {
    const from = Math.max(0, Math.min(this.#count - 2 * NEIGHBOURS - 1, index - NEIGHBOURS));
    const near = this.#numbers.slice(from, Math.min(this.#count, from + 2 * NEIGHBOURS + 1)).sort();
    return near[near.length >> 1] as number;
  }

  #indexAt(timeNs: number): number {
    let low = 0;
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] as number) < timeNs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many operations of the job came before, the turns of the counter included. */
  numberOf({ operation, timeNs, operations }: FioHeader): number {
    return this.#count === 0 ? operation : nearest(operation, this.#around(this.#indexAt(timeNs)), operations);
  }

  /** False when the block's number and time do not belong together in this job's run. */
  fits(header: FioHeader): boolean {
    if (this.#count === 0 || this.#tolerance === Number.POSITIVE_INFINITY) return true;
    const index = this.#indexAt(header.timeNs);
    const number = this.numberOf(header);
    const tolerance = this.#twice.has(number) ? this.#usual : this.#tolerance;
    const isOwn = this.#times[index] === header.timeNs && this.#numbers[index] === number;
    return this.#misfit(index, isOwn ? index + 1 : index, number) <= tolerance;
  }

  /** Where in the file the write of this seed begins; undefined when no block in its place has it. */
  placeOf(seed: U64): number | undefined {
    const index = this.#bySeed.get(seed.lo | 0);
    if (index === undefined || this.#seedHigh[index] !== seed.hi) return undefined;
    return this.#positions[index];
  }
}

/** The number equal to `value` modulo `operations` that is nearest to `expected`. */
function nearest(value: number, expected: number, operations: number): number {
  if (operations >= Number.MAX_SAFE_INTEGER) return value;
  return value + Math.max(0, Math.round((expected - value) / operations)) * operations;
}
