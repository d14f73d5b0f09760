/**
 * Signals where no handler can be compiled: alarm(2) is the handler, and the timer that it sets carries the number.
 *
 * Owns that timer. signal(2) calls its handler with the signal's number, and alarm(2) takes a number of seconds, so a
 * timer with up to N seconds left means that signal N came a moment ago: SIGHUP 1, SIGINT 2, SIGTERM 15. Taking the time
 * off the timer is one atomic call, so that each signal is counted once, by whichever thread looks first. alarm(2) is
 * async-signal-safe (signal-safety(7)). Two signals between two looks are one.
 */
import { libc } from "./libc.ts";
import { arrayBufferAt } from "./memory.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "./uapi/mman.ts";
import { SIGALRM, SIGINT } from "./uapi/mount.ts";

/** The timer of alarm(2). */
const ITIMER_REAL = 0;
/** struct itimerval: interval and value, each of two 64-bit words. */
const ITIMERVAL_BYTES = 32;
const PAGE = 4096;

/** Indices of the counters that threads share: the last signal, how many came, whether a second ends the process, when. */
export const SIGNAL = 0;
export const COUNT = 1;
export const ARMED = 2;
/** Milliseconds from now in which the process ends, whatever it does; 0 for never. The watching thread takes it. */
export const END_WITHIN = 3;
/** When the first came, and how many came so much later that they are another key of the terminal. */
const FIRST_MS = 4;
export const LATER = 5;
/** 1 once the watching thread looks: two signals before that would be one. */
export const WATCHED = 6;
export const COUNTERS = 7;

/** One key can arrive twice (`bun run` passes on what the terminal has sent to the whole group). */
const SAME_KEY_MS = 150;

/** This thread's two structs: no time, and what was left. */
let page: { readonly address: number; readonly left: Int32Array } | undefined;

/** Has `signals` set the timer, and interrupt system calls. */
export function handleByTimer(signals: readonly number[]): void {
  const handler = (libc.alarm as unknown as { ptr: number }).ptr;
  // A timer that ran out before anyone looked sets itself again: SIGALRM then means that some signal came.
  for (const signal of [SIGALRM, ...signals]) {
    libc.signal(signal, handler);
    libc.siginterrupt(signal, 1);
  }
}

/** Counts what has come since the last look, in any thread. setitimer(2). */
export function collect(counters: Int32Array): void {
  page ??= map();
  if (page === undefined || libc.setitimer(ITIMER_REAL, page.address, page.address + ITIMERVAL_BYTES) !== 0) return;
  const [, , , , seconds = 0, , microseconds = 0] = page.left;
  if (seconds === 0 && microseconds === 0) return;
  const number = seconds + (microseconds > 0 ? 1 : 0);
  Atomics.store(counters, SIGNAL, number === SIGALRM ? SIGINT : number);
  Atomics.add(counters, COUNT, 1);
  // In 31 bits, and never 0, which is none.
  const now = (Date.now() % 0x4000_0000) + 1;
  const first = Atomics.compareExchange(counters, FIRST_MS, 0, now) || now;
  if (now - first > SAME_KEY_MS) Atomics.add(counters, LATER, 1);
}

function map(): typeof page {
  const address = libc.mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address < 0) return undefined;
  return { address, left: new Int32Array(arrayBufferAt(address + ITIMERVAL_BYTES, ITIMERVAL_BYTES)) };
}
