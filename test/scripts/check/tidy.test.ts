/** Every rule of tidy, seen failing on a made-up tree; and this repository, which must pass all of them. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { importsOf, tidy } from "../../../scripts/check/tidy.ts";
import { madeUpTree } from "./made-up.ts";

const HEADER = "/** Owns nothing. */\n";
const SMALL: Readonly<Record<string, string>> = {
  "src/sys/a.ts": `${HEADER}import { dlopen } from "bun:ffi";\nexport const a = dlopen;\n`,
  "src/ops/b.ts": `${HEADER}import { a } from "../sys/a.ts";\nexport const b = a;\n`,
  "src/judge/finding.ts": `${HEADER}export type Finding = number;\nexport const kinds = 9;\n`,
  "src/report/text.ts": `${HEADER}import type { Finding } from "../judge/finding.ts";\nexport const text = (f: Finding) => f;\n`,
  "test/sys/a.test.ts": `${HEADER}expect(1).toBe(1);\n`,
  "test/ops/b.test.ts": `${HEADER}expect(1).toBe(1);\n`,
  "test/judge/finding.test.ts": `${HEADER}expect(1).toBe(1);\n`,
  "test/report/text.test.ts": `${HEADER}expect(1).toBe(1);\n`,
  "scripts/go.ts": `#!/usr/bin/env bun\n${HEADER}import { b } from "bytewitness";\nconsole.log(b);\n`,
  "package.json": `{ "scripts": { "go.ts": "bun scripts/go.ts" } }`,
};

/** The problems about SMALL with `changes` made to it; null takes a file away. */
function problemsIn(changes: Readonly<Record<string, string | null>>): string[] {
  const files = Object.entries({ ...SMALL, ...changes }).filter((file): file is [string, string] => file[1] !== null);
  using tree = madeUpTree(Object.fromEntries(files));
  return tidy(tree.path);
}

const code = (body: string) => ({ "src/ops/b.ts": `${HEADER}${body}\n` });

test("the small tree is tidy, so that each problem below has one cause", () => {
  expect(problemsIn({})).toEqual([]);
});

test("this repository is tidy", () => {
  expect(tidy(join(import.meta.dir, "../../.."))).toEqual([]);
});

test("imports are seen with and without types, spread over lines, dynamic and in the place of a type", () => {
  const text = [
    'import type { A } from "./a.ts";',
    'import { type B } from "./b.ts";',
    'import c from "c";',
    'export * from "./d.ts";',
    'export type {\n  E,\n} from "./e.ts";',
    'import type F from "./f.ts";',
    "export type Row<T extends {}> = { type: T };",
    'const g = await import("./g.ts");',
    'let h: import("./h.ts").H;',
    "const prose = 'import x from \"./prose.ts\"';",
  ].join("\n");
  const seen = Object.fromEntries(importsOf(text).map(({ path, typesOnly }) => [path, typesOnly]));
  expect(seen).toEqual({
    "./a.ts": true,
    "./b.ts": true,
    c: false,
    "./d.ts": false,
    "./e.ts": true,
    "./f.ts": true,
    "./g.ts": false,
    "./h.ts": true,
  });
});

test.each([
  ["src/sys/a.ts", "../ops/b.ts", "sys may not import ops"],
  ["src/ops/b.ts", "../cli/args.ts", "ops may not import cli"],
  ["src/judge/finding.ts", "../sys/libc.ts", "judge may not import sys"],
  ["src/report/text.ts", "../judge/judge.ts", "report may import only types of judge"],
  ["src/ops/b.ts", "../index.ts", "ops may not import from outside the rooms"],
  ["src/ops/b.ts", "bytewitness", "only scripts go through the door"],
  ["src/ops/b.ts", "bun:ffi", "only src/sys may"],
  ["src/ops/b.ts", "consola", "only src/cli may"],
  ["src/ops/b.ts", "consola/core", "only src/cli may"],
  ["src/ops/b.ts", "left-pad", "not a package of this project"],
  ["src/judge/finding.ts", "node:fs", "judge is pure"],
  ["test/ops/b.test.ts", "bun:ffi", "only src/sys may"],
  ["scripts/go.ts", "../src/ops/b.ts", 'scripts import only "bytewitness"'],
])("%s may not import %s", (file, path, wrong) => {
  const text = `${HEADER}import { x } from "${path}";\nexpect(x);\n`;
  expect(problemsIn({ [file]: text })).toEqual([`${file}:2: import of ${path}: ${wrong}`]);
});

test("judge may import the hot loops of sys, and no other file there", () => {
  const text = `${HEADER}import { scan } from "../sys/loops.ts";\nexport const s = scan;\n`;
  expect(problemsIn({ "src/judge/finding.ts": text })).toEqual([]);
});

test("a file that does not parse is a problem, not a crash", () => {
  expect(problemsIn(code("export const = ;"))).toEqual(["src/ops/b.ts:1: does not parse: the compiler shows where"]);
});

