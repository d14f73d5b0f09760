/** survey.ts as a process: its arguments, its forms, and how it ends. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Survey } from "../../src/survey/document.ts";
import { command, ROOT } from "./command.ts";

const directory = mkdtempSync(join(tmpdir(), "survey-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const survey = (...words: string[]) => command("survey", words, { timeoutMs: 120_000 });

describe("arguments", () => {
  test.each<[string[], string]>([
    [["--only", "no-such"], "survey: --only: no case no-such: it is one of uring-append, "],
    [["--only", ","], "survey: --only: an empty list of cases"],
    [["--budget", "fast"], "survey: --budget must be a time"],
    [["--json", "--ktap"], "survey: --json and --ktap "],
    [["--baseline", "/nonexistent"], "survey: --baseline: /nonexistent cannot be read (ENOENT)"],
    [["--expect", "/proc/self/mem"], "survey: --expect: /proc/self/mem cannot be read"],
    [["--report", "survey.pdf"], "survey: --report must end with .json, .txt, .html"],
    [["--report", "/nonexistent/x.html"], "survey: --report: /nonexistent/x.html cannot be made (ENOENT)"],
    [["--report", "/proc/x.html"], "survey: --report: /proc/x.html cannot be made"],
    [["--report", file("other.txt", "somebody's")], "other.txt exists; name a new file"],
    [["--baseline", "/dev/zero"], "survey: --baseline: /dev/zero is a device, not a file"],
    [["--expect", directory], "is a directory, not a file"],
    [["--expect", file("typo", "splice-fpo lost\n")], 'typo line 1: no case "splice-fpo"'],
    [["--baseline", file("cut.json", '{"tool":"survey","cases":[{"na')], "cut.json is not JSON"],
    [["--baseline", file("null.json", '{"tool":"survey","cases":[null]}')], "null.json is damaged: case 1"],
    [["--bogus"], "survey: unknown flag --bogus"],
  ])(
    "%j ends 254 with one line, and runs nothing",
    async (words, line) => {
      const { code, stdout, stderr } = await survey(...words);
      expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 254, stdout: "", lines: 1 });
      expect(stderr).toStartWith("survey: ");
      expect(stderr).toContain(line);
    },
    60_000,
  );

  test("a baseline that is none is refused before the first case", async () => {
    const { code, stderr } = await survey("--baseline", file("not.json", "{}"));
    expect({ code, stderr }).toEqual({ code: 254, stderr: expect.stringContaining("not.json is not a survey") });
  }, 60_000);
});

test("a process substitution is read once and by both checks, through bun run too", async () => {
  const earlier = file("substituted.json", (await survey("--only", "two-rings", "--json", "--quiet")).stdout);
  for (const start of ["scripts/survey.ts", "run survey.ts"]) {
    const line = `"$BUN" ${start} --only two-rings --quiet --baseline <(cat "$EARLIER") --expect <(cat "$EARLIER")`;
    const env = { ...process.env, BUN: process.execPath, EARLIER: earlier };
    const child = Bun.spawn(["bash", "-c", line], { cwd: ROOT, env, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect({ start, code: await child.exited, stderr }).toEqual({ start, code: 0, stderr: "" });
    expect(stdout).toContain("same as in the baseline: 1 case\n");
  }
}, 120_000);

// splice-fpos needs nothing, is corrupt on every kernel, and takes no time; two-rings is clean on every kernel.
const TWO = ["--only", "splice-fpos,two-rings"];

test("one JSON object; the same cases as baseline are the same, and as --expect they pass", async () => {
  const report = join(directory, "report.txt");
  const first = await survey(...TWO, "--json", "--report", report);
  const document = JSON.parse(first.stdout) as Survey;
  expect({ code: first.code, tool: document.tool, verdict: document.verdict }).toEqual({
    ...{ code: 1, tool: "survey", verdict: "corrupt" },
  });
  expect(document.cases.map(({ name, verdict, kinds, report }) => [name, verdict, kinds, report?.tool])).toEqual([
    ["splice-fpos", "corrupt", ["lost"], "splice-fpos"],
    ["two-rings", "clean", [], "two-rings"],
  ]);
  expect(document.cases[0]?.known).toContain("no fix known");
  expect(readFileSync(report, "utf8")).toContain("splice-fpos");
  const earlier = file("earlier.json", first.stdout);
  const second = await survey(...TWO, "--baseline", earlier, "--expect", earlier);
  expect({ code: second.code, stderr: second.stderr.trim().split("\n").length }).toEqual({ code: 0, stderr: 2 });
  expect(second.stdout).toMatch(/^splice-fpos +CORRUPT \(expected\) /m);
  expect(second.stdout).toContain("same as in the baseline: 2 cases\n");
  const ktap = await survey(
    "--only",
    "splice-fpos",
    "--ktap",
    "--quiet",
    "--expect",
    file("known", "splice-fpos zeroed"),
  );
  expect({ code: ktap.code, stderr: ktap.stderr }).toEqual({ code: 1, stderr: "" });
  expect(ktap.stdout).toMatch(/^KTAP version 1\n1\.\.1\n {2}KTAP version 1\n {2}1\.\.1\n/);
  expect(ktap.stdout).toContain("\n  not ok 1 splice-fpos\n");
}, 120_000);

test("a spent budget is noted, case by case, and is not a clean survey", async () => {
  const { code, stdout } = await survey("--only", "two-rings,splice-fpos", "--budget", "500ms", "--json");
  const document = JSON.parse(stdout) as Survey;
  expect({ code, verdict: document.verdict }).toEqual({ code: 125, verdict: "inconclusive" });
  for (const { reason } of document.cases) expect(reason).toContain("the budget of 0.5s was spent");
}, 60_000);

test.each(["SIGINT", "SIGKILL"] as const)(
  "%s ends the survey and its case",
  async (signal) => {
    const child = Bun.spawn([process.execPath, "scripts/survey.ts", "--only", "uring-append,two-rings", "--json"], {
      ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "ignore" },
    });
    const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    const started = Date.now();
    while (children() === "" && Date.now() - started < 30_000) await Bun.sleep(20);
    const pid = Number(children());
    // The case has declared that it dies with us once it watches signals: SigCgt has SIGTERM.
    const caught = () => /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
    while ((BigInt(`0x${caught()}`) & (1n << 14n)) === 0n && Date.now() - started < 30_000) await Bun.sleep(20);
    child.kill(signal);
    const stdout = await new Response(child.stdout).text();
    await child.exited;
    const gone = () => !existsSync(`/proc/${pid}/stat`) || readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    const ended = Date.now();
    while (!gone() && Date.now() - ended < 20_000) await Bun.sleep(20);
    expect(gone()).toBe(true);
    if (signal === "SIGKILL") return;
    expect(child.exitCode).toBe(130);
    const document = JSON.parse(stdout) as Survey;
    expect(document).toMatchObject({ verdict: "inconclusive", reason: "interrupted after 1 of 2 cases" });
  },
  90_000,
);
