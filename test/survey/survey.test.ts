/** Cases, budget, verdicts, comparisons and renderers of a survey: pure, on results made by hand. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../src/ops/self.ts";
import type { RunReport, Verdict } from "../../src/report/document.ts";
import { allCases, chooseCases, type SurveyCase } from "../../src/survey/cases.ts";
import { changeLines, compare, markExpected, readEarlier, readExpected } from "../../src/survey/compare.ts";
import { type CaseResult, damageText, type Survey, surveyKtap, surveyVerdict } from "../../src/survey/document.ts";
import { limits, resultOf } from "../../src/survey/run.ts";
import { surveyText } from "../../src/survey/table.ts";

const finding = (kind: string, offsetBytes: number, lengthBytes: number) => ({
  ...{ kind, offsetBytes, lengthBytes, pageAligned: false, detail: "x" },
});

function reportOf(verdict: Verdict, findings: object[] = [], more: Partial<RunReport> = {}): RunReport {
  return {
    ...{ schema: 2, tool: "t", version: "0", verdict, seed: 1, replay: "", durationSeconds: 2, workload: {} },
    environment: { kernel: "6.12.117", arch: "x86_64", bun: "1", cpus: 2, memoryBytes: 1, privileged: true },
    trigger: { reached: null, attempts: 0, how: "" },
    totals: { bytesWritten: 1, bytesVerified: 1, files: 1, calls: 1 },
    findings,
    artifacts: [],
    ...more,
  } as RunReport;
}

const result = (name: string, verdict: Verdict, kinds: string[] = [], more: Partial<CaseResult> = {}): CaseResult => ({
  ...{ name, verdict, kinds, durationSeconds: 1, report: null, ...more },
});

describe("cases", () => {
  test("every script of the gallery is a case, and both flagships are; every script exists", () => {
    const cases = allCases();
    const scripts = [...new Bun.Glob("*.ts").scanSync(join(PACKAGE_ROOT, "scripts/gallery"))];
    for (const file of scripts) expect(cases.map(({ script }) => script)).toContain(`scripts/gallery/${file}`);
    expect(cases.filter(({ script }) => !existsSync(join(PACKAGE_ROOT, script)))).toEqual([]);
    const names = cases.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["uring-append", "splice-relay", "ktls-splice"]));
    expect(new Set(names).size).toBe(names.length);
  });

  const all: SurveyCase[] = [
    { name: "a", script: "scripts/a.ts", words: [] },
    { name: "b-one", script: "scripts/gallery/b.ts", words: ["--one"] },
    { name: "b-two", script: "scripts/gallery/b.ts", words: ["--two"] },
  ];
  test.each([
    [undefined, ["a", "b-one", "b-two"]],
    ["b-two,a", ["b-two", "a"]],
    ["b", ["b-one", "b-two"]],
    ["b.ts, a ,a", ["b-one", "b-two", "a"]],
  ])("--only %p", (list, names) => {
    expect((chooseCases(all, list) as SurveyCase[]).map(({ name }) => name)).toEqual(names);
  });
  test.each([
    ["c", "no case c: it is one of a, b-one, b-two"],
    [",", "an empty list"],
    ["", "an empty list"],
  ])("--only %p is refused", (list, words) => expect(chooseCases(all, list)).toStartWith(words));
});

test("timed cases share what is left of the budget; the others get their limit", () => {
  const cases = [
    { name: "a", script: "", words: [], seconds: 8 },
    { name: "b", script: "", words: [] },
    { name: "c", script: "", words: [], seconds: 4 },
  ];
  expect(limits({ cases, caseSecondsMax: 25 }, 0, 100)).toEqual({ seconds: 8, limitSeconds: 25 });
  expect(limits({ cases, caseSecondsMax: 25 }, 0, 9)).toEqual({ seconds: 4, limitSeconds: 9 });
  expect(limits({ cases, caseSecondsMax: 25 }, 1, 9)).toEqual({ seconds: undefined, limitSeconds: 9 });
  expect(limits({ cases, caseSecondsMax: 25 }, 2, 1.5)).toEqual({ seconds: 1, limitSeconds: 1.5 });
});

describe("what a finished process means", () => {
  const entry = { name: "a", script: "", words: [] };
  const end = (report: RunReport | null, reason?: string) => ({ report, reason, durationSeconds: 3 });
  test("no report is inconclusive, whatever the exit code", () => {
    expect(resultOf(entry, end(null, "ended with exit code 1"), "6.1.1")).toMatchObject({
      ...{ verdict: "inconclusive", reason: "ended with exit code 1", kinds: [] },
    });
  });
  test("clean but cut short is inconclusive; corrupt stays corrupt", () => {
    expect(resultOf(entry, end(reportOf("clean"), "no end within 5s"), "6.1.1").verdict).toBe("inconclusive");
    const corrupt = reportOf("corrupt", [finding("lost", 0, 8)]);
    expect(resultOf(entry, end(corrupt, "no end within 5s"), "6.1.1").verdict).toBe("corrupt");
  });
  test("kinds once each, known range, advice, first finding", () => {
    const known = { fix: "f", firstFixed: ["6.12.118"], source: "s" };
    const report = reportOf("corrupt", [finding("lost", 0, 8), finding("lost", 9, 8), finding("zeroed", 20, 4)], {
      known,
    });
    expect(resultOf(entry, end(report), "6.12.115")).toEqual({
      ...{
        name: "a",
        verdict: "corrupt",
        kinds: ["lost", "zeroed"],
        durationSeconds: 3,
        firstFindingSeconds: 2,
        report,
      },
      known: "fixed in 6.12.118; 6.12.115 is in the affected range",
      advice: "take 6.12.118 or later",
    });
    expect(damageText(report)).toBe("lost 16 B in 2 ranges, zeroed 4 B, the first at 0");
  });
});

test("the verdict: corrupt if any is, unless expected; skipped counts only alone", () => {
  expect(surveyVerdict([result("a", "clean"), result("b", "corrupt")])).toBe("corrupt");
  expect(surveyVerdict([result("a", "clean"), result("b", "corrupt", [], { expected: true })])).toBe("clean");
  expect(surveyVerdict([result("a", "clean"), result("b", "skipped")])).toBe("clean");
  expect(surveyVerdict([result("a", "clean"), result("b", "inconclusive")])).toBe("inconclusive");
  expect(surveyVerdict([result("b", "skipped")])).toBe("skipped");
  expect(surveyVerdict([])).toBe("inconclusive");
});

describe("comparisons", () => {
  const now = [
    result("a", "corrupt", ["lost"]),
    result("b", "clean"),
    result("c", "corrupt", ["zeroed"]),
    result("d", "inconclusive"),
    result("e", "corrupt", ["lost"]),
    result("f", "clean"),
  ];
  const before = JSON.stringify({
    tool: "survey",
    cases: [
      { name: "a", verdict: "clean", kinds: [] },
      { name: "b", verdict: "corrupt", kinds: ["lost"] },
      { name: "c", verdict: "corrupt", kinds: ["zeroed", "lost"] },
      { name: "d", verdict: "corrupt", kinds: ["lost"] },
      { name: "e", verdict: "corrupt", kinds: ["torn"] },
    ],
  });
  test("new, gone, same; another kind is new; no verdict is not a change", () => {
    const earlier = readEarlier(before, "6.12.117");
    if (typeof earlier === "string") throw new Error(earlier);
    const compared = compare(now, earlier);
    expect(compared.map(({ name, change }) => [name, change])).toEqual([
      ["a", "new"],
      ["b", "gone"],
      ["c", "same"],
      ["d", undefined],
      ["e", "new"],
      ["f", undefined],
    ]);
    expect(changeLines(compared, earlier)).toEqual([
      "new since the baseline: a, e",
      "gone since the baseline: b",
      "same as in the baseline: 1 case",
      "in the baseline, without a verdict now: d",
    ]);
  });
  test("a matrix of the lab is a baseline too: the row of this kernel, else its only one", () => {
    const row = (kernel: string, name: string) => ({
      kernel,
      report: { tool: "survey", cases: [{ name, verdict: "clean", kinds: [] }] },
    });
    const matrix = {
      tool: "lab matrix",
      rows: [row("6.12.117-1", "a"), row("6.12.118-1", "b"), { kernel: "x", report: null }],
    };
    expect(readEarlier(JSON.stringify(matrix), "6.12.118")).toEqual([{ name: "b", verdict: "clean", kinds: [] }]);
    expect(readEarlier(JSON.stringify(matrix), "7.1.1")).toStartWith("holds no survey of 7.1.1, but of 6.12.117-1");
    expect(readEarlier(JSON.stringify({ ...matrix, rows: [row("6.12.117-1", "a")] }), "7.1.1")).toHaveLength(1);
  });
  test.each([
    ...["", "{", "[]", "null", "7", '{"tool":"verify"}', '{"tool":"survey"}'],
    ...[
      '{"tool":"survey","cases":[null]}',
      '{"tool":"survey","cases":[{"name":"a"}]}',
      '{"tool":"survey","cases":[7]}',
    ],
    ...[
      '{"tool":"lab matrix","rows":[null]}',
      '{"tool":"lab matrix","rows":[{"kernel":7,"report":{"tool":"survey"}}]}',
    ],
    '{"tool":"lab matrix","rows":[{"kernel":7,"report":{"tool":"survey","cases":[null]}}]}',
    '{"tool":"survey","schema":3,"cases":[]}',
    '{"tool":"survey","cases":[{"name":"a","verdict":"fine","kinds":[]}]}',
    '{"tool":"survey","cases":[{"name":"a","verdict":"clean"}]}',
    '{"tool":"survey","cases":[{"name":"a","verdict":"corrupt","kinds":[]}]}',
    '{"tool":"survey","cases":[{"name":"a","verdict":"corrupt","kinds":["lots"]}]}',
  ])("%p is not a baseline", (text) => {
    expect(readEarlier(text, "6.1.1")).toBeString();
  });
  const known = { kernel: "6.1.1", names: ["a", "b", "c", "d", "e", "f"] };
  test.each([
    ["a\n# b\nnobody: lost\n", 'line 3: no case "nobody"; survey.ts --list shows them'],
    ["a: lost, lots\n", 'line 1: no kind "lots": it is one of duplicated, '],
    ["\u0000\u0001", "line 1: no case "],
    ['[{"name":"a"}]', "line 1: no case "],
    ['{"tool":"survey","cases":[{"verdict":"corrupt"}]}', "is damaged: case 1 has no name or no verdict"],
  ])("--expect: %p is refused", (text, problem) => {
    expect(readExpected(text, known)).toStartWith(problem);
  });
  test("--expect: a case on two lines is expected with the kinds of both", () => {
    expect(readExpected("a lost\r\nb\na: torn\nb lost\n", known)).toEqual(
      new Map([
        ["a", ["lost", "torn"]],
        ["b", []],
      ]),
    );
  });
  test("--expect: lines with kinds, or a survey; other kinds are not expected", () => {
    const expected = readExpected("# known here\na: lost, torn\n\nc\ne zeroed # by 7.4\n", known);
    if (typeof expected === "string") throw new Error(expected);
    expect(markExpected(now, expected).map(({ name, expected }) => [name, expected])).toEqual([
      ["a", true],
      ["b", undefined],
      ["c", true],
      ["d", undefined],
      ["e", undefined],
      ["f", undefined],
    ]);
    expect(readExpected(before, known)).toEqual(
      new Map([
        ["b", ["lost"]],
        ["c", ["zeroed", "lost"]],
        ["d", ["lost"]],
        ["e", ["torn"]],
      ]),
    );
  });
});

const SURVEY: Survey = {
  ...{ schema: 2, tool: "survey", version: "0", verdict: "corrupt", durationSeconds: 9 },
  environment: { kernel: "6.12.117", arch: "x86_64", bun: "1", cpus: 2, memoryBytes: 1, privileged: false },
  cases: [
    result("a", "clean", [], { report: reportOf("clean", [], { trigger: { reached: 3, attempts: 4, how: "" } }) }),
    result("b", "corrupt", ["lost"], {
      report: reportOf("corrupt", [finding("lost", 4096, 2048)]),
      ...{ firstFindingSeconds: 0.3, known: "no fix known", advice: "use #1" },
    }),
    result("c", "skipped", [], { reason: "needs root: run as root" }),
    result("d", "skipped", [], { reason: "switches KSM on, for the whole system: --system-wide allows that" }),
    result("e", "corrupt", ["lost"], { expected: true }),
  ],
};

test("KTAP: a subtest for each case, SKIP with the reason, XFAIL for what was expected", () => {
  expect(surveyKtap(SURVEY)).toBe(
    [
      ...["KTAP version 1", "1..1", "  KTAP version 1", "  1..5"],
      ...["  # verdict=clean duration_seconds=1", "  ok 1 a"],
      "  # verdict=corrupt duration_seconds=1 first_finding_seconds=0.3",
      ...["  # lost 2.00 KiB, at 4,096", "  # known=no fix known", "  not ok 2 b"],
      ...["  # verdict=skipped duration_seconds=1", "  ok 3 c # SKIP needs root: run as root"],
      "  # verdict=skipped duration_seconds=1",
      "  ok 4 d # SKIP switches KSM on, for the whole system: --system-wide allows that",
      ...["  # verdict=corrupt duration_seconds=1", "  ok 5 e # XFAIL expected"],
      ...["# kernel=6.12.117 verdict=corrupt", "not ok 1 survey", ""],
    ].join("\n"),
  );
});

test("the text: worst first, one line for each case, what root and --system-wide would add", () => {
  const lines = surveyText(SURVEY, { privileged: false, changes: ["new since the baseline: b"] }).split("\n");
  expect(lines[0]).toBe("survey of Linux 6.12.117 x86_64: 2 corrupt, 1 clean, 0 inconclusive, 2 skipped, in 9.0s");
  expect(lines.slice(2, 7).map((line) => line.split(/\s+/)[0])).toEqual(["b", "e", "a", "c", "d"]);
  expect(lines[2]).toMatch(/^b +CORRUPT +lost 2.00 KiB, at 4,096; first finding after 0.3s; no fix known; use #1$/);
  expect(lines[4]).toMatch(/^a +clean +racy path entered 3 of 4 times$/);
  expect(lines.slice(8, 11)).toEqual([
    ...["new since the baseline: b", "as root also: c", "as root with --system-wide also: d"],
  ]);
});

test.each([80, 100])("the text on a terminal of %d columns: wrapped between words, nothing lost", (columns) => {
  const known =
    "fixed in 6.12.118; nothing is known of 6.18.44; take 6.12.118 or later (no fix in 6.18 is known); give offsets";
  const cases = [result("memfd-position", "corrupt", ["lost"], { known }), result("a", "clean")];
  const changes = [
    `new since the baseline: ${Array.from({ length: 12 }, (_, index) => `case-number-${index}`).join(", ")}`,
  ];
  const wrapped = surveyText({ ...SURVEY, cases }, { privileged: true, changes, columns });
  for (const line of wrapped.split("\n").slice(1)) expect(line.length).toBeLessThan(columns);
  const flat = (text: string) => text.split(/\s+/).join(" ");
  expect(flat(wrapped)).toBe(flat(surveyText({ ...SURVEY, cases }, { privileged: true, changes })));
  expect(wrapped).toMatch(/^ {38}\S/m);
});

test("the text: a clean that never entered the racy path has it in its line", () => {
  const report = reportOf("clean", [], { trigger: { reached: 0, attempts: 2, how: "" } });
  const cases = [result("a", "clean", [], { report })];
  expect(surveyText({ ...SURVEY, cases }, { privileged: true, changes: [] })).toContain(
    "racy path never entered in 2 attempts: this proves little",
  );
});
