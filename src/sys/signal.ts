/**
 * Signals seen between two system calls.
 *
 * Owns the in-memory compiled handlers of c/runtime/signal.c; where nothing can be compiled, a function of libc takes
 * their place (signal-timer.ts) and a thread watches (signal-watch.ts). `watchSignals` installs them with signal(2) and
 * siginterrupt(3), so that blocking calls return EINTR instead of being restarted. A signal that was ignored when the process started stays ignored (nohup(1)). A process that never
 * calls it keeps its own handlers.
 */
import { cc, linkSymbols, type Pointer } from "bun:ffi";
import { libc } from "./libc.ts";
import { arrayBufferAt } from "./memory.ts";
import { ARMED, COUNT, COUNTERS, collect, END_WITHIN, handleByTimer, SIGNAL, WATCHED } from "./signal-timer.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "./uapi/mman.ts";
import { SIGALRM } from "./uapi/mount.ts";

/** Loaded when something is compiled. */
const compiling = () => require("./compiler.ts") as typeof import("./compiler.ts");

const SIG_DFL = 0;
const SIG_IGN = 1;
const SETUP = "bytewitness_signal_setup";
const TIMER_BYTES = 64;
/** A thread that takes longer to start is not waited for. */
const WATCHER_MS_MAX = 2000;
/** The timer of alarm(2), which clears it too. */
const ITIMER_REAL = 0;
const HANDLER = "bytewitness_signal_handler";
const ALARM_HANDLER = "bytewitness_alarm_handler";

/** Counters with the indices of signal-timer.ts; the compiled handler knows the first three. */
let state: Int32Array | undefined;
/** The counters' address, 0 without a compiled handler; a timer's description is behind them. */
let page = 0;
let compiled: { readonly handler: number; readonly alarmHandler: number } | undefined;
/** A timer carries the signals: whoever wants to know takes them from there. */
let byTimer = false;
/** What is watched at first only. */
let provisional: readonly number[] | undefined;
let watched = false;

function addressOf(symbol: unknown): number {
  return (symbol as { ptr: number }).ptr;
}

