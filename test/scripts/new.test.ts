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

/** A question of its own, in the place of the template's: copy_file_range with offsets, then mremap of the copy. */
const OWN = (head: string, door: string) => `${head}
import { allocate, copyFileRange, counter, judgeBytes, judgeFile, mapFile, mremap, runReproducer, scratchFile, write } from "${door}";

const BYTES = 256 * 1024;

await runReproducer({
  name: "copied-range",
  summary: "copy_file_range: is the copy what was written, read and mapped?",
  positionals: { dir: { kind: "path", optional: true, description: "where files go" } },
  racyPath: "a sequence of calls, no race",
  run: (run) => {
    const { tally } = run;
    const pattern = counter({ generation: run.random("generation").below(9) });
    const source = scratchFile(run, { directory: run.args.dir, name: "source" });
    const copy = scratchFile(run, { directory: run.args.dir, name: "copy" });
    using buffer = allocate(BYTES);
    pattern.fill(buffer.bytes, 0);
    tally.wrote("write", BYTES, write(source.fd, buffer));

    const options = { lengthBytes: BYTES, fromOffsetBytes: 0, toOffsetBytes: 0 };
    tally.wrote("copy_file_range", BYTES, copyFileRange(source.fd, copy.fd, options));
    using moved = mremap(mapFile(copy.fd, { lengthBytes: BYTES / 2 }), { lengthBytes: BYTES });

    tally.judged(judgeFile(copy.path, { pattern, expectBytes: BYTES }), { file: copy });
    tally.judged(judgeBytes(moved.bytes, { pattern, expectBytes: BYTES }), { file: copy });
    tally.tried();
  },
});
`;

test("30 lines of one's own in an empty folder run, and their replay line works as printed", () => {
  const path = `${directory}/copied-range.ts`;
  expect(run("run", "new.ts", path).code).toBe(0);
  const template = readFileSync(path, "utf8");
  const door = /from "([^"]+)";/.exec(template)?.[1] ?? "";
  const text = OWN(template.slice(0, template.indexOf("import")).trimEnd(), door);
  expect(text.slice(text.indexOf("import")).trimEnd().split("\n").length).toBeLessThanOrEqual(32);
  writeFileSync(path, text);
  const env = { ...process.env, TMPDIR: directory };
  const there = (...words: string[]) => Bun.spawnSync(words, { cwd: directory, env, timeout: 60_000 });
  const first = there(process.execPath, "copied-range.ts", "--json");
  const report = JSON.parse(first.stdout.toString());
  expect([first.exitCode, report.verdict]).toEqual([0, "clean"]);
  expect(report.totals).toMatchObject({ bytesWritten: 524_288, bytesVerified: 524_288, files: 2, calls: 2 });
  // As a person pastes it, where the first run was.
  const again = there("sh", "-c", `PATH="$(dirname "${process.execPath}"):$PATH"; ${report.replay} --json`);
  const repeated = JSON.parse(again.stdout.toString());
  expect([again.exitCode, repeated.seed, repeated.replay]).toEqual([0, report.seed, report.replay]);
}, 60_000);
