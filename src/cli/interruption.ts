/**
 * A person who wants an end: the first signal asks the workload, the second does not wait for its answer.
 *
 * Owns the look at the signal counter while JavaScript waits, and the limits: a workload that has not answered the first
 * signal for 10 s is treated like one that was asked twice. A workload that does not even let the event loop turn is ended
 * by the second signal itself, within a second. Decides no exit code.
 */
import { constants } from "node:os";
import { pendingSignal } from "../ops/signals.ts";
import { alarmAtSecondSignal, signalCount } from "../sys/signal.ts";

const LOOK_MS = 50;
/** `bun run` passes a signal on that the terminal has sent to us as well: one key, two signals. */
const SAME_KEY_MS = 150;
const ANSWER_MS_MAX = 10_000;
const CLEAN_UP_MS_MAX = 1500;

/** The workload did not answer; the run ends without what it knows. */
export class Unanswered extends Error {
  override readonly name = "Inconclusive";
}

export class Interruption {
  readonly #narrate: (line: string) => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #firstMs: number | undefined;
  #countedFirst = 0;
  #secondSignal = Promise.withResolvers<void>();
  #repeated = false;

  constructor(narrate: (line: string) => void) {
    this.#narrate = narrate;
  }

  watch(): void {
    alarmAtSecondSignal(true);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  end(): void {
    alarmAtSecondSignal(false);
    clearInterval(this.#timer);
  }

  /** The signal that arrived, or 0. */
  get signal(): number {
    return pendingSignal();
  }

  /** "SIGINT", undefined when none arrived. */
  get name(): string | undefined {
    const signal = this.signal;
    if (signal === 0) return undefined;
    return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
  }

  #look(): void {
    const count = signalCount();
    if (count === 0) return;
    const now = performance.now();
    if (this.#firstMs === undefined) {
      this.#firstMs = now;
      this.#narrate(`${this.name}: stopping; a second signal ends the run at once`);
    }
    const sinceMs = now - this.#firstMs;
    if (sinceMs < SAME_KEY_MS) this.#countedFirst = count;
    else if ((count > this.#countedFirst || sinceMs > ANSWER_MS_MAX) && !this.#repeated) {
      this.#repeated = true;
      // The event loop turns, so the end is ours.
      alarmAtSecondSignal(false);
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

  /** Waits for clean-up; once somebody insists, only for a moment longer. */
  async orAtOnce(cleanUp: Promise<void>): Promise<void> {
    const limit = this.#secondSignal.promise.then(() => Bun.sleep(CLEAN_UP_MS_MAX));
    await Promise.race([cleanUp, limit]);
  }
}
