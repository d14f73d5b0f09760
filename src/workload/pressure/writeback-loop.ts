/**
 * Writeback next to the workload: sync_file_range(2) on one file, again and again, from a thread of its own.
 *
 * Owns the Worker and the shared words through which it learns the descriptor. Concurrent writeback holds the inode's
 * ILOCK; an inline attempt that meets it stops short, which tears appends of several writers. It also turns delayed
 * allocations into real ones, which lets a single append escape: `auto` does not use it.
 */
import type { Fd } from "../../ops/fd.ts";

/** Shared words: 0 the descriptor or -1, 1 the number of calls, 2 set to end, 3 set while a call runs. */
const FD = 0;
const CALLS = 1;
const END = 2;
const BUSY = 3;

export class WritebackLoop implements Disposable {
  readonly #words = new Int32Array(new SharedArrayBuffer(16));
  readonly #worker: Worker;

  static start(intervalUs = 100): WritebackLoop {
    return new WritebackLoop(intervalUs);
  }

  private constructor(intervalUs: number) {
    this.#words[FD] = -1;
    this.#worker = new Worker(new URL("./writeback-worker.ts", import.meta.url).href);
    this.#worker.unref();
    this.#worker.postMessage({ words: this.#words, intervalUs });
  }

  get line(): string {
    return "sync_file_range loop next to it";
  }

  get calls(): number {
    return Atomics.load(this.#words, CALLS);
  }

  /** Writes `fd` back from now on. `rest` before it is closed: its number may be another file's afterwards. */
  follow(fd: Fd): void {
    Atomics.store(this.#words, FD, fd.number);
  }

  /** Leaves the file alone; returns when the call that may still run has ended. */
  rest(): void {
    Atomics.store(this.#words, FD, -1);
    while (Atomics.load(this.#words, BUSY) === 1) Atomics.wait(this.#words, BUSY, 1, 1);
  }

  [Symbol.dispose](): void {
    this.rest();
    Atomics.store(this.#words, END, 1);
    this.#worker.terminate();
  }
}
