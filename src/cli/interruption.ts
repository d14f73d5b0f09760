/**
 * What SIGINT, SIGTERM and SIGHUP do: the first signal asks the work to stop, the second ends the run at once.
 *
 * Owns polling the signal counter while JavaScript waits, and the limits: work that has not stopped 10 s after the first
 * signal is treated as if a second had come. Work that blocks the event loop is ended by the second signal itself, within
 * a second. `abortable` is the same for commands that run other processes. Sets no exit code of a reproducer.
 */
import { pendingSignal, watchAtFirst, watchInEarnest, watchSignals } from "../ops/signals.ts";
import { alarmAtSecondSignal, endWithin, signalCount } from "../sys/signal.ts";
import { SIGHUP, SIGINT, SIGTERM } from "../sys/uapi/mount.ts";

const SIGNALS = { SIGINT, SIGTERM, SIGHUP } as const;

/** 2 -> "SIGINT". */
export function signalName(signal: number): string {
  return Object.entries(SIGNALS).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}
const LOOK_MS = 50;
/** Work that breathes and takes longer has a handler compiled. */
const IN_EARNEST_MS = 200;
/** `bun run` passes a signal on that the terminal has sent to us as well: one key, two signals. */
const SAME_KEY_MS = 150;
const ANSWER_MS_MAX = 10_000;
const CLEAN_UP_MS_MAX = 1000;
/** After a second signal, whatever happens; what the guard then removes comes on top. */
const END_MS_MAX = 1200;
const ORPHAN_LOOK_MS = 500;

/** The workload did not answer; the run ends without what it knows. */
class Unanswered extends Error {
  override readonly name = "Inconclusive";
}

export class Interruption {
  readonly #narrate: (line: string) => void;
  readonly #controller = new AbortController();
  readonly #startedMs = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #firstMs: number | undefined;
  #countedFirst = 0;
  #secondSignal = Promise.withResolvers<void>();
  #repeated = false;

  constructor(narrate: (line: string) => void) {
    this.#narrate = narrate;
  }

  /** Starts watching. `breathes`: the work lets the event loop turn, so that what a short run never needs can wait. */
  watch({ breathes = false }: { readonly breathes?: boolean } = {}): void {
    const signals = Object.values(SIGNALS);
    if (breathes) watchAtFirst(signals);
    else this.#narrateLate(watchSignals(signals));
    alarmAtSecondSignal(true);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Without a compiled handler, signals are noticed only between turns of the event loop. */
  #narrateLate(reason: string | undefined): void {
    if (reason !== undefined) this.#narrate(`signals are noticed a little later: ${reason}`);
  }

  end(): void {
    alarmAtSecondSignal(false);
    clearInterval(this.#timer);
  }

  /** Aborted by the first signal. */
  get abort(): AbortSignal {
    return this.#controller.signal;
  }

  /** The signal that arrived, or 0. */
  get signal(): number {
    return pendingSignal();
  }

  /** "SIGINT", undefined when none arrived. */
  get name(): string | undefined {
    const signal = this.signal;
    if (signal === 0) return undefined;
    return signalName(signal);
  }

  #look(): void {
    const sinceStartMs = performance.now() - this.#startedMs;
    if (sinceStartMs > IN_EARNEST_MS) this.#narrateLate(watchInEarnest());
    const count = signalCount();
    if (count === 0) return;
    const now = performance.now();
    if (this.#firstMs === undefined) {
      this.#firstMs = now;
      this.#narrate(`${this.name}: stopping; a second signal ends the run at once`);
      this.#controller.abort();
    }
    const sinceMs = now - this.#firstMs;
    if (sinceMs < SAME_KEY_MS) this.#countedFirst = count;
    else if ((count > this.#countedFirst || sinceMs > ANSWER_MS_MAX) && !this.#repeated) {
      this.#repeated = true;
      // The event loop turns, so the end is ours, unless clean-up keeps it from turning any more.
      alarmAtSecondSignal(false);
      endWithin(END_MS_MAX);
      this.#secondSignal.resolve();
    }
  }

  /** The workload's outcome, or Unanswered. */
  async orUnanswered<Value>(work: Promise<Value>): Promise<Value> {
    const repeated = this.#secondSignal.promise.then(() => {
      throw new Unanswered("the workload did not answer, so what it knew is lost");
    });
    // The loser of the race may still fail, when its files are taken away.
    work.catch(() => {});
    repeated.catch(() => {});
    return Promise.race([work, repeated]);
  }

  /** Waits for clean-up; after a second signal only a moment longer. */
  async orAtOnce(cleanUp: Promise<void>): Promise<void> {
    const limit = this.#secondSignal.promise.then(() => Bun.sleep(CLEAN_UP_MS_MAX));
    await Promise.race([cleanUp, limit]);
  }
}

/**
 * Work that runs other processes: its signal aborts at the first SIGINT, SIGTERM or SIGHUP, and the exit code is then
 * 128 + the signal's number, however the work ends.
 */
export async function abortable(
  work: (signal: AbortSignal) => Promise<number>,
  narrate: (line: string) => void,
): Promise<number> {
  const interruption = new Interruption(narrate);
  interruption.watch();
  const orphaned = endWithParent();
  try {
    const code = await interruption.orUnanswered(work(interruption.abort));
    return interruption.signal === 0 ? code : 128 + interruption.signal;
  } catch (error) {
    if (interruption.signal === 0) throw error;
    return 128 + interruption.signal;
  } finally {
    clearInterval(orphaned);
    interruption.end();
  }
}

/** `bun run` forwards signals to us, but a SIGKILL ends only itself: its end is then a SIGTERM for us. */
function endWithParent(): ReturnType<typeof setInterval> | undefined {
  const parent = process.ppid;
  if (readProc(parent, "cmdline")?.includes("bun") !== true) return undefined;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, ORPHAN_LOOK_MS);
  timer.unref();
  return timer;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return (require("node:fs") as typeof import("node:fs")).readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
