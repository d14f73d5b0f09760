/** The judge beside: its answers wait for whoever asked, refusals too. */
import { expect, test } from "bun:test";
import { JudgeBeside } from "../../../src/workload/append/judging.ts";

test("a refusal that nobody awaits yet is no unhandled rejection", async () => {
  using beside = new JudgeBeside();
  using other = new JudgeBeside();
  const order = { path: "/nonexistent/file", generation: 0, expectBytes: 8, readBytesMax: 8 };
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    const answer = beside.judge(order);
    // The other one's answers come after the first one's.
    for (let turn = 0; turn < 3; turn += 1) await other.judge(order).catch(() => {});
    await expect(answer).rejects.toThrow("ENOENT");
  } finally {
    process.off("unhandledRejection", note);
  }
  expect(unhandled).toEqual([]);
});
