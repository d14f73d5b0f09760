/**
 * Texts as the project prints them, kept next to the test in golden/NAME.txt.
 *
 * Owns the comparison, which only reads (the runner's own snapshots open their file for writing, and a checkout may be
 * somebody else's), and writing them anew: BYTEWITNESS_GOLDEN=write bun test.
 */
import { expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function expectGolden(directory: string, name: string, text: string): void {
  const path = join(directory, "golden", `${name}.txt`);
  if (process.env.BYTEWITNESS_GOLDEN === "write") {
    mkdirSync(join(directory, "golden"), { recursive: true });
    writeFileSync(path, text);
  }
  expect(text).toBe(readFileSync(path, "utf8"));
}
