/**
 * The thread that watches for signals where no handler can be compiled: a Worker, started by signal.ts.
 *
 * Owns the end of a process whose event loop does not turn: a second signal, unless it is answered, ends it within a
 * second, with 128 + the signal's number. What the process leaves is put right by its guard.
 */
import { libc } from "./libc.ts";
import { ARMED, collect, END_WITHIN, LATER, SIGNAL, WATCHED } from "./signal-timer.ts";

const LOOK_MS = 20;
const ANSWER_MS_MAX = 1000;

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<Int32Array>) => {
  const counters = data;
  let repeatedMs: number | undefined;
  let endMs: number | undefined;
  setInterval(() => {
    collect(counters);
    const now = performance.now();
    const again = Atomics.load(counters, ARMED) === 1 && Atomics.load(counters, LATER) > 0;
    repeatedMs = again ? (repeatedMs ?? now) : undefined;
    const withinMs = Atomics.exchange(counters, END_WITHIN, 0);
    if (withinMs > 0) endMs = now + withinMs;
    const late = repeatedMs !== undefined && now - repeatedMs > ANSWER_MS_MAX;
    if (late || (endMs !== undefined && now > endMs)) libc._exit(128 + Atomics.load(counters, SIGNAL));
  }, LOOK_MS);
  Atomics.store(counters, WATCHED, 1);
  Atomics.notify(counters, WATCHED);
};
