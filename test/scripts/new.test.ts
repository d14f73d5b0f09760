/** new.ts as a process: what it writes runs at once, ends 0, is typed and formatted; nothing is ever overwritten. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { needed } from "../needed.ts";

const ROOT = `${import.meta.dir}/../..`;
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(`${os.tmpdir()}/new-`);
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(...words: string[]) {
  const env = { ...process.env, TMPDIR: directory };
  const child = Bun.spawnSync([process.execPath, ...words], { cwd: ROOT, timeout: 60_000, env });
  return { out: child.stdout.toString(), err: child.stderr.toString(), code: child.exitCode };
}

test("a new script outside the package finds the package, runs at once, verifies something and ends 0", () => {
  const path = `${directory}/fsync-gap.ts`;
  expect(run("run", "new.ts", path).code).toBe(0);
  const { out, code } = run(path, directory, "--seconds", "3", "--json", "--seed", "5");
  const report = JSON.parse(out);
  expect({ code, tool: report.tool, verdict: report.verdict }).toEqual({
    code: 0,
    tool: "fsync-gap",
    verdict: "clean",
  });
  expect(report.totals.bytesVerified).toBeGreaterThan(0);
  expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
  expect(readFileSync(path, "utf8")).not.toMatch(/[{]{2}|[}]{2}"/);
  expect(run(path, "--help").out).toContain("fsync-gap");
});

test.skipIf(needed("a writable checkout"))(
  "a new script inside the package passes the linter and the compiler as it is",
  () => {
    const path = `${ROOT}/test/new-${process.pid}.ts`;
    try {
      const { out, code } = run("run", "new.ts", `./test/new-${process.pid}`);
      expect({ code, out }).toEqual({
        code: 0,
        out: `wrote test/new-${process.pid}.ts; try it: bun test/new-${process.pid}.ts\n`,
      });
      expect(run("node_modules/.bin/biome", "check", path).code).toBe(0);
      expect(run("node_modules/.bin/tsc", "-p", ".").out).not.toContain(`new-${process.pid}`);
      expect(run(path, directory, "--seconds", "3", "--quiet").code).toBe(0);
    } finally {
      rmSync(path);
    }
  },
);

test("an existing file, a bad name and a missing name are bad arguments, and nothing is touched", () => {
  const path = `${directory}/there.ts`;
  writeFileSync(path, "mine");
  const existing = run("run", "new.ts", path);
  expect(existing.code).toBe(254);
  expect(existing.err).toContain("EEXIST");
  expect(readFileSync(path, "utf8")).toBe("mine");
  for (const name of ["Bad Name", "x/../Y", "", "--bogus"]) expect(run("run", "new.ts", name).code).toBe(254);
  expect(run("run", "new.ts").code).toBe(254);
  expect(existsSync(`${ROOT}/scripts/Bad Name.ts`)).toBe(false);
});
