/** The Worker of `JudgeBeside`: takes orders, answers with judgements. A kernel that refuses becomes a sentence. */
import { isSyscallError } from "../../ops/errors.ts";
import { type JudgeAnswer, type JudgeOrder, judgeNow } from "./judging.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<JudgeOrder>) => {
  let answer: JudgeAnswer;
  try {
    answer = { judgement: judgeNow(data) };
  } catch (error) {
    if (isSyscallError(error)) answer = { refused: { call: error.call, errno: error.errno, args: error.args } };
    else answer = { failed: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
};
