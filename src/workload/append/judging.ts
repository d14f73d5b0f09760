/**
 * Judging a written file, here or on another processor while the next file is being written.
 *
 * Owns one order: which file, which bytes it should hold. `JudgeBeside` runs orders in a Worker, which shares nothing
 * with this thread but the file. Not for runs under a memory group: a reader beside the writer would eat its headroom.
 */

import type { Judgement } from "../../judge/finding.ts";
import { SyscallError } from "../../ops/errors.ts";
import type { Path } from "../../ops/file.ts";
import { Counter } from "../../pattern/counter.ts";
import { type FileExpectation, judgeFileOnce } from "../judge-file.ts";

export interface JudgeOrder {
  readonly path: Path;
  readonly generation: number;
  readonly expectBytes: number;
  /** Only so many bytes are read: after a refused call nobody promised what follows. */
  readonly readBytesMax: number;
}

/** What the file of an order should hold. */
export function expectationOf({ generation, expectBytes, readBytesMax }: JudgeOrder): FileExpectation {
  return { pattern: new Counter({ generation }), expectBytes, readBytesMax };
}

/** Reads the file back and judges it. */
export function judgeNow(order: JudgeOrder): Judgement {
  return judgeFileOnce(order.path, expectationOf(order));
}

/** What the Worker answers: a judgement, what the kernel refused it, or how it failed. */
export type JudgeAnswer =
  | { readonly judgement: Judgement }
  | { readonly refused: { readonly call: string; readonly errno: number; readonly args: string } }
  | { readonly failed: string };

export class JudgeBeside implements Disposable {
  readonly #worker: Worker;
  #settle: ((answer: JudgeAnswer) => void) | undefined;

  constructor() {
    this.#worker = new Worker(new URL("./judge-worker.ts", import.meta.url).href);
    this.#worker.onmessage = ({ data }: MessageEvent<JudgeAnswer>) => this.#answered(data);
    this.#worker.onerror = ({ message }) => this.#answered({ failed: message });
  }

  #answered(answer: JudgeAnswer): void {
    this.#settle?.(answer);
    this.#settle = undefined;
  }

  /**
   * One order at a time; the Worker starts at once, the answer comes with a turn of the event loop. A refusal waits for
   * whoever awaits the answer, however late: nobody does while the next file is being written.
   */
  judge(order: JudgeOrder): Promise<Judgement> {
    const judgement = this.#judged(order);
    judgement.catch(() => {});
    return judgement;
  }

  async #judged(order: JudgeOrder): Promise<Judgement> {
    if (this.#settle !== undefined) throw new Error("the judge beside has an order already");
    const answer = new Promise<JudgeAnswer>((resolve) => {
      this.#settle = resolve;
    });
    this.#worker.postMessage(order);
    const said = await answer;
    if ("refused" in said) throw new SyscallError(said.refused.call, said.refused.errno, said.refused.args);
    if ("failed" in said) throw new Error(said.failed);
    return said.judgement;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
