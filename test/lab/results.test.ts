/** Case × kernel tables, and results in files: kept, taken up, sharded, merged. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { caseTable, silentLines } from "../../src/lab/cases.ts";
import { mergeResults, Results, readResults, shardOf } from "../../src/lab/results.ts";
import { failedRow, type Row } from "../../src/lab/row.ts";
import { matrixKtap, tableRow } from "../../src/lab/table.ts";
import type { RunReport } from "../../src/report/document.ts";
import { readEarlier } from "../../src/survey/compare.ts";
import { temporaryDirectory } from "./temporary.ts";

function surveyRow(kernel: string, cases: Record<string, string>, asked = kernel): Row {
  const entries = Object.entries(cases).map(([name, verdict]) => ({
    ...{ name, verdict, kinds: verdict === "corrupt" ? ["lost"] : [], durationSeconds: 1, report: null },
    ...(verdict === "inconclusive" ? { reason: "no end within 60.0s" } : {}),
  }));
  const verdict = Object.values(cases).includes("corrupt") ? ("corrupt" as const) : ("clean" as const);
  const report = { schema: 2, tool: "survey", verdict, cases: entries } as unknown as RunReport;
  return { ...failedRow(asked, ""), kernel, verdict, reason: null, report, bootSeconds: 5 };
}

const OLD = surveyRow("6.1.170-3", { a: "corrupt", "long-name": "clean" });
const NEW = surveyRow("7.3.4-1~bpo13+1", { a: "clean", "long-name": "inconclusive", c: "skipped" });
const HOST = surveyRow("host 6.18.44-generic", { a: "corrupt", c: "corrupt" }, "host");

describe("case by kernel", () => {
  test("one column for each kernel, a word for each verdict, reasons behind question marks", () => {
    expect(caseTable([OLD, NEW, HOST])).toEqual([
      "case       6.1.170  7.3.4  host 6.18.44",
      "a          BAD      clean  BAD",
      "long-name  clean    ?",
      "c                   skip   BAD",
    ]);
    expect(silentLines([OLD, NEW])).toEqual(["7.3.4, long-name: no end within 60.0s"]);
    expect(caseTable([failedRow("6.1.1", "no package")])).toEqual([]);
  });

  test("clean without having entered the racy path is marked, and the mark explained", () => {
    const row = surveyRow("7.3.4-1", { a: "clean", b: "clean" });
    const report = { trigger: { reached: 0, attempts: 2, how: "x" } };
    const cases = (row.report as unknown as { cases: object[] }).cases;
    cases[0] = { ...cases[0], report };
    expect(caseTable([row])).toEqual([
      ...["case  7.3.4", "a     clean?", "b     clean", "", "clean?  clean, but the racy path was never entered"],
    ]);
  });

  test("as many tables as the width needs, each with all cases", () => {
    const lines = caseTable([OLD, NEW, HOST], 26);
    expect(lines.filter((line) => line.startsWith("case"))).toEqual([
      "case       6.1.170  7.3.4",
      "case       host 6.18.44",
    ]);
    expect(lines.filter((line) => line.startsWith("a "))).toHaveLength(2);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(26);
  });

  test("a row counts how many cases are corrupt and which; KTAP has a subtest for each case", () => {
    expect(tableRow(OLD)).toEndWith("1 corrupt of 2: a");
    const lines = matrixKtap([OLD]).split("\n");
    expect(lines.slice(0, 4)).toEqual(["KTAP version 1", "1..1", "  KTAP version 1", "  1..2"]);
    expect(lines).toContain("  not ok 1 a");
    expect(lines).toContain("not ok 1 6.1.170-3");
  });
});

describe("results in a file", () => {
  const stored = (fields: object) => JSON.stringify({ tool: "lab matrix", rows: [{ ...OLD, ...fields }] });
  const run = { script: "survey.ts", scriptArguments: ["--only", "a"] };

  test("are kept after each row, taken up where there is a report, and a baseline for a survey", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "r.json");
    new Results(path, run).save([OLD, failedRow("7.3.4", "no package")], 10);
    const again = new Results(path, run);
    expect([again.known("6.1.170-3")?.kernel, again.known("7.3.4"), again.known("5.10.1")]).toEqual([
      ...["6.1.170-3", undefined, undefined],
    ]);
    again.save([NEW], 5);
    const stored = readResults(path);
    expect(stored.rows.map(({ kernel }) => kernel)).toEqual(["6.1.170-3", "7.3.4", "7.3.4-1~bpo13+1"]);
    expect(stored.durationSeconds).toBe(15);
    expect(readEarlier(readFileSync(path, "utf8"), "6.1.170")).toEqual([
      { name: "a", verdict: "corrupt", kinds: ["lost"] },
      { name: "long-name", verdict: "clean", kinds: [] },
    ]);
  });

  test("of another command are refused, and so is what is not a result", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "r.json");
    new Results(path, run).save([OLD], 1);
    expect(() => new Results(path, { ...run, scriptArguments: [] })).toThrow('holds results of "survey.ts --only a"');
    for (const [text, words] of [
      ["{}", "holds no results"],
      ["null", "holds no results"],
      ["{", "is not JSON"],
      ['{"tool":"lab matrix","schema":1,"rows":[]}', "is of schema 1; this version reads schema 2"],
      ['{"tool":"lab matrix","rows":[null]}', "is damaged: row 1: it is not as"],
      ['{"tool":"lab matrix","rows":[{"asked":"6.1.170"}]}', "is damaged: row 1: kernel is not as"],
      ['{"tool":"lab matrix","rows":[],"scriptArguments":5}', "is damaged: its script, arguments"],
      [stored({ report: 5 }), "row 1: report is not as"],
      [stored({ report: { tool: "survey", verdict: "corrupt", cases: [null] } }), "row 1: report is not as"],
      [stored({ report: { verdict: "corrupt", findings: 5 } }), "row 1: report is not as"],
      [stored({ consoleEvents: undefined }), "row 1: consoleEvents is not as"],
      [stored({ verdict: "fine" }), "row 1: verdict is not as"],
      [stored({ report: null }), "row 1: its verdict is corrupt, that of its report missing"],
    ] as const) {
      writeFileSync(path, text);
      expect(() => readResults(path)).toThrow(words);
    }
    expect(() => readResults(join(directory.path, "absent"))).toThrow("cannot be read (ENOENT)");
  });

  test("of several machines become one, kernels in order, the host last; a row with a report wins", () => {
    const part = (...rows: Row[]) => ({ ...run, durationSeconds: 2, rows });
    const lost = { ...failedRow("6.1.170", "timeout"), kernel: "6.1.170-3" };
    const merged = mergeResults([part(HOST, NEW), part(lost), part(OLD)]);
    expect(merged.rows.map(({ kernel, report }) => [kernel, report !== null])).toEqual([
      ["6.1.170-3", true],
      ["7.3.4-1~bpo13+1", true],
      ["host 6.18.44-generic", true],
    ]);
    expect(merged.durationSeconds).toBe(6);
    expect(() => mergeResults([])).toThrow("nothing to merge");
    expect(() => mergeResults([part(OLD), { ...part(NEW), script: "other.ts" }])).toThrow("two commands");
  });

  test("shards are disjoint and whole", () => {
    const items = ["a", "b", "c", "d", "e"];
    expect(shardOf(items, "1/2")).toEqual(["a", "c", "e"]);
    expect(shardOf(items, "2/2")).toEqual(["b", "d"]);
    expect(shardOf(items, undefined)).toEqual(items);
    for (const text of ["0/2", "3/2", "1", "a/b", "1/0", "1/2/3"]) expect(shardOf(items, text)).toBeString();
  });
});
