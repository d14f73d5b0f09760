/** 10,000 open/close cycles of everything that has a descriptor or a mapping: nothing stays. */
import { expect, test } from "bun:test";
import { childValue } from "./child.ts";

test.each(["file", "refused", "pipe", "ring", "ring in flight"])("10,000 cycles of: %s", async (kind) => {
  const { grownKB, ...left } = (await childValue("cycles.ts", [kind, "10000"], { timeoutMs: 110_000 })) as {
    fds: number;
    maps: number;
    used: number;
    grownKB: number;
  };
  expect(left).toMatchObject({ fds: 0, maps: 0, used: 0 });
  // One lost page per cycle would be 40,000 kB; the garbage collector's own heap may move a little.
  expect(grownKB).toBeLessThan(16_384);
});
