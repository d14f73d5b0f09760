/**
 * The end of a child process that must not take longer than it may: SIGTERM when its time is over or this run is
 * interrupted, SIGKILL when it then takes too long to clean up.
 *
 * Owns the two timers and the reason. Refuses to start the child or to read what it prints: that is its caller's part.
 */

export interface ChildLimits {
  readonly limitSeconds: number;
  /** After SIGTERM the child has this long to clean up. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** The reason when its time was over, and when this run was interrupted. */
  readonly late: string;
  readonly interrupted: string;
}

/** Limits `child` until it is disposed of. */
export class LimitedChild implements Disposable {
  /** Why the child was ended; undefined while it was not. */
  cut: string | undefined;
  readonly #release: () => void;

  constructor(child: Pick<Bun.Subprocess, "kill">, { limitSeconds, graceMs, signal, late, interrupted }: ChildLimits) {
    let killer: ReturnType<typeof setTimeout> | undefined;
    const end = (why: string) => {
      if (this.cut !== undefined) return;
      this.cut = why;
      child.kill("SIGTERM");
      killer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    };
    const onAbort = () => end(interrupted);
    const timer = setTimeout(() => end(late), limitSeconds * 1000);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    this.#release = () => {
      clearTimeout(timer);
      clearTimeout(killer);
      signal.removeEventListener("abort", onAbort);
    };
  }

  [Symbol.dispose](): void {
    this.#release();
  }
}
