/** Paths in a guest's JSON report become paths on the host. */
import { expect, test } from "bun:test";
import { withHostPaths } from "../../src/lab/command-run.ts";

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