/** Compiles the handlers, once; the reason when that is impossible. */
function compile(): string | undefined {
  if (compiled !== undefined) return undefined;
  try {
    const none = { args: [], returns: "void" } as const;
    const { symbols } = compiling().withoutHeaders(() =>
      cc({
        source: `${import.meta.dir}/../../c/runtime/signal.c`,
        flags: ["-nostdlib"],
        symbols: { [SETUP]: none, [HANDLER]: none, [ALARM_HANDLER]: none },
      }),
    );
    const built = symbols as unknown as Record<string, { ptr: Pointer }>;
    page = libc.mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page < 0) return "no memory for the signal counter";
    // Never call cc() symbols directly: their wrapper corrupts numbers (oven-sh/bun#37978). Re-bound ones are right.
    const ptr = built[SETUP]?.ptr as Pointer;
    const bound = linkSymbols({ setup: { args: ["ptr", "ptr", "ptr", "ptr"], returns: "void", ptr } }).symbols;
    const helpers = [libc.alarm, libc._exit, libc.clock_gettime].map(addressOf);
    (bound.setup as unknown as (...addresses: number[]) => void)(page, ...helpers);
    state = new Int32Array(arrayBufferAt(page, 12));
    compiled = { handler: addressOf(built[HANDLER]), alarmHandler: addressOf(built[ALARM_HANDLER]) };
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** True when the signal is ignored now. Asking leaves it so; otherwise the default action is restored. signal(2). */
function isIgnored(signal: number): boolean {
  const before = libc.signal(signal, SIG_IGN);
  if (before === SIG_IGN) return true;
  libc.signal(signal, before < 0 ? SIG_DFL : before);
  return false;
}

/**
 * Counts `signals` from now on instead of their default action, except those that are ignored. Undefined when a compiled
 * handler does that; else why it could not be, and then they are counted when somebody asks, or a moment later.
 */
export function watchSignals(signals: readonly number[]): string | undefined {
  return handle(signals.filter((signal) => !isIgnored(signal)));
}

/**
 * As `watchSignals`, without compiling anything: for work that asks often, and is mostly over before a handler would be
 * compiled. Until `watchInEarnest`, a second signal ends nothing by itself.
 */
export function watchAtFirst(signals: readonly number[]): void {
  provisional = signals.filter((signal) => !isIgnored(signal));
  countByTimer(provisional);
}

/** After `watchAtFirst`: what `watchSignals` does, and returns. A signal that has come is left to those who ask. */
export function watchInEarnest(): string | undefined {
  if (provisional === undefined || signalCount() > 0) return undefined;
  const heard = provisional;
  provisional = undefined;
  return handle(heard);
}

function handle(heard: readonly number[]): string | undefined {
  const before = state;
  const reason = compile();
  if (compiled === undefined) {
    countByTimer(heard);
    watchByThread();
    return reason;
  }
  libc.signal(SIGALRM, compiled.alarmHandler);
  for (const signal of heard) {
    libc.signal(signal, compiled.handler);
    libc.siginterrupt(signal, 1);
  }
  if (byTimer && before !== undefined) takeOver(before);
  return undefined;
}

/** The timer's counters become those of the compiled handler, with what came while it was compiled. */
function takeOver(before: Int32Array): void {
  byTimer = false;
  collect(before);
  for (const index of [SIGNAL, COUNT, ARMED]) Atomics.or(state as Int32Array, index, Atomics.load(before, index));
}

function countByTimer(signals: readonly number[]): void {
  handleByTimer(signals);
  if (byTimer) return;
  byTimer = true;
  state = new Int32Array(new SharedArrayBuffer(4 * COUNTERS));
}

/** Sees to the end of a process that does not answer. */
function watchByThread(): void {
  if (watched) return;
  watched = true;
  try {
    const watcher = new Worker(new URL("./signal-watch.ts", import.meta.url).href);
    // Without it, for want of room, a process that does not answer is ended by SIGKILL only.
    watcher.addEventListener("error", () => {});
    watcher.unref();
    watcher.postMessage(state);
    Atomics.wait(state as Int32Array, WATCHED, 0, WATCHER_MS_MAX);
  } catch {
    // As above.
  }
}

/** The number of the last watched signal that arrived, or 0. */
export function lastSignal(): number {
  return state === undefined ? 0 : Atomics.load(state, SIGNAL);
}

/** How many watched signals arrived. */
export function signalCount(): number {
  if (state === undefined) return 0;
  if (byTimer) collect(state);
  return Atomics.load(state, COUNT);
}

/**
 * Whether a second signal, should the event loop not turn, ends the process within a second (128 + its number). False
 * also clears an alarm that was set: the caller sees to the end of the process.
 */
export function alarmAtSecondSignal(on: boolean): void {
  if (state !== undefined) Atomics.store(state, ARMED, on ? 1 : 0);
  // Elsewhere the alarm is a signal that no one has counted yet.
  if (!on && compiled !== undefined) libc.alarm(0);
}

/**
 * Ends the process with 128 + the signal's number in so many milliseconds, whatever it does then. setitimer(2): struct
 * itimerval, behind the counters.
 */
export function endWithin(milliseconds: number): void {
  if (byTimer && state !== undefined) Atomics.store(state, END_WITHIN, milliseconds);
  if (compiled === undefined || page === 0) return;
  const timer = new Int32Array(arrayBufferAt(page + TIMER_BYTES, 32));
  timer.set([0, 0, 0, 0, Math.floor(milliseconds / 1000), 0, (milliseconds % 1000) * 1000, 0]);
  libc.setitimer(ITIMER_REAL, page + TIMER_BYTES, 0);
}
