/** The least that could judge a megabyte is a measure only if it judges. */
import { expect, test } from "bun:test";
import { assertLeastJudges, LEAST, leastProgram } from "../../src/bench/start.ts";
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
