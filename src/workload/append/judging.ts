/**
 * Judging a written file, here or on another processor while the next file is being written.
 *
 * `JudgeInWorker` judges in a Worker, which shares nothing with this thread but the file. Not for runs under a memory
 * group: a reader next to the writer would eat its headroom. `apart` gives writer and judge processors of their own.
 */

import type { Judgement } from "../../judge/finding.ts";
import { SyscallError } from "../../ops/errors.ts";
import { allowedProcessors, currentProcessor, pinToProcessors } from "../../ops/scheduling.ts";
import { judgeFileOnce } from "../judge-file.ts";
import { expectationOf, type WrittenFile } from "./written-file.ts";

/** Reads the file back and judges it. */
export function judgeNow(file: WrittenFile): Judgement {
  return judgeFileOnce(file.path, expectationOf(file));
}

/** What the Worker is asked: to stay on these processors, which it does not answer, or to judge a file. */
export type JudgeRequest = { readonly processors: readonly number[] } | { readonly file: WrittenFile };

/** What the Worker answers: a judgement, what the kernel refused it, or how it failed. */
export type JudgeAnswer =
  | { readonly judgement: Judgement }
  | { readonly refused: { readonly call: string; readonly errno: number; readonly args: string } }
  | { readonly failed: string };

export class JudgeInWorker implements Disposable {
  readonly #worker: Worker;
  #allowed: readonly number[] | undefined;
  #settle: ((answer: JudgeAnswer) => void) | undefined;

  constructor() {
    this.#worker = new Worker(new URL("./judge-worker.ts", import.meta.url).href);
    this.#worker.onmessage = ({ data }: MessageEvent<JudgeAnswer>) => this.#answered(data);
    this.#worker.onerror = ({ message }) => this.#answered({ failed: message });
  }

  /**
   * Until disposed, the calling thread stays on the processor where it is, and the judge on the others. Left to the
   * scheduler, the judge keeps moving in front of the writer. Not for several series at once: they would pick the same.
   */
  apart(): this {
    const allowed = allowedProcessors();
    const own = currentProcessor();
    const others = allowed.filter((processor) => processor !== own);
    if (others.length === 0) return this;
    this.#allowed = allowed;
    this.#ask({ processors: others });
    pinToProcessors([own]);
    return this;
  }

  #ask(request: JudgeRequest): void {
    this.#worker.postMessage(request);
  }

  #answered(answer: JudgeAnswer): void {
    this.#settle?.(answer);
    this.#settle = undefined;
  }

  /**
   * One file at a time; the Worker starts at once, the judgement comes with a turn of the event loop. It may be awaited
   * late, after the next file was written: a refusal is not an unhandled rejection until then.
   */
  judge(file: WrittenFile): Promise<Judgement> {
    const judgement = this.#judged(file);
    judgement.catch(() => {});
    return judgement;
  }

  async #judged(file: WrittenFile): Promise<Judgement> {
    if (this.#settle !== undefined) throw new Error("a file is being judged already");
    const answer = new Promise<JudgeAnswer>((resolve) => {
      this.#settle = resolve;
    });
    this.#ask({ file });
    const given = await answer;
    if ("refused" in given) {
      const { call, errno, args } = given.refused;
      throw new SyscallError(call, errno, args);
    }
    if ("failed" in given) throw new Error(given.failed);
    return given.judgement;
  }

  [Symbol.dispose](): void {
    if (this.#allowed !== undefined) pinToProcessors(this.#allowed);
    this.#worker.terminate();
  }
}
