/**
 * The Worker of `JudgeInWorker`: gets its processors, then files; answers each file with its judgement. A refusal of the
 * kernel crosses as its parts.
 */
import { isSyscallError } from "../../ops/errors.ts";
import { pinToProcessors } from "../../ops/scheduling.ts";
import { type JudgeAnswer, type JudgeRequest, judgeNow } from "./judging.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<JudgeRequest>) => {
  if ("processors" in data) {
    pinToProcessors(data.processors);
    return;
  }
  let answer: JudgeAnswer;
  try {
    answer = { judgement: judgeNow(data.file) };
  } catch (error) {
    if (isSyscallError(error)) answer = { refused: { call: error.call, errno: error.errno, args: error.args } };
    else answer = { failed: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
};
