/** The arithmetic of the comparison, and the C yardstick: the same plan, the same detections. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { resultLines } from "../../src/bench/append.ts";
import { interleave, median, orderOf } from "../../src/bench/interleave.ts";
import { compileTwin } from "../../src/bench/twin.ts";
import { chunksOfFile } from "../../src/workload/append/plan.ts";
import { needed } from "../needed.ts";

const MiB = 2 ** 20;

test("medians, and the verdict on a file system", () => {
  expect([median([3]), median([1, 9]), median([5, 1, 9])]).toEqual([3, 5, 5]);
  expect(() => median([])).toThrow("no values");
  const side = (name: string, work: number[]) => ({ name, figures: { work, "whole process": work, bytes: [1, 1] } });
  const five = (value: number) => [value, value, value, value, value];
  const { lines, answer } = resultLines("tmpfs", side("ours", five(12)), side("twin", five(10)));
  expect([lines.length, lines.at(-1), answer]).toEqual([8, "  whole process: goal >= 1.2: reached", "reached"]);
  expect(resultLines("tmpfs", side("ours", five(11)), side("twin", five(10))).answer).toBe("NOT reached");
  const noisy = resultLines("tmpfs", side("ours", [11, 20, 9, 15, 12]), side("twin", five(10)));
  expect([noisy.answer, noisy.lines.at(-2)]).toEqual([
    "too noisy to tell",
    "  whole process  ratio        too noisy to tell (0.90 to 2.00)",
  ]);
  const other = { name: "twin", figures: { work: [1, 1], "whole process": [1, 1], bytes: [1, 2] } };
  expect(() => resultLines("tmpfs", side("ours", [1, 1]), other)).toThrow("did not write the same bytes");
});

test("turns alternate, and who comes first changes", async () => {
  const order: string[] = [];
  const contender = (name: string) => ({
    name,
    run: (round: number) => {
      order.push(`${name}${round}`);
      return { x: round };
    },
  });
  const measured = await interleave([contender("a"), contender("b")], 3);
  expect(order).toEqual(["a0", "b0", "b1", "a1", "b2", "a2"]);
  expect(measured).toEqual(["a", "b"].map((name) => ({ name, figures: { x: [0, 1, 2] } })));
});

test("no contender always is in the same turn, nor always behind the same other", () => {
  const orders = Array.from({ length: 10 }, (_, round) => orderOf(round, 5));
  for (const one of [0, 1, 2, 3, 4]) {
    const turns = orders.map((order) => order.indexOf(one)).sort();
    expect(turns).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    const before = new Set(orders.map((order) => order[order.indexOf(one) - 1]));
    expect(before.size).toBeGreaterThanOrEqual(3);
  }
});

test.skipIf(needed("gcc", "liburing-dev"))(
  "the twin writes the plan of the run, finds damage, and leaves nothing",
  () => {
    using twin = compileTwin("append", ["uring"]);
    const directory = mkdtempSync("/dev/shm/bytewitness-twin-test-");
    try {
      const ran = Bun.spawnSync([twin.path, directory, "60", "4", "12345", "3"]);
      const ended = JSON.parse(ran.stdout.toString()) as Record<string, number>;
      const plan = { seed: 12345, fileBytes: 4 * MiB, chunkBytes: { min: MiB, max: 24 * MiB } };
      const bytes = [0, 1, 2].flatMap((file) => chunksOfFile(plan, file)).reduce((sum, length) => sum + length, 0);
      expect([ran.exitCode, ended.files, ended.bytes, readdirSync(directory)]).toEqual([0, 3, bytes, []]);
      // A limit on the file's size shortens what is written: no comparison with a broken yardstick.
      const limited = Bun.spawnSync(["sh", "-c", `ulimit -f 16; trap '' XFSZ; "$0" ${directory} 60 4 1 1`, twin.path]);
      expect([limited.exitCode, limited.stderr.toString()]).toEqual([255, "append-twin: writev: File too large\n"]);
      expect(Bun.spawnSync([twin.path, join(directory, "nowhere"), "1", "1", "1", "1"]).exitCode).toBe(255);
      expect(Bun.spawnSync([twin.path]).exitCode).toBe(254);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

test.skipIf(needed("gcc"))("a yardstick that does not compile gives the reason, on one line", () => {
  expect(() => compileTwin("no-such-twin")).toThrow(/^gcc no-such-twin\.c: .*No such file or directory$/);
});
