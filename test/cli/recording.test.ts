/** `--replay FILE.json`: the recorded run again, and every kind of file that is not one. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jsonFault } from "../../src/cli/json-fault.ts";
import { stamped } from "../../src/cli/repeat.ts";
import type { RunReport } from "../../src/report/document.ts";
import { removeKept } from "../kept.ts";

const ROOT = join(import.meta.dir, "../..");
const directory = mkdtempSync(join(tmpdir(), "bytewitness-recording-"));
afterAll(() => rmSync(directory, { recursive: true }));
const TIMEOUT = 120_000;

function run(script: string, ...words: string[]) {
  const done = Bun.spawnSync([process.execPath, join(ROOT, "scripts", script), ...words], {
    env: { ...process.env, TMPDIR: directory },
    timeout: 60_000,
  });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const APPEND = ["1s", "--file-mb", "1", "--files", "2", "--pressure", "none", "--chunk-max", "256KiB", "--chunk-min=8"];

describe("the recorded run again", () => {
  test.each([
    ["uring-append.ts", [join(directory, "a"), ...APPEND, "--door", "write", "--inject", "bit-flipped"], 1],
    ["splice-relay.ts", ["--bytes", "2MiB", "--inject", "two-chunks", "--inject-hop", "out"], 1],
    ["gallery/past-the-end.ts", [], undefined],
  ])(
    "%s",
    (script, words, code) => {
      const first = run(script, ...words, "--json", "--quiet");
      if (code !== undefined) expect([first.code, first.stderr]).toEqual([code, ""]);
      const report = JSON.parse(first.stdout) as RunReport;
      removeKept(report);
      const path = file("first.json", first.stdout);
      const again = JSON.parse(run(script, "--replay", path, "--json", "--quiet").stdout) as RunReport;
      const decided = ({ verdict, seed, replay, findings }: RunReport) => {
        const places = findings.map(({ kind, offsetBytes, lengthBytes }) => ({ kind, offsetBytes, lengthBytes }));
        return { verdict, seed, replay, places };
      };
      expect(decided(again)).toEqual(decided(report));
      expect(again.repeat?.arguments).toEqual(report.repeat?.arguments as string[]);
      const section = again.sections?.find(({ title }) => title === "Compared with the recording");
      expect(section?.lines.join("\n")).toMatch(/^the same as recorded: /m);
      removeKept(again);
    },
    TIMEOUT,
  );
});

describe("what is not a recording of this version is refused with its place", () => {
  const script = "gallery/past-the-end.ts";
  const text = run(script, "--json", "--quiet", "--seed", "5").stdout;
  const report = JSON.parse(text) as RunReport;
  removeKept(report);
  const changed = (change: Partial<RunReport>) => JSON.stringify({ ...report, ...change });
  const { verdict: _verdict, ...without } = report;
  const CASES: [string, string, string][] = [
    ["empty", "", "it is empty"],
    ["truncated", text.slice(0, 400), `it ends at line ${text.slice(0, 400).split("\n").length}, column `],
    ["cut after a brace", text.trimEnd().slice(0, -1), "in the middle of a report"],
    ["no JSON", text.replace('"verdict"', "verdict"), "no JSON at line 5, column 3"],
    ["no report", "[1]", "it holds no report of a run"],
    ["a survey", JSON.stringify({ schema: 2, cases: [] }), "it holds many reports"],
    ["another schema", changed({ schema: 1 as 2 }), "schema: 1; this version reads schema 2"],
    ["another tool", changed({ tool: "fill" }), "tool: recorded by fill"],
    ["another version", changed({ version: "0.1.0" }), "version: recorded by 0.1.0, this is "],
    ["an edited seed", changed({ seed: 6 }), "seed: not what was recorded"],
    ["edited findings", changed({ findings: [] }), "findings: not what was recorded"],
    ["an added field", changed({ reason: "because" }), "reason: not in the recording"],
    ["a missing field", JSON.stringify(without), "verdict: the field is missing"],
    [
      "edited arguments",
      changed({ repeat: { arguments: ["--seed", "6"], sums: report.repeat?.sums ?? {} } }),
      "repeat.arguments: not what was recorded",
    ],
    [
      "a path that is not UTF-8",
      JSON.stringify(stamped(report, [null, "--seed", "5"])),
      "repeat.arguments: a path that is not UTF-8",
    ],
  ];
  test.each(CASES)(
    "%s",
    (name, content, place) => {
      const path = file(`${name}.json`, content);
      const { code, stdout, stderr } = run(script, "--replay", path);
      expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 254, stdout: "", lines: 1 });
      expect(stderr).toContain(`--replay ${path}: `);
      expect(stderr).toContain(place);
    },
    TIMEOUT,
  );

  const good = file("good.json", text);
  test.each([
    [["--replay", good, "--seed", "5"], "--seed cannot be given with --replay"],
    [["--replay", good, "/tmp"], "/tmp cannot be given with --replay"],
    [["--replay", good, `--replay=${good}`], "--replay was given twice"],
    [["--replay"], "--replay needs the JSON report of a run"],
    [["--replay", "--json"], "--replay needs the JSON report of a run"],
    [["--replay", directory], "is a directory, not a file"],
    [["--replay", "/dev/zero"], "is a device, not a file"],
    [["--replay", join(directory, "nothing.json")], "cannot be read (ENOENT)"],
  ])(
    "%p",
    (words, message) => {
      const { code, stderr } = run(script, ...words);
      expect({ code, lines: stderr.trim().split("\n").length }).toEqual({ code: 254, lines: 1 });
      expect(stderr).toContain(message);
    },
    TIMEOUT,
  );

  test(
    "formatting is not an edit",
    () => {
      const path = file("flat.json", JSON.stringify(report));
      const again = run(script, "--replay", path, "--json", "--quiet");
      removeKept(JSON.parse(again.stdout) as RunReport);
      expect(again.stderr).toBe("");
    },
    TIMEOUT,
  );
});

test("the place of a fault is the first character that cannot be there, or the end", () => {
  const report = readFileSync(join(ROOT, "package.json"), "utf8");
  expect(jsonFault(report)).toBeUndefined();
  const whole = JSON.stringify({ a: [1, -2.5e3, true, null, "\\u00e9\n\u007f"], b: {}, c: [] });
  expect(jsonFault(whole)).toBeUndefined();
  // Every beginning of it lacks its end.
  for (let end = 0; end < whole.length; end++) expect([end, jsonFault(whole.slice(0, end))]).toEqual([end, end]);
  for (const [text, at] of [
    ["{a:1}", 1],
    ["[1,]", 3],
    ["[1 2]", 3],
    ["{} {}", 3],
    ['{"a" 1}', 5],
    ["[01]", 2],
    ["tru3", 0],
    ['["\\x"]', 1],
    ["[1}", 2],
  ] as const)
    expect([text, jsonFault(text)]).toEqual([text, at]);
});
