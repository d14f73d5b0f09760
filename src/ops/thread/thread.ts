/**
 * A second thread of this process for a system call that must sleep while this thread does something else.
 *
 * Owns one Worker that runs the safe verbs by name: `thread.call(tryTee, one.readEnd, two.writeEnd, options)` reads like
 * the call and is typed like it. Descriptors and buffers are the same ones here and there, because threads share both.
 * `asleep` says when the kernel has put the thread to sleep inside a named system call, so that a race is a sequence
 * and not a matter of luck. Refuses functions that are not verbs of this room: closures do not cross threads.
 */
import { readFileSync } from "node:fs";
import { installWakeSignal, SYS, type SyscallName, wakeThread } from "../../sys/thread.ts";
import { checked, SyscallError } from "../errors.ts";
import { Fd } from "../fd.ts";
import { Memory } from "../memory.ts";
import { type Answer, isVerb, type Plain, type Verb } from "./verbs.ts";

interface Waiting {
  readonly pinned: readonly Memory[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class Thread implements Disposable {
  /** The kernel's number of the thread: gettid(2). */
  readonly tid: number;
  readonly #worker: Worker;
  #waiting: Waiting | undefined;

  private constructor(worker: Worker, tid: number) {
    this.#worker = worker;
    this.tid = tid;
    // The thread keeps the process alive only while a call is awaited.
    worker.unref();
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#answer(data);
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
   * Runs one verb in the thread: its result, or the SyscallError it threw. One call at a time; buffers stay pinned
   * until it returns. Callbacks and objects with methods cannot be arguments.
   */
  call<V extends Verb>(verb: V, ...args: Parameters<V>): Promise<ReturnType<V>> {
    if (!isVerb(verb)) {
      throw new RangeError(`"${verb.name}" cannot run in another thread: pass a verb such as trySplice, write or sync`);
    }
    if (this.#waiting !== undefined) throw new RangeError("this thread has a call under way: await it first");
    const given = args as readonly unknown[];
    const pinned = given.filter((arg) => arg instanceof Memory);
    for (const memory of pinned) memory.pin();
    this.#worker.ref();
    this.#worker.postMessage({ verb: verb.name, args: given.map(plain) });
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting = { pinned, resolve, reject };
    }) as Promise<ReturnType<V>>;
  }

  /**
   * Waits until the kernel shows the thread asleep inside `name`: true, or false when the call returned first or
   * `timeoutMs` passed. /proc/PID/task/TID/syscall shows the call's number only while the thread is blocked: proc(5).
   */
  async asleep(name: SyscallName, timeoutMs = 1000): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#waiting !== undefined && performance.now() < deadlineMs) {
      if (sleepsIn(this.tid, SYS[name])) return true;
      await Bun.sleep(1);
    }
    return false;
  }

  /** Interrupts the system call the thread sleeps in: it returns -EINTR. tgkill(2), signal(7). */
  interrupt(): void {
    checked(wakeThread(this.tid), "tgkill", `thread ${this.tid}`);
  }

  #answer(answer: Answer): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#worker.unref();
    for (const memory of waiting.pinned) memory.unpin();
    if ("value" in answer) waiting.resolve(answer.value);
    else if ("errno" in answer) waiting.reject(new SyscallError(answer.call, answer.errno, answer.args, answer.hint));
    else waiting.reject(new Error(answer.message));
  }

  [Symbol.dispose](): void {
    this.#worker.unref();
    // The promise of terminate() stays pending while the thread is blocked in the kernel; nobody waits for it.
    this.#worker.terminate();
    this.#waiting?.reject(new Error("the thread was disposed of while its call was under way"));
    this.#waiting = undefined;
  }
}

function plain(arg: unknown): Plain {
  if (arg instanceof Fd) return { fd: arg.number, label: arg.label };
  if (arg instanceof Memory) return { address: arg.address, lengthBytes: arg.lengthBytes };
  return { value: arg };
}

/** "275 0x3 0x0 …" while blocked in call 275, "running" otherwise. */
function sleepsIn(tid: number, number: number): boolean {
  try {
    return readFileSync(`/proc/self/task/${tid}/syscall`, "utf8").startsWith(`${number} `);
  } catch {
    return false;
  }
}
