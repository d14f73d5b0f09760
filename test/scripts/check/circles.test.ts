/** Circles of imports, seen on a made-up tree; and this repository, which has none. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { circleProblems } from "../../../scripts/check/circles.ts";
import { filesUnder } from "../../../scripts/check/tidy.ts";
import { madeUpTree } from "./made-up.ts";

function problemsIn(files: Readonly<Record<string, string>>): string[] {
  using tree = madeUpTree(files);
  return circleProblems(tree.path, Object.keys(files));
}

test("this repository has no circle", () => {
  const root = join(import.meta.dir, "../../..");
  expect(circleProblems(root, filesUnder(root))).toEqual([]);
});

const BACK = 'import { a } from "./a.ts";\nexport const b = a;\n';

test.each([
  'import { b } from "./b.ts";\nexport const a = b;\n',
  'import {\n  type B,\n  b,\n} from "./b.ts";\nexport const a = b;\n',
  'import * as all from "./b.ts";\nexport const a = all;\n',
  'export { b } from "./b.ts";\nexport const a = 1;\n',
  'import "./b.ts";\nexport const a = 1;\n',
])("two files that load each other: %j", (a) => {
  expect(problemsIn({ "src/ops/a.ts": a, "src/ops/b.ts": BACK })).toEqual([
    "src/ops/a.ts: import circle: src/ops/a.ts -> src/ops/b.ts -> src/ops/a.ts",
  ]);
});

test.each([
  'import type { B } from "./b.ts";\nexport const a = 1 as B;\n',
  'import { type B, type C } from "./b.ts";\nexport const a = 1 as B & C;\n',
  'export const a = async () => (await import("./b.ts")).b;\n',
])("types and late imports make none: %j", (a) => {
  expect(problemsIn({ "src/ops/a.ts": a, "src/ops/b.ts": BACK })).toEqual([]);
});

test("a circle of three that is entered from outside is found once", () => {
  const files = {
    "src/ops/begin.ts": 'import { a } from "./a.ts";\nexport const begin = a;\n',
    "src/ops/a.ts": 'import { b } from "./b.ts";\nexport const a = b;\n',
    "src/ops/b.ts": 'import { c } from "./c.ts";\nexport const b = c;\n',
    "src/ops/c.ts": 'import { a } from "./a.ts";\nexport const c = a;\n',
  };
  expect(problemsIn(files)).toEqual([
    "src/ops/a.ts: import circle: src/ops/a.ts -> src/ops/b.ts -> src/ops/c.ts -> src/ops/a.ts",
  ]);
});
