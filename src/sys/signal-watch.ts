/**
 * The thread that watches for signals where no handler can be compiled: a Worker, started by signal.ts.
 *
 * Owns the end of a process whose event loop does not turn: a second signal, unless it is answered, ends it within a
 * second, with 128 + the signal's number. What the process leaves is put right by its guard.
 */
import { libc } from "./libc.ts";
import { ARMED, COUNT, collect, END_WITHIN, SIGNAL } from "./signal-timer.ts";

const LOOK_MS = 20;
/** One key can arrive twice (`bun run` passes on what the terminal has sent to the whole group). */
const SAME_KEY_MS = 150;
const ANSWER_MS_MAX = 1000;

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<Int32Array>) => {
  const counters = data;
  let firstMs: number | undefined;
  let repeatedMs: number | undefined;
  let endMs: number | undefined;
  let countedFirst = 0;
  setInterval(() => {
    collect(counters);
    const now = performance.now();
    const count = Atomics.load(counters, COUNT);
    if (count > 0) firstMs ??= now;
    if (firstMs === undefined) return;
    if (now - firstMs < SAME_KEY_MS) countedFirst = count;
    const again = Atomics.load(counters, ARMED) === 1 && count > countedFirst;
    repeatedMs = again ? (repeatedMs ?? now) : undefined;
    const withinMs = Atomics.exchange(counters, END_WITHIN, 0);
    if (withinMs > 0) endMs = now + withinMs;
    const late = repeatedMs !== undefined && now - repeatedMs > ANSWER_MS_MAX;
    if (late || (endMs !== undefined && now > endMs)) libc._exit(128 + Atomics.load(counters, SIGNAL));
  }, LOOK_MS);
};
