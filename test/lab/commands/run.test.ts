/** The stand-in for the report of a run that gave none. */
import { expect, test } from "bun:test";
import type { GuestResult } from "../../../src/lab/guest/qemu.ts";
import type { Kernel } from "../../../src/lab/kernels/kernel.ts";
import { lostOutput, lostReport } from "../../../src/lab/lost-report.ts";

test("a run without a report gets one that claims nothing, in the form asked for", () => {
  const result = { bootSeconds: 1, scriptSeconds: undefined } as GuestResult;
  const kernel = { title: "linux-image 6.1" } as Kernel;
  const run = { kernel, result, reason: "the guest died while booting" };
  const report = lostReport(run, { script: "/x/uring-append.ts", options: { cpus: 1, memoryBytes: 5 } });
  expect(report).toMatchObject({ schema: 2, tool: "uring-append", verdict: "inconclusive", reason: run.reason });
  expect(report.trigger.reached).toBe(null);
  expect(JSON.parse(lostOutput(report, ["--json"]))).toEqual(report);
  expect(lostOutput(report, ["--ktap"])).toEndWith("ok 1 uring-append # SKIP the guest died while booting\n");
  expect(lostOutput(report, ["--seconds", "5"])).toBe("");
});
