/** What of a script's arguments names files of this machine. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { recordingTaken } from "../../src/lab/script.ts";

test("the file of --replay goes into the guest, in both forms; other words stay", () => {
  expect(recordingTaken(["--replay", "runs/a.json", "--json"])).toEqual({
    scriptArguments: ["--replay", "/bytewitness/guest/a.json", "--json"],
    files: [resolve("runs/a.json")],
  });
  expect(recordingTaken(["--replay=/x/b.json"])).toEqual({
    scriptArguments: ["--replay=/bytewitness/guest/b.json"],
    files: ["/x/b.json"],
  });
  expect(recordingTaken(["prefix", "--seconds", "5"])).toEqual({
    scriptArguments: ["prefix", "--seconds", "5"],
    files: [],
  });
});
