/**
 * A recording of this process's calls: both ends of each, with the paths and the contents that went in.
 *
 * Owns capturing at the moment of the call, of a ring's request when the ring is entered with it (memory changes afterwards) and the bound: the oldest calls are dropped and
 * counted. Contents cost a look at every byte written, so nothing is recorded unless somebody asked for a trace, a page or
 * a C program. Stores into small mappings of files are recorded as calls, before the next call. Calls of this process's other threads are recorded there, without contents (thread-recorder.ts); those of
 * child processes are not.
 */
import { tapCalls } from "../sys/tap.ts";
import type { Content } from "./content.ts";
import { OwnMemory, type Pointed, pointedAfter, pointedBefore } from "./pointed.ts";
import { type Store, Stores } from "./stores.ts";
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
  readonly #stores: Stores | undefined;
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
    if (contents) this.#stores = new Stores(this.#memory);
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
      before: (call, args) => {
        this.#addStores();
        return pointedBefore(this.#memory, call, args);
      },
      after: (call, args, end) => {
        this.#stores?.learn(call, args, end.result);
        const pointed = pointedAfter(this.#memory, call, args, end.result, end.before as (Pointed | undefined)[]);
        this.#add({ call, args: [...args], pointed, ...end });
      },
    });
    this.#stop = () => {
      globalThis.Worker = Worker;
      stop();
    };
  }

  #add({ call, args, result, startNs, endNs, pointed }: Omit<RecordedCall, "index" | "thread">): void {
    if (this.#calls.length >= CALLS_MAX) this.#calls.shift();
    const ends = { startNs: startNs - this.startedNs, endNs: endNs - this.startedNs };
    this.#inOrder &&= (this.#calls.at(-1)?.startNs ?? -Infinity) <= ends.startNs;
    this.#calls.push({ index: this.#count, call, args, result, ...ends, pointed });
    this.#count += 1;
  }

  /** A store with its content; one of words may have begun before the first byte that differs from what was there. */
  #contentOf({ address, lengthBytes }: Store): Store & { readonly content: Content } {
    const content = this.#memory.content(address, lengthBytes);
    const from = address - (address % 8);
    const whole = Math.ceil((address + lengthBytes - from) / 8) * 8;
    const widened = this.#memory.content(from, whole);
    if (content.shape !== "other" || widened.shape === "other") return { address, lengthBytes, content };
    return { address: from, lengthBytes: whole, content: widened };
  }

  /** What was stored into mappings since the last call, as a call of its own; when exactly is not known. */
  #addStores(): void {
    for (const store of this.#stores?.changes() ?? []) {
      const { address, lengthBytes, content } = this.#contentOf(store);
      const nowNs = Bun.nanoseconds();
      const pointed = [undefined, { kind: "bytes", content } as const, undefined];
      const args = [address, address, lengthBytes];
      this.#add({ call: "store", args, result: 0, startNs: nowNs, endNs: nowNs, pointed });
    }
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
    this.#addStores();
    this.#stop();
    this.#stop = undefined;
    for (const log of this.#logs) log.close();
    this.#stores?.close();
    this.#memory.close();
  }
}
