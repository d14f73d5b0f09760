/** The least that could judge a megabyte is a measure only if it judges. */
import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertLeastJudges, emptyModules, LEAST, leastProgram, modulesOf } from "../../src/bench/start.ts";
import { Workshop } from "../../src/bench/workshop.ts";
import { openMemfd } from "../../src/ops/file.ts";
import { allocate, MiB } from "../../src/ops/memory.ts";
import { counter } from "../../src/pattern/counter.ts";

test("the least program sees one wrong bit, and one that sees none is refused", () => {
  using memory = allocate(MiB);
  using file = openMemfd("megabyte");
  counter().fill(memory.bytes, 0);
  const path = `/proc/${process.pid}/fd/${file.number}`;
  assertLeastJudges(memory, path);
  // Afterwards the file is as it was.
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, "-e", leastProgram(path)], { cwd: "/" });
  expect([exitCode, stdout.toString()]).toEqual([0, `CLEAN ${MiB} bytes\n`]);
  // Of bytes that are wrong before the bit is turned, no answer can be right.
  memory.bytes[0] = 1;
  expect(() => assertLeastJudges(memory, path)).toThrow(`${LEAST} ended 1 and 1`);
}, 120_000);

test("the empty modules are as many as asked for, and a script's are counted", async () => {
  for (const count of [1, 2, 68]) {
    using workshop = new Workshop(join(tmpdir(), "modules-"));
    const root = emptyModules(workshop, count);
    expect(((await import(root)) as { n: number }).n).toBe(count);
    // The root is counted with what is below it.
    expect(modulesOf(root, [], workshop.path)).toBe(count);
  }
  expect(() => modulesOf("/no/such/script.ts", [])).toThrow("/no/such/script.ts ended");
}, 120_000);
