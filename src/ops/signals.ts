/**
 * Interruption: a signal between or inside system calls becomes one exception at a place that can clean up.
 *
 * Owns `Interrupted` and the EINTR helper. The front desk decides which signals are watched; without it nothing here
 * changes how a process reacts to them.
 */
import { ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { lastSignal, signalCount, watchAtFirst, watchInEarnest, watchSignals } from "../sys/signal.ts";

export { watchAtFirst, watchInEarnest, watchSignals };

/** Thrown where a blocking call was cut short by a watched signal. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly signal: number;

  constructor(signal: number) {
    super(`interrupted by signal ${signal}`);
    this.signal = signal;
  }
}

/** SIG_IGN: the call that would have raised the signal returns its errno instead (EPIPE, EFBIG). signal(2). */
export function ignoreSignals(signals: readonly number[]): void {
  const SIG_IGN = 1;
  for (const signal of signals) libc.signal(signal, SIG_IGN);
}

/** The watched signal that arrived last (SIGINT is 2, SIGTERM 15), or 0 when none did. */
export function pendingSignal(): number {
  return signalCount() === 0 ? 0 : lastSignal();
}

/** Throws Interrupted when a watched signal has arrived. */
export function throwIfInterrupted(): void {
  const signal = pendingSignal();
  if (signal !== 0) throw new Interrupted(signal);
}

/** As `retryEintr`, for a call that returns -errno. */
export function retryInterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -ERRNO.EINTR) return result;
    throwIfInterrupted();
  }
}

/**
 * Calls a libc function that returns -1 and errno until its errno is not EINTR; a watched signal ends it with
 * Interrupted instead. (Under a profiler nearly every blocking call returns EINTR: see signal(7).)
 */
export function retryEintr(call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0 || errno() !== ERRNO.EINTR) return result;
    throwIfInterrupted();
  }
}
