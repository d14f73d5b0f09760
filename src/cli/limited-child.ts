/**
 * The end of a child process that must not take longer than it may: SIGTERM when its time is over or this run is
 * interrupted, SIGKILL when it then takes too long to clean up. A child that the kernel holds does not end by that either,
 * and nobody waits for it.
 *
 * Owns the timers and the reason. Refuses to start the child or to read what it prints: that is its caller's part.
 */

/** What SIGKILL has not ended by then is held in a system call. */
const HELD_MS = 5000;

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
  readonly #held = Promise.withResolvers<undefined>();
  readonly #release: () => void;

  constructor(
    child: Pick<Bun.Subprocess, "kill" | "unref">,
    { limitSeconds, graceMs, signal, late, interrupted }: ChildLimits,
  ) {
    let killer: ReturnType<typeof setTimeout> | undefined;
    const end = (why: string) => {
      if (this.cut !== undefined) return;
      this.cut = why;
      child.kill("SIGTERM");
      killer = setTimeout(kill, graceMs);
    };
    const kill = () => {
      child.kill("SIGKILL");
      killer = setTimeout(abandon, HELD_MS);
    };
    const abandon = () => {
      this.cut += "; its process cannot be killed, for the kernel holds it in a call";
      child.unref();
      this.#held.resolve(undefined);
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

  /** What is waited for, of a child that ends; undefined of one that the kernel holds. */
  ends<Value>(ending: Promise<Value>): Promise<Value | undefined> {
    return Promise.race([ending, this.#held.promise]);
  }

  [Symbol.dispose](): void {
    this.#release();
  }
}
