/**
 * A place where threads wait for each other, so that they go on within a fraction of a microsecond.
 *
 * Owns two counters in shared memory. Threads spin while there are processors for all of them, and sleep in turns
 * otherwise. Refuses processes: they do not share the memory.
 */
const SPINS = 20_000;

/** A place where threads wait for each other; an argument of `Thread.call` and `runner`. */
export class Barrier {
  readonly count: number;
  readonly shared: SharedArrayBuffer;
  readonly #cells: Int32Array;

  /** For `count` threads; pass it to each of them as an argument. */
  constructor(count: number, shared = new SharedArrayBuffer(8)) {
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`a barrier is for 1 thread or more, not ${count}`);
    this.count = count;
    this.shared = shared;
    this.#cells = new Int32Array(shared);
  }

  /** Returns when all `count` threads have called it; then it is ready for the next round. */
  wait(): void {
    const round = Atomics.load(this.#cells, 1);
    if (Atomics.add(this.#cells, 0, 1) + 1 === this.count) {
      Atomics.store(this.#cells, 0, 0);
      Atomics.add(this.#cells, 1, 1);
      Atomics.notify(this.#cells, 1);
      return;
    }
    for (let spin = 0; Atomics.load(this.#cells, 1) === round; spin += 1) {
      if (spin > SPINS) Atomics.wait(this.#cells, 1, round, 1);
    }
  }
}
