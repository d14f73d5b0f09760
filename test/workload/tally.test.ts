/** What a run counts: sums, trigger, findings with their calls, evidence that stays and evidence that is copied. */
import { expect, test } from "bun:test";
import type { Finding } from "../../src/judge/finding.ts";
import { Tally } from "../../src/workload/tally.ts";

const BAD: Finding = { kind: "zeroed", offsetBytes: 8, lengthBytes: 4, pageAligned: false, detail: "zeros" };

test("calls, bytes and files are summed; a refused write wrote nothing", () => {
  const tally = new Tally();
  expect(tally.wrote("write", 100, 60)).toMatchObject({ what: "write", index: 0, requestedBytes: 100, result: 60 });
  tally.wrote("write", 40, -28);
  tally.called("splice", 100, 70);
  tally.wroteMany(5, 1000);
  tally.madeFile();
  tally.judged({ findings: [], verifiedBytes: 60 });
  expect(tally.totals).toEqual({ bytesWritten: 1060, bytesVerified: 60, files: 1, calls: 8 });
});

test("findings get their calls and the cause; a corrupt file is kept, a clean one is not", () => {
  const tally = new Tally();
  const kept: string[] = [];
  const keep = (path: string) => {
    kept.push(path);
    return `/evidence${path}`;
  };
  const file = (path: string) => ({ path, keep: () => keep(path) });
  const call = tally.wrote("write", 12, 12);
  expect(tally.judged({ findings: [], verifiedBytes: 12 }, { file: file("/a") })).toBe(false);
  expect(tally.judged({ findings: [BAD], verifiedBytes: 12 }, { file: file("/b"), calls: [call], cause: "why" })).toBe(
    true,
  );
  expect(kept).toEqual(["/b"]);
  expect(tally.findings).toEqual([{ ...BAD, calls: [call], cause: "why" }]);
  // A finding names its file where it is from now on, and no other file.
  tally.judged(
    {
      findings: [
        { ...BAD, file: "/c" },
        { ...BAD, file: "other" },
      ],
      verifiedBytes: 1,
    },
    { file: file("/c") },
  );
  expect(tally.findings.slice(1).map((finding) => finding.file)).toEqual(["/evidence/c", "other"]);
});

test("a damaged control takes the run back", () => {
  const tally = new Tally();
  expect(tally.judged({ findings: [BAD], verifiedBytes: 1 }, { control: undefined })).toBe(true);
  expect(() => tally.judged({ findings: [BAD], verifiedBytes: 1 }, { control: "plain reads" })).toThrow(
    "the control, plain reads, is damaged: zeroed, 4 bytes at 8",
  );
});

test("attempts and how many entered the racy path", () => {
  const tally = new Tally();
  expect(tally.triggerSeen("how")).toBeUndefined();
  for (const reached of [true, false, true]) tally.tried(reached);
  expect(tally.triggerSeen("how")).toEqual({ reached: 2, attempts: 3, how: "how" });
});

test("evidence below a file system of the run's own is distinguished, once each", () => {
  const tally = new Tally();
  tally.vanishing("/mnt/own");
  for (const path of ["/mnt/own/a", "/mnt/own-not/b", "/mnt/own/a"]) tally.keptFile(path);
  expect(tally.kept).toEqual({ staying: ["/mnt/own-not/b"], vanishing: ["/mnt/own/a"] });
});

test("a long run remembers its last calls and counts all of them", () => {
  const tally = new Tally();
  for (let index = 0; index < 50_000; index += 1) tally.wrote("write", 1, 1);
  expect(tally.totals.calls).toBe(50_000);
  expect(tally.callsSince(49_998).map(({ index }) => index)).toEqual([49_998, 49_999]);
  expect(tally.callsSince(0).length).toBeWithin(10_000, 20_001);
});
