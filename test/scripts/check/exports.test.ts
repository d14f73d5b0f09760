/** Dead exports and names for two things, seen on a made-up tree; and this repository, which has neither. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { exportProblems } from "../../../scripts/check/exports.ts";
import { filesUnder } from "../../../scripts/check/tidy.ts";
import { madeUpTree } from "./made-up.ts";

function problemsIn(files: Readonly<Record<string, string>>): string[] {
  using tree = madeUpTree(files);
  return exportProblems(tree.path, filesUnder(tree.path));
}

test("this repository has no dead export and no name for two things", () => {
  const root = join(import.meta.dir, "../../..");
  expect(exportProblems(root, filesUnder(root))).toEqual([]);
});

const UNUSED = { "src/ops/a.ts": "/** Owns a. */\nexport function unused() {}\nexport type Free = 1;\n" };

test("a value that nothing imports is dead; a type may be there for a signature", () => {
  expect(problemsIn(UNUSED)).toEqual(["src/ops/a.ts:2: dead export: nothing imports unused"]);
});

test.each([
  'import { unused } from "../../src/ops/a.ts";',
  'import {\n  type Free,\n  unused as mine,\n} from "../../src/ops/a.ts";',
  'import * as whole from "../../src/ops/a.ts";',
  'const { unused } = await import("../../src/ops/a.ts");',
  'const worker = new URL("../../src/ops/a.ts", import.meta.url);',
  ["const any = await import(`../../src/ops/", "{name}.ts`);"].join("$"),
])("it is used by %s", (use) => {
  expect(problemsIn({ ...UNUSED, "test/ops/a.test.ts": use })).toEqual([]);
});

test("another name of the same file is not a use of it", () => {
  const other = 'import { Free } from "../../src/ops/a.ts";';
  expect(problemsIn({ ...UNUSED, "test/ops/a.test.ts": other }).length).toBe(1);
});

test("the tables that are transcribed from headers are left out", () => {
  expect(problemsIn({ "src/sys/uapi/fcntl.ts": "export const O_PATH = 1;\n" })).toEqual([]);
});

const TWO = {
  "src/ops/file.ts": "export function read() {}\nexport interface Range {}\n",
  "src/lab/span.ts": "\nexport interface Range {}\n",
  "test/ops/a.test.ts": 'import { type Range, read } from "../../src/ops/file.ts";',
};

test("one name for two things is named, with both places", () => {
  expect(problemsIn(TWO)).toEqual(["src/ops/file.ts:2: Range is also the name of something else: src/lab/span.ts:2"]);
});

test.each([
  ["a name that is not exported", { "src/lab/span.ts": "\ninterface Range {}\n" }],
  ["a class and a type", { "src/lab/span.ts": "\nclass Range {}\n" }],
  [
    "a word of the stream judge",
    { "src/lab/span.ts": "", "src/judge/stream/ranges.ts": "\nexport interface Range {}\n" },
  ],
])("%s counts as well", (_, more) => {
  expect(problemsIn({ ...TWO, ...more }).map((line) => line.slice(line.indexOf(": ") + 2))).toEqual([
    expect.stringContaining("Range is also the name of something else"),
  ]);
});

test("a call and its request in a ring have one name", () => {
  const request = { "src/ops/ring/request.ts": "export function read() {}\n", "src/lab/span.ts": "" };
  const uses = 'import { read } from "../../src/ops/file.ts"; import * as sqe from "../../src/ops/ring/request.ts";';
  expect(problemsIn({ ...TWO, ...request, "test/ops/a.test.ts": uses })).toEqual([]);
});
