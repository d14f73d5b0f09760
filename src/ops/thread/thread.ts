/**
 * A second thread of this process: for a system call that must sleep while this thread does something else, or for a
 * function of the user's own.
 *
 * Owns one Worker that runs the safe verbs by name: `thread.call(tryTee, one.readEnd, two.writeEnd, options)` reads like
 * the call and is typed like it. Descriptors and buffers are the same ones here and there, because threads share both.
 * `asleep` resolves when the kernel has put the thread to sleep inside a named system call, so that a race is a sequence
 * and not a matter of luck. Functions that are not verbs must be exported by the script (functions.ts): closures do not cross threads.
 */
import { installWakeSignal, type SyscallName, wakeThread } from "../../sys/thread.ts";
import { checked } from "../errors.ts";
import { Fd } from "../fd.ts";
import type { KernelBuffer } from "../memory.ts";
import { untilAsleep } from "./asleep.ts";
import type { Barrier } from "./barrier.ts";
import { plain, revived, revivedError, type ThreadAnswer } from "./crossing.ts";
import { type AnyFunction, placeOf } from "./functions.ts";
import { nameOfVerb } from "./verbs.ts";
import type { WorkerRequest } from "./worker.ts";

interface WaitingCall {
  /** What the caller has in hand. */
  promise: Promise<unknown>;
  readonly pinned: readonly KernelBuffer[];
  resolve(result: Timed): void;
  reject(error: unknown): void;
}

/** What a function returned in the other thread, and when it ran there (CLOCK_MONOTONIC). */
export interface Timed {
  readonly value: unknown;
  readonly startNs: number;
  readonly endNs: number;
}

/** A second thread of this process, for one call at a time. pthreads(7). */
export class Thread implements Disposable {
  /** The kernel's number of the thread: gettid(2). */
  readonly tid: number;
  readonly #worker: Worker;
  #waiting: WaitingCall | undefined;

  private constructor(worker: Worker, tid: number) {
    this.#worker = worker;
    this.tid = tid;
    // The thread keeps the process alive only while a call is awaited.
    worker.unref();
    worker.onmessage = ({ data }: MessageEvent<ThreadAnswer>) => this.#answer(data);
  }

  /** Starts the thread, about 25 ms. */
  static async start(): Promise<Thread> {
    checked(installWakeSignal(), "signal", "the wake-up signal");
    const worker = new Worker(new URL("./worker.ts", import.meta.url).href);
    const tid = await new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<{ tid: number }>) => resolve(data.tid);
      worker.onerror = ({ message }) => reject(new Error(`the second thread did not start: ${message}`));
    });
    return new Thread(worker, tid);
  }

  /**
   * Runs one function in the thread: its result, or the error it threw. It is a verb (`trySplice`, `write`, …) or a
   * function that the script exports. One call at a time; buffers stay pinned until it returns. Callbacks and objects
   * with methods cannot be arguments.
   */
  call<F extends AnyFunction>(fn: F, ...args: Parameters<F>): Promise<Awaited<ReturnType<F>>> {
    const result = this.#send({}, fn, args).then(({ value }) => value as Awaited<ReturnType<F>>);
    if (this.#waiting !== undefined) this.#waiting.promise = result;
    return result;
  }

  /** `call` that begins when all threads of the barrier are ready to, on one processor when it is given. */
  callAfter(
    start: { readonly barrier: Barrier; readonly processor?: number | undefined },
    fn: AnyFunction,
    ...args: readonly unknown[]
  ): Promise<Timed> {
    const { shared, count } = start.barrier;
    return this.#send({ barrier: { shared, count }, processor: start.processor }, fn, args);
  }

  /** Loads a function there ahead of its call, which then begins at once. */
  async load(fn: AnyFunction): Promise<void> {
    await this.#send({}, fn, undefined);
  }

  #send(start: Partial<WorkerRequest>, fn: AnyFunction, args: readonly unknown[] | undefined): Promise<Timed> {
    const verb = nameOfVerb(fn);
    const callable = verb === undefined ? placeOf(fn) : { verb };
    if (this.#waiting !== undefined) throw new RangeError("this thread has a call under way: await it first");
    const seen = { fds: [] as Fd[], buffers: [] as KernelBuffer[] };
    const given = args?.map((arg) => plain(arg, seen));
    for (const buffer of seen.buffers) buffer.pin();
    this.#worker.ref();
    const request: WorkerRequest = { ...start, callable, ...(given === undefined ? {} : { args: given }) };
    this.#worker.postMessage(request);
    const { promise, resolve, reject } = Promise.withResolvers<Timed>();
    this.#waiting = { promise, pinned: seen.buffers, resolve, reject };
    return promise;
  }

  /**
   * Waits until the kernel shows the thread asleep inside `name`: true, or false when the call returned first or
   * `timeoutMs` passed. /proc/PID/task/TID/syscall shows the call's number only while the thread is blocked: proc(5).
   */
  async asleep(name: SyscallName, timeoutMs = 1000): Promise<boolean> {
    return untilAsleep({ pid: "self", tid: this.tid }, name, { timeoutMs, going: () => this.#waiting !== undefined });
  }

  /**
   * Interrupts the system call the thread sleeps in: it returns -EINTR, which `trySplice`, `tryTee`, `tryVmsplice`,
   * `trySend` and `tryReceive` return too; the verbs that retry EINTR (`read`, `write`, `splice` …) go on waiting.
   * tgkill(2), signal(7).
   */
  interrupt(): void {
    checked(wakeThread(this.tid), "tgkill", `thread ${this.tid}`);
  }

  #answer(answer: ThreadAnswer): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#worker.unref();
    for (const memory of waiting.pinned) memory.unpin();
    if ("error" in answer) {
      waiting.reject(revivedError(answer.error));
      return;
    }
    const { value, startNs = 0, endNs = 0 } = answer;
    // A descriptor that the function returned belongs to whoever asked.
    waiting.resolve({ value: "fd" in value ? new Fd(value.fd, value.label) : revived(value), startNs, endNs });
  }

  [Symbol.dispose](): void {
    this.#worker.unref();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    // A thread that is blocked in the kernel ends when its call returns, and until then the kernel may fill the call's
    // buffers: they stay pinned until the thread's "close" event.
    this.#worker.addEventListener("close", () => {
      for (const memory of waiting?.pinned ?? []) memory.unpin();
    });
    this.#worker.terminate();
    // Who unwinds because of another error does not await the call any more: that error is the one to report.
    waiting?.promise.catch(() => undefined);
    waiting?.reject(new Error("the thread was disposed of while its call was under way"));
  }
}
