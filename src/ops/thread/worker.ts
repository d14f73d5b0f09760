/**
 * The other side of thread.ts: one Worker that runs the functions it is sent, one at a time.
 *
 * Owns nothing: descriptors and buffers belong to the thread that asked. Never closes and never frees.
 */
import { gettid } from "../../sys/thread.ts";
import { monotonicNs } from "../clock.ts";
import { Fd } from "../fd.ts";
import { pinToProcessors } from "../scheduling.ts";
import { Barrier } from "./barrier.ts";
import { becomeCallee } from "./callee.ts";
import { type Plain, plain, plainError, revived, type ThreadAnswer } from "./crossing.ts";
import { type AnyFunction, type FunctionPlace, functionAt } from "./functions.ts";
import { verbNamed } from "./verbs.ts";

declare const self: Worker;

/** A verb by its name, or a function of the user's own by its place. */
export type Callable = { readonly verb: string } | FunctionPlace;

export interface WorkerRequest {
  readonly callable: Callable;
  /** Absent: only load the function. */
  readonly args?: readonly Plain[];
  readonly barrier?: { readonly shared: SharedArrayBuffer; readonly count: number };
  readonly processor?: number | undefined;
}

const loaded = new Map<string, AnyFunction>();

async function find(callable: Callable): Promise<AnyFunction> {
  if ("verb" in callable) return verbNamed(callable.verb) as AnyFunction;
  const key = `${callable.name} ${callable.module}`;
  const found = loaded.get(key) ?? (await functionAt(callable));
  loaded.set(key, found);
  return found;
}

async function run({ callable, args, barrier, processor }: WorkerRequest): Promise<ThreadAnswer> {
  try {
    const fn = await find(callable);
    if (args === undefined) return { value: { value: undefined } };
    if (processor !== undefined) pinToProcessors([processor]);
    const given = args.map(revived);
    if (barrier !== undefined) new Barrier(barrier.count, barrier.shared).wait();
    const startNs = monotonicNs();
    const result = await fn(...given);
    const endNs = monotonicNs();
    const made = plain(result, { fds: [], buffers: [] });
    // A descriptor that was made here is the asker's now.
    if (result instanceof Fd && !result.closed) result.release();
    return { value: made, startNs, endNs };
  } catch (error) {
    return { error: plainError(error) };
  }
}

becomeCallee();
self.onmessage = async ({ data }: MessageEvent<WorkerRequest>) => {
  self.postMessage(await run(data));
};
self.postMessage({ tid: gettid() });
