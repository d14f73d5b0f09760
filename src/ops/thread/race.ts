/**
 * A race: functions of the user's own, each in a thread of its own, started together by a barrier.
 *
 * Owns the threads for the time of one race. What they return comes back in order; when one fails, the race fails with
 * its error after all have ended. Refuses to name a winner: a race is about what the kernel did meanwhile.
 */

import { Inconclusive } from "../errors.ts";
import { allowedProcessors } from "../scheduling.ts";
import { Barrier } from "./barrier.ts";
import type { AnyFunction } from "./functions.ts";
import { Thread } from "./thread.ts";

/** A function and its arguments, for `race`. */
export interface Runner<Result> {
  readonly fn: AnyFunction;
  readonly args: readonly unknown[];
  /** Never set: the type of what the function returns. */
  readonly result?: Result;
}

/** `runner(copy, input, output)`: typed like the call. The function is a verb, or exported by the script. */
export function runner<F extends AnyFunction>(fn: F, ...args: Parameters<F>): Runner<Awaited<ReturnType<F>>> {
  return { fn, args };
}

/** Threads that have not started by then, or not loaded their function, will not. */
const START_MS = 60_000;

/** How a race is run. */
export interface RaceOptions {
  /** Each thread stays on one processor, the first thread on the first, and so on in turns. Default true. */
  readonly pinned?: boolean;
  /** A race that takes longer from its start on is an error; its threads are left to the kernel. Default 60 s. */
  readonly timeoutMs?: number;
  /** Threads of `startThreads`, for a script that races again and again; threads of this race's own unless given. */
  readonly threads?: Threads;
}

/** Threads that are disposed of together. */
export interface Threads extends Disposable {
  readonly list: readonly Thread[];
}

/** Starts threads for several races: each takes tens of milliseconds to start, and a race on them next to nothing. */
export async function startThreads(count: number): Promise<Threads> {
  const list = await within(
    Promise.all(Array.from({ length: count }, () => Thread.start())),
    START_MS,
    "threads did not start",
  );
  return { list, [Symbol.dispose]: () => list.forEach((thread) => void thread[Symbol.dispose]()) };
}

/** What a race came to. */
export interface RaceResult<Runners extends readonly Runner<unknown>[]> {
  /** What each runner's function returned, in the order of the runners. */
  readonly results: { [Index in keyof Runners]: Runners[Index] extends Runner<infer Result> ? Result : never };
  /** True when there was a time at which all functions were running: the trigger of a race. */
  readonly overlapped: boolean;
}

/**
 * Runs every runner in a thread of its own. All threads have loaded their function and are on their processor before
 * the barrier lets them go together. Descriptors, buffers (pinned), barriers, shared memory and plain values may be
 * arguments. When a function fails, the race fails with its error, after all have ended.
 */
export async function race<Runners extends readonly Runner<unknown>[]>(
  runners: readonly [...Runners],
  options: RaceOptions = {},
): Promise<RaceResult<Runners>> {
  const { pinned = true, timeoutMs = 60_000 } = options;
  const processors = allowedProcessors();
  const barrier = new Barrier(runners.length);
  const team = options.threads ?? (await startThreads(runners.length));
  if (team.list.length < runners.length) throw new RangeError(`${runners.length} runners need as many threads`);
  const threads = team.list.slice(0, runners.length);
  try {
    const loading = threads.map((thread, index) => thread.load(runners[index]?.fn as AnyFunction));
    await within(Promise.all(loading), START_MS, "the functions of the race were not loaded");
    const running = threads.map((thread, index) => {
      const { fn, args } = runners[index] as Runner<unknown>;
      const processor = pinned ? processors[index % processors.length] : undefined;
      return thread.callAfter({ barrier, processor }, fn, ...args);
    });
    const settled = await within(Promise.allSettled(running), timeoutMs);
    const ended = settled.map((one) => {
      if (one.status === "rejected") throw one.reason;
      return one.value;
    });
    const lastStartNs = Math.max(...ended.map(({ startNs }) => startNs));
    const firstEndNs = Math.min(...ended.map(({ endNs }) => endNs));
    const results = ended.map(({ value }) => value) as unknown as RaceResult<Runners>["results"];
    return { results, overlapped: lastStartNs < firstEndNs };
  } finally {
    if (options.threads === undefined) team[Symbol.dispose]();
  }
}

async function within<T>(promise: Promise<T>, timeoutMs: number, what = "the race did not end"): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Inconclusive(`${what} within ${timeoutMs} ms`)), timeoutMs);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
