/** The result of a completion, for callers to whom a refusal is the end. */
import { SyscallError } from "../errors.ts";

/** What came back for one request. `result` is what the call of the same name returns, or -errno. */
export interface Completion {
  readonly tag: number;
  readonly name: string;
  readonly result: number;
  readonly flags: number;
}

/** The result of the request, or a SyscallError that names it; a short count is a result. io_uring_enter(2). */
export function completed(completion: Completion): number {
  if (completion.result >= 0) return completion.result;
  throw new SyscallError(`io_uring ${completion.name}`, -completion.result, `tag ${completion.tag}`);
}
