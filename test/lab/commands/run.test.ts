/** Paths in a guest's JSON report become paths on the host. */
import { expect, test } from "bun:test";
import { replayLine, withHostPaths } from "../../../src/lab/commands/run.ts";
import type { GuestResult } from "../../../src/lab/guest/qemu.ts";
import type { Kernel } from "../../../src/lab/kernels/kernel.ts";
import { lostOutput, lostReport } from "../../../src/lab/lost-report.ts";

const RUN = { artifacts: [{ path: "/host/evidence/file.3", sizeBytes: 1 }] };

test("artifact paths of a report are the host's, where the file arrived", () => {
  const report = { schema: 1, artifacts: ["/mnt/test/file.3", "/mnt/test/stayed", "/elsewhere/file.3"] };
  expect(JSON.parse(withHostPaths(JSON.stringify(report), RUN))).toEqual({
    schema: 1,
    artifacts: ["/host/evidence/file.3", "/mnt/test/stayed", "/elsewhere/file.3"],
  });
});

test.each(["", "not JSON", "null", '{"schema":2,"artifacts":[]}', '{"schema":1}'])("%j passes unchanged", (text) => {
  expect(withHostPaths(text, RUN)).toBe(text);
});

test.each<[string, string | undefined]>([
  ["CORRUPT\nreplay      bun run uring-append.ts --seed 7\nenvironment x\n", "uring-append.ts --seed 7"],
  ['{"schema":1,"replay":"bun run uring-append.ts --seed 7","x":1}', "uring-append.ts --seed 7"],
  ['{\n  "replay": "bun run uring-append.ts --seed 7"\n}', "uring-append.ts --seed 7"],
  ["# kernel=6.1 replay=bun run uring-append.ts --seed 7\nnot ok 1 x\n", "uring-append.ts --seed 7"],
  ["nothing of the kind", undefined],
])("the replay command of %j", (text, expected) => {
  expect(replayLine(text)).toBe(expected as string);
});

test("a run without a report gets one that claims nothing, in the form asked for", () => {
  const result = { bootSeconds: 1, scriptSeconds: undefined } as GuestResult;
  const kernel = { title: "linux-image 6.1" } as Kernel;
  const run = { kernel, result, reason: "the guest died while booting" };
  const report = lostReport(run, { script: "/x/uring-append.ts", options: { cpus: 1, memoryBytes: 5 } });
  expect(report).toMatchObject({ schema: 1, tool: "uring-append", verdict: "inconclusive", reason: run.reason });
  expect(report.trigger.reached).toBe(null);
  expect(JSON.parse(lostOutput(report, ["--json"]))).toEqual(report);
  expect(lostOutput(report, ["--ktap"])).toEndWith("ok 1 uring-append # SKIP the guest died while booting\n");
  expect(lostOutput(report, ["--seconds", "5"])).toBe("");
});
