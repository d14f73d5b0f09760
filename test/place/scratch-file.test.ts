/** Files of a run's own: where they go, that they go away, and that evidence stays. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { UsageError } from "../../src/cli/args.ts";
import { scratchFile, workDirectory } from "../../src/place/scratch-file.ts";

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
  b.keep();
  c.remove();
  expect([a, b, c].map(({ path }) => existsSync(path))).toEqual([true, true, false]);
  run.end();
  expect([a, b, c].map(({ path }) => existsSync(path))).toEqual([false, true, false]);
  expect([a, b, c].map(({ fd }) => fd.closed)).toEqual([true, true, true]);
});

test("a directory that takes no files is a bad argument with the kernel's words", () => {
  const bad = (path: string) => () => scratchFile(fakeRun(), { directory: path, name: "x" });
  expect(bad(`${directory}/missing`)).toThrow(UsageError);
  expect(bad(`${directory}/missing`)).toThrow("ENOENT");
  expect(bad("/dev/null")).toThrow("ENOTDIR");
});
