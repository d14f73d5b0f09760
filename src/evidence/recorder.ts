/**
 * A recording of this process's calls: both ends of each, with the paths and the contents that went in.
 *
 * Owns capturing at the moment of the call, of a ring's request when the ring is entered with it (memory changes afterwards) and the bound: the oldest calls are dropped and
 * counted. Contents cost a look at every byte written, so nothing is recorded unless somebody asked for a trace, a page or
 * a C program. Calls of this process's other threads are recorded there, without contents (thread-recorder.ts); those of
 * child processes are not.
 */
import { tapCalls } from "../sys/tap.ts";
import { OwnMemory, type Pointed, pointedAfter, pointedBefore } from "./pointed.ts";
import { type LogEntry, ThreadLog } from "./thread-log.ts";

export interface RecordedCall {
  /** Counts all calls of the recording, from 0. */
  readonly index: number;
  readonly call: string;
  readonly args: readonly number[];
  /** As C returns it, with -errno in the place of -1. */
  readonly result: number;
  /** Nanoseconds since the recording began. */
  readonly startNs: number;
  readonly endNs: number;
  /** What argument `i` pointed to: a path, or bytes. */
  readonly pointed: readonly (Pointed | undefined)[];
  /** Which other thread of the process made it, from 1; absent for the thread that records. */
  readonly thread?: number;
}

/** In the order in which they began, numbered anew. */
function inOrder(calls: readonly RecordedCall[]): RecordedCall[] {
  return calls.toSorted((a, b) => a.startNs - b.startNs).map((recorded, index) => ({ ...recorded, index }));
}

const CALLS_MAX = 20_000;
const THREAD_RECORDER = new URL("./thread-recorder.ts", import.meta.url).href;

export class Recorder implements Disposable {
  readonly #calls: RecordedCall[] = [];
  readonly #memory: OwnMemory;
  /** On the clock of Bun.nanoseconds. */
  readonly startedNs = Bun.nanoseconds();
  readonly #logs: ThreadLog[] = [];
  #count = 0;
  /** Requests of rings end in another order than they begin. */
  #inOrder = true;
  #stop: (() => void) | undefined;

  /** `contents`: whether what goes in and comes out is looked at, or only where and how much. */
  constructor({ contents = true }: { readonly contents?: boolean } = {}) {
    this.#memory = new OwnMemory({ contents });
    const { Worker } = globalThis;
    const logs = this.#logs;
    globalThis.Worker = class extends Worker {
      constructor(script: string | URL, options: WorkerOptions = {}) {
        super(script, { ...options, preload: [THREAD_RECORDER] });
        const log = new ThreadLog();
        logs.push(log);
        this.postMessage({ record: log.shared });
      }
    };
    const stop = tapCalls({
      before: (call, args) => pointedBefore(this.#memory, call, args),
      after: (call, args, end) => {
        const pointed = pointedAfter(this.#memory, call, args, end.result, end.before as (Pointed | undefined)[]);
        if (this.#calls.length >= CALLS_MAX) this.#calls.shift();
        this.#inOrder &&= (this.#calls.at(-1)?.startNs ?? -Infinity) <= end.startNs - this.startedNs;
        this.#calls.push({
          index: this.#count,
          call,
          args: [...args],
          result: end.result,
          startNs: end.startNs - this.startedNs,
          endNs: end.endNs - this.startedNs,
          pointed,
        });
        this.#count += 1;
      },
    });
    this.#stop = () => {
      globalThis.Worker = Worker;
      stop();
    };
  }

  /** Threads that were started meanwhile. */
  get otherThreads(): number {
    return this.#logs.length;
  }

  /** This thread's calls that are still held, in the order in which they began. */
  get calls(): readonly RecordedCall[] {
    return this.#inOrder ? this.#calls : inOrder(this.#calls);
  }

  /** Those of all threads, in the order in which they began; numbered anew. */
  get allCalls(): readonly RecordedCall[] {
    const others = this.#logs.flatMap((log, at) => log.entries().map((entry) => this.#ofThread(entry, at + 1)));
    return others.length === 0 ? this.calls : inOrder([...this.#calls, ...others]);
  }

  #ofThread({ originMs, startNs, endNs, ...call }: LogEntry, thread: number): RecordedCall {
    // Each thread's clock has a beginning of its own.
    const shiftNs = Math.round((originMs - performance.timeOrigin) * 1e6) - this.startedNs;
    return { ...call, index: 0, startNs: startNs + shiftNs, endNs: endNs + shiftNs, thread };
  }

  /** How many of the oldest calls were dropped, of all threads. */
  get dropped(): number {
    return this.#logs.reduce((sum, log) => sum + log.dropped, this.#count - this.#calls.length);
  }

  /** Ends the recording; what was recorded stays readable. */
  [Symbol.dispose](): void {
    if (this.#stop === undefined) return;
    this.#stop();
    this.#stop = undefined;
    for (const log of this.#logs) log.close();
    this.#memory.close();
  }
}
