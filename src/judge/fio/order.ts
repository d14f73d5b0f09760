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
  #operations = 0;
  #tolerance = Number.POSITIVE_INFINITY;

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
    this.#operations = header.operations;
    const key = header.seed.lo | 0;
    if (!this.#bySeed.has(key)) this.#bySeed.set(key, i);
  }

  /** Sorts by time and counts on where the numbers begin again. */
  finish(): void {
    const count = this.#count;
    const indices = Uint32Array.from({ length: count }, (_, i) => i);
    const times = this.#times.slice(0, count);
    indices.sort((a, b) => (times[a] as number) - (times[b] as number));
    const numbers = this.#numbers.slice(0, count);
    let last = 0;
    indices.forEach((from, to) => {
      last = nearest(numbers[from] as number, last, this.#operations);
      this.#times[to] = times[from] as number;
      this.#numbers[to] = last;
    });
    this.#learnTolerance(count);
  }

  #learnTolerance(count: number): void {
    if (count < 64) return;
    const errors = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      errors[i] = Math.abs((this.#numbers[i] as number) - this.#around(i));
    }
    errors.sort();
    const usual = errors[Math.floor(count * (1 - MISFITS_MAX))] as number;
    if (usual <= TOLERANCE_MIN * 64) this.#tolerance = Math.max(TOLERANCE_MIN, usual * 4);
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
    const expected = this.#around(this.#indexAt(header.timeNs));
    return Math.abs(nearest(header.operation, expected, header.operations) - expected) <= this.#tolerance;
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
