/** The judge in a Worker: its answers wait for whoever asked, refusals too. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { allowedProcessors } from "../../../src/ops/scheduling.ts";
import { JudgeInWorker } from "../../../src/workload/append/judging.ts";
import type { WrittenFile } from "../../../src/workload/append/written-file.ts";

const MISSING: WrittenFile = {
  ...{ path: "/nonexistent/file", generation: 0, sizeBytes: 8, reportedBytes: 8, whole: true },
  ...{ firstCall: 0, calls: 1, breachCall: undefined },
};

test("a refusal that no one awaits yet is not an unhandled rejection", async () => {
  using worker = new JudgeInWorker();
  using other = new JudgeInWorker();
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    const answer = worker.judge(MISSING);
    // The other one's answers come after the first one's.
    for (let turn = 0; turn < 3; turn += 1) await other.judge(MISSING).catch(() => {});
    await expect(answer).rejects.toThrow("ENOENT");
  } finally {
    process.off("unhandledRejection", note);
  }
  expect(unhandled).toEqual([]);
});

/** The sets of processors that threads of this process may run on, as proc(5) lists them. */
function sets(): string[] {
  const tasks = readdirSync("/proc/self/task").map((tid) => readFileSync(`/proc/self/task/${tid}/status`, "utf8"));
  return tasks.map((status) => /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "");
}

test("writer and judge have processors of their own until the judge is disposed of", async () => {
  const before = allowedProcessors();
  {
    using worker = new JudgeInWorker().apart();
    await worker.judge(MISSING).catch(() => {});
    const own = allowedProcessors();
    expect(own).toHaveLength(1);
    const others = before.filter((processor) => processor !== own[0]);
    // Two processors: the judge's set is the other one. More: it is none that has the writer's in it.
    if (others.length === 1) expect(sets()).toContain(String(others[0]));
    expect(before).toContain(own[0] as number);
  }
  expect(allowedProcessors()).toEqual(before);
}, 60_000);
