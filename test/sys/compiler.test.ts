/** The environment that is changed for Bun's compiler is read by other threads at any time. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { childValue } from "../ops/child.ts";

// With unsetenv(3) in place of a value they saw none, and some of such processes died of address 0.
test("Workers that start while something is compiled find an environment that holds", async () => {
  const path = join(import.meta.dir, "fixtures", "starting-workers.ts");
  const answer = await childValue("", [], { path, timeoutMs: 240_000 });
  expect(answer).toEqual({ compiled: true, seen: [process.env.BUN_TMPDIR || process.env.TMPDIR || "/tmp"] });
}, 300_000);
