/** Files of a run's own: where they go, that they go away, and that evidence stays. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import { UsageError } from "../../src/cli/args.ts";
import { scratchFile, workDirectory } from "../../src/place/scratch-file.ts";
import { Tally } from "../../src/workload/tally.ts";

let directory = "";
const before = process.env.BYTEWITNESS_DIR;

beforeEach(() => {
  directory = mkdtempSync(`${os.tmpdir()}/scratch-file-`);
  delete process.env.BYTEWITNESS_DIR;
});
afterEach(() => {
  rmSync(directory, { recursive: true });
  if (before !== undefined) process.env.BYTEWITNESS_DIR = before;
});

/** A run that only remembers what to undo. */
function fakeRun() {
  const undo: (() => unknown)[] = [];
  return { defer: (step: () => unknown) => void undo.push(step), end: () => undo.reverse().map((step) => step()) };
}

test("the directory given, else BYTEWITNESS_DIR, else the system's", () => {
  expect(workDirectory(undefined)).toBe(os.tmpdir());
  process.env.BYTEWITNESS_DIR = "";
  expect(workDirectory(undefined)).toBe(os.tmpdir());
  process.env.BYTEWITNESS_DIR = "/mnt/test";
  expect(workDirectory(undefined)).toBe("/mnt/test");
  expect(workDirectory(directory)).toBe(directory);
  delete process.env.BYTEWITNESS_DIR;
});

test("files have names of their own; at the end all go but the kept one, each exactly once", () => {
  const run = fakeRun();
  const [a, b, c] = [1, 2, 3].map(() => scratchFile(run, { directory, name: "x" }));
  if (a === undefined || b === undefined || c === undefined) throw new Error("three files were asked for");
  expect(new Set([a.path, b.path, c.path]).size).toBe(3);
  const kept = b.keep();
  c.remove();
  expect([a.path, kept, c.path].map((path) => existsSync(path))).toEqual([true, true, false]);
  run.end();
  expect([a.path, kept, c.path].map((path) => existsSync(path))).toEqual([false, true, false]);
  expect([a, b, c].map(({ fd }) => fd.closed)).toEqual([true, true, true]);
});

test("evidence of a run is in one directory next to the files, under names of its own, and nothing else is left", () => {
  const run = fakeRun();
  const files = [1, 2].map(() => scratchFile(run, { directory, name: "x" }));
  for (const { fd } of files) writeSync(fd.number, "bad");
  const kept = files.map((file) => file.keep());
  expect(files.map((file) => file.keep())).toEqual(kept);
  run.end();
  const [evidence = "", ...others] = readdirSync(directory);
  expect(others).toEqual([]);
  expect(evidence).toMatch(/^bytewitness-.+-evidence-/);
  expect(kept).toEqual(files.map(({ path }) => path.replace(directory, `${directory}/${evidence}`)));
  expect(kept.map((path) => readFileSync(path, "utf8"))).toEqual(["bad", "bad"]);
});

test("a place that is not for evidence keeps none: the copy is the run's to make, the file goes", () => {
  const kept: string[] = [];
  const tally = new Tally();
  tally.vanishing(directory);
  const run = { ...fakeRun(), tally };
  const file = scratchFile(run, { directory, name: "x" });
  kept.push(file.keep());
  expect(kept).toEqual([file.path]);
  expect(tally.kept).toEqual({ staying: [], vanishing: [file.path] });
  run.end();
  expect(readdirSync(directory)).toEqual([]);
});

test("a directory that takes no files is a bad argument with the kernel's words", () => {
  const bad = (path: string) => () => scratchFile(fakeRun(), { directory: path, name: "x" });
  expect(bad(`${directory}/missing`)).toThrow(UsageError);
  expect(bad(`${directory}/missing`)).toThrow("ENOENT");
  expect(bad("/dev/null")).toThrow("ENOTDIR");
});
