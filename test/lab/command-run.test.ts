/** Paths in a guest's JSON report become paths on the host. */
import { expect, test } from "bun:test";
import { replayLine, withHostPaths } from "../../src/lab/command-run.ts";

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
  ["nothing of the kind", undefined],
])("the replay command of %j", (text, expected) => {
  expect(replayLine(text)).toBe(expected as string);
});
