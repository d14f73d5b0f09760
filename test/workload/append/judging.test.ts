/** The judge in a Worker: its answers wait for whoever asked, refusals too. */
import { expect, test } from "bun:test";
import { JudgeInWorker } from "../../../src/workload/append/judging.ts";
import type { WrittenFile } from "../../../src/workload/append/written-file.ts";

test("a refusal that no one awaits yet is not an unhandled rejection", async () => {
  using worker = new JudgeInWorker();
  using other = new JudgeInWorker();
  const file: WrittenFile = {
    ...{ path: "/nonexistent/file", generation: 0, sizeBytes: 8, reportedBytes: 8, whole: true },
    ...{ firstCall: 0, calls: 1, breachCall: undefined },
  };
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    const answer = worker.judge(file);
    // The other one's answers come after the first one's.
    for (let turn = 0; turn < 3; turn += 1) await other.judge(file).catch(() => {});
    await expect(answer).rejects.toThrow("ENOENT");
  } finally {
    process.off("unhandledRejection", note);
  }
  expect(unhandled).toEqual([]);
});
