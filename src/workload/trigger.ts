/**
 * Whether the racy path was entered, so that "clean" means something.
 *
 * The path: the attempt without sleeping made progress and was then stopped. On an io_uring door the kernel shows it in
 * two ways: the tracepoint io_uring:io_uring_short_write (6.0 and later) fires when that progress was kept, and a growth
 * that differs from the result shows that it was forgotten. On the nowait door (pwritev2 with RWF_NOWAIT) the result
 * itself shows it: short, or -EAGAIN although the file grew.
 * Owns counting; refuses to guess: without root an io_uring door that shows nothing is unknown (null).
 */

import { TracepointCounter } from "../ops/tracepoint.ts";
import type { Trigger } from "../report/document.ts";

const EVENT = { system: "io_uring", name: "io_uring_short_write" } as const;

export class TriggerWatch implements Disposable {
  readonly #door: "io_uring" | "nowait" | "none";
  /** Without append what was forgotten is written again at its old place, and nothing shows. */
  readonly #appends: boolean;
  readonly #counter: TracepointCounter | undefined;
  readonly #missing: { readonly why: "absent" | "unknown"; readonly reason: string } | undefined;
  /** Appends that the path was entered in, as far as anything showed it. */
  #seen = 0;
  #lastCount = 0;

  /** `door`: "uring…" are io_uring's, "nowait…" is pwritev2(RWF_NOWAIT); no other has the path. Same thread as the appends. */
  static start({ door }: { door: string }): TriggerWatch {
    return new TriggerWatch(door);
  }

  private constructor(door: string) {
    this.#door = door.startsWith("uring") ? "io_uring" : door.startsWith("nowait") ? "nowait" : "none";
    this.#appends = door.includes("append");
    if (this.#door !== "io_uring") return;
    const opened = TracepointCounter.open(EVENT);
    if ("counter" in opened) this.#counter = opened.counter;
    else this.#missing = opened;
  }

  /** After every append: its result (or -errno), what was asked, and by how much the file grew. */
  note(result: number, requestedBytes: number, grewBytes: number): void {
    if (this.#door === "none") return;
    const forgotten = grewBytes > 0 && grewBytes !== result;
    const shortNowait = this.#door === "nowait" && result > 0 && result < requestedBytes;
    const count = this.#counter?.read() ?? 0;
    // An append that kept a part and forgot a part, or a chain of requests that stopped twice, is one append.
    if (forgotten || shortNowait || count > this.#lastCount) this.#seen += 1;
    this.#lastCount = count;
  }

  /** Appends in which the attempt without sleeping got somewhere and was stopped; null when no one can know. */
  get reached(): number | null {
    const unknown = this.#door === "io_uring" && this.#missing?.why === "unknown" && this.#seen === 0;
    return unknown ? null : this.#seen;
  }

  /** How that was found out, for the report. */
  get how(): string {
    if (this.#door === "none") return "this door has no attempt without sleeping: the path cannot be entered";
    if (this.#door === "nowait") return "short and EAGAIN results of pwritev2(RWF_NOWAIT) with growth";
    if (this.#counter !== undefined) {
      const events = "io_uring_short_write events of this thread";
      if (this.#appends) return `${events}, and appends whose growth is not their result`;
      return `${events}; where the bug lives, progress is forgotten without a trace through a door that does not append`;
    }
    if (this.#missing?.why === "absent") {
      return `${this.#missing.reason}: this kernel has no such path; appends whose growth is not their result would show`;
    }
    const reason = this.#missing?.reason ?? "nothing counts here";
    return this.#seen === 0 ? reason : `at least so often, by appends whose growth is not their result; ${reason}`;
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }
}

/** One trigger of several; what no one saw stays unknown as long as one of them could not look. */
export function mergeTriggers(parts: readonly Trigger[]): Trigger {
  const reached = parts.reduce((sum, part) => sum + (part.reached ?? 0), 0);
  const blind = parts.length === 0 || parts.some((part) => part.reached === null);
  return {
    reached: reached === 0 && blind ? null : reached,
    attempts: parts.reduce((sum, part) => sum + part.attempts, 0),
    how: [...new Set(parts.map((part) => part.how))].join("; "),
  };
}
