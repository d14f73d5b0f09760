/** SECONDS is kept: a run takes at most a tenth longer than it was asked to, next to the start-up of an empty run. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { needed } from "../needed.ts";
import { command } from "./command.ts";
import { flagsOf, REPRODUCERS } from "./flags.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-seconds-"));
afterAll(() => rmSync(directory, { recursive: true }));

async function wallSeconds(script: string, args: readonly string[], seconds: number): Promise<number> {
  const startMs = performance.now();
  const ran = await command(script, [...args, "--seconds", String(seconds), "--quiet", "--json"]);
  expect([0, 1, 125]).toContain(ran.code as number);
  return (performance.now() - startMs) / 1000;
}

const place = join(directory, "x");
const RUNS: readonly (readonly [seconds: number, script: string, ...args: string[]])[] = [
  [1, "uring-append", place],
  [1, "uring-append", place, "--jobs", "2"],
  [6, "uring-append", place, "--jobs", "2"],
  [6, "uring-append", place, "--jobs", "8"],
  [1, "uring-append", place, "--door", "all"],
  [1, "uring-append", place, "--fsync", "--async", "--queue-depth", "8"],
  [6, "uring-append", place, "--door", "all", "--pressure", "none"],
  [1, "splice-relay"],
  [1, "splice-relay", "--connections", "50"],
  [6, "splice-relay", "--connections", "50"],
  [1, "splice-relay", "--from", "unix", "--to", "unix"],
  [1, "gallery/nowait-append", directory],
  [6, "gallery/nowait-append", directory],
  [1, "gallery/append-tear", directory],
  [1, "gallery/append-tear", directory, "--control", "all"],
  [6, "gallery/append-tear", directory, "--control", "all"],
  [1, "gallery/memfd-position", "--rounds", "1000"],
  [1, "gallery/shared-position", directory, "--rounds", "1000"],
  [1, "gallery/shared-position-input", directory, "--rounds", "1000"],
  [1, "gallery/shared-position-ring", directory, "--rounds", "1000"],
];

test("every script that takes --seconds is timed here", async () => {
  const taking = await Promise.all(REPRODUCERS.map(async (name) => ("--seconds" in (await flagsOf(name)) ? name : [])));
  expect(taking.flat().sort()).toEqual([...new Set(RUNS.map(([, script]) => script))].sort());
});

/** A tenth; on a machine that has more than twice as much to do as it has processors, in proportion more. */
const ratioMax = () => 1.1 * Math.max(1, (loadavg()[0] as number) / availableParallelism() / 2);

/** A busy machine may hold a run up: the best of three counts, each next to an empty run of the same moment. */
test.each(RUNS.map(([seconds, ...words]) => [seconds, words] as const))(
  "%d s of %j",
  async (seconds, [script = "", ...args]) => {
    const over: number[] = [];
    const most = ratioMax();
    for (let attempt = 0; attempt < 3 && !over.some((ratio) => ratio <= most); attempt++) {
      const empty = await wallSeconds(script, args, 0.05);
      over.push(((await wallSeconds(script, args, seconds)) - empty) / seconds);
    }
    expect(Math.min(...over)).toBeLessThanOrEqual(most);
  },
);

/** Where the last case is cut short, its clean-up is in the budget too. */
test.each([
  [1, "uring-append,append-tear"],
  [6, "uring-append,append-tear"],
  [6, "splice-relay,nowait-append,memfd-position"],
])("a survey with a budget of %d s: %s", async (seconds, only) => {
  const wall = async (...words: string[]) => {
    const startMs = performance.now();
    expect([0, 1, 125]).toContain((await command("survey", ["--only", only, "--json", ...words])).code as number);
    return (performance.now() - startMs) / 1000;
  };
  const over: number[] = [];
  const most = ratioMax();
  for (let attempt = 0; attempt < 3 && !over.some((ratio) => ratio <= most); attempt++) {
    const empty = await wall("--list");
    over.push(((await wall("--budget", `${seconds}s`)) - empty) / seconds);
  }
  expect(Math.min(...over)).toBeLessThanOrEqual(most);
});

test.skipIf(needed("root", "mkfs.xfs"))("1 s of uring-append on an XFS of its own", async () => {
  const empty = await wallSeconds("uring-append", [], 0.05);
  expect((await wallSeconds("uring-append", [], 1)) - empty).toBeLessThanOrEqual(ratioMax() + empty);
});