test("files end at their limit", () => {
  const lines = (count: number) => HEADER + "export {};\n".repeat(count - 1);
  expect(problemsIn({ "src/ops/b.ts": lines(300), "scripts/go.ts": lines(200) })).toEqual([]);
  expect(problemsIn({ "src/ops/b.ts": lines(301), "scripts/go.ts": lines(201) })).toEqual([
    "scripts/go.ts:201: too long: 201 lines, at most 200",
    "src/ops/b.ts:301: too long: 301 lines, at most 300",
  ]);
});

test("each module, script, C file and shell script opens with a header", () => {
  const bare = { "src/ops/b.ts": "export {};\n", "c/x.c": "int x;\n", "scripts/s.sh": "#!/bin/sh\nls\n" };
  const detail = "1: no header: write in a comment what it owns and what it refuses";
  expect(problemsIn(bare)).toEqual([`c/x.c:${detail}`, `scripts/s.sh:${detail}`, `src/ops/b.ts:${detail}`]);
});

test.each([
  ["path of one machine", `const p = "/ro${"ot"}/x";`, "/ro" + "ot/"],
  ["host of a registry", `const u = "https://registry.npm${"js"}.org";`, "registry.npm" + "js"],
  ["unfinished work", `// TO${"DO"}: later`, "TO" + "DO"],
  ["silenced compiler", `// @ts-ig${"nore"}`, "@ts-ig" + "nore"],
])("no %s", (rule, line, found) => {
  expect(problemsIn(code(line))).toEqual([`src/ops/b.ts:2: ${rule}: ${found}`]);
});

test("a path of one machine is found in prose too, a relative one is none", () => {
  const text = `See /ho${"me"}/me/x.\nSee ../wo${"rk"}/x and node_modules/ro${"ot"}/x.\n`;
  expect(problemsIn({ "README.md": text })).toEqual([`README.md:1: path of one machine: /ho${"me"}/`]);
});

test("the pure rooms have no clock, and may speak of one", () => {
  const prose = `${HEADER}// Date.now() would be wrong here.\nexport const t = 1; // nor Math.ran${"dom"}()\n`;
  expect(problemsIn({ "src/judge/finding.ts": prose })).toEqual([]);
  const impure = `${HEADER}export const t = Date.now();\n`;
  expect(problemsIn({ "src/judge/finding.ts": impure })).toEqual(["src/judge/finding.ts:2: impure room: Date.now"]);
});

test("what a test is made of comes from a seed", () => {
  const chance = { "test/ops/b.test.ts": `${HEADER}expect(Math.ran${"dom"}()).toBe(1);\ntest("x", () => {});\n` };
  expect(problemsIn(chance)).toEqual([`test/ops/b.test.ts:2: randomness without a seed: Math.ran${"dom"}(`]);
});

test("a test must expect something, and must not run alone", () => {
  const idle = { "test/ops/b.test.ts": `${HEADER}test("x", () => {});\n` };
  expect(problemsIn(idle)).toEqual(["test/ops/b.test.ts:1: test without an expectation"]);
  const alone = { "test/ops/b.test.ts": `${HEADER}test.on${"ly"}("x", () => expect(1).toBe(1));\n` };
  expect(problemsIn(alone)).toEqual([`test/ops/b.test.ts:2: test run alone: test.on${"ly"}`]);
});

test("what a run left in the root is seen", () => {
  const left = { "bytewitness-x-evidence-1/bad.0": "" };
  expect(problemsIn(left)).toEqual(["bytewitness-x-evidence-1/bad.0: in no directory of this repository"]);
});

test("a room must be known and have tests", () => {
  expect(problemsIn({ "src/attic/x.ts": HEADER, "test/attic/x.test.ts": `${HEADER}expect(1);\n` })).toEqual([
    "src/attic: unknown room: add it to ROOMS with what it may import",
  ]);
  expect(problemsIn({ "test/ops/b.test.ts": null })).toEqual(["src/ops: room without tests: test/ops/ has none"]);
});

test("scripts and the commands of package.json are the same", () => {
  expect(problemsIn({ "scripts/stop.ts": HEADER })).toEqual(["scripts/stop.ts: not mapped in package.json"]);
  const scripts = { "go.ts": "bun scripts/go.ts", "gone.ts": "bun scripts/gone.ts", odd: "bun scripts/go.ts" };
  expect(problemsIn({ "package.json": JSON.stringify({ scripts }) })).toEqual([
    'package.json: script "gone.ts": no scripts/gone.ts',
    'package.json: script "odd" is "bun scripts/go.ts", not "bun scripts/odd"',
  ]);
});

test("what .gitignore names, what others wrote, and fixtures are not judged", () => {
  const odd = { "results/x.ts": "x\n", "node_modules/p/y.ts": "y\n", "test/ops/fixtures/z.ts": "z\n" };
  const foreign = { ".gitignore": "results/\n", ...odd };
  expect(problemsIn(foreign)).toEqual([]);
});
