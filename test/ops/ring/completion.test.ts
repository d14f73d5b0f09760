/** A completion's result, or the error that names its request. */
import { expect, test } from "bun:test";
import { completed } from "../../../src/ops/ring/completion.ts";

test("counts pass, also 0 and short ones; a refusal names the request", () => {
  const completion = (result: number) => ({ tag: 3, name: "write", result, flags: 0 });
  expect([0, 1, 4096].map((result) => completed(completion(result)))).toEqual([0, 1, 4096]);
  expect(() => completed(completion(-28))).toThrow("io_uring write(tag 3): ENOSPC");
});
