/** The Worker of `JudgeInWorker`: gets files, answers with judgements. A refusal of the kernel crosses as its parts. */
import { isSyscallError } from "../../ops/errors.ts";
import { type JudgeAnswer, judgeNow } from "./judging.ts";
import type { WrittenFile } from "./written-file.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<WrittenFile>) => {
  let answer: JudgeAnswer;
  try {
    answer = { judgement: judgeNow(data) };
  } catch (error) {
    if (isSyscallError(error)) answer = { refused: { call: error.call, errno: error.errno, args: error.args } };
    else answer = { failed: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
};
