/** bench.ts dispatches, refuses what it does not know, and its verify benchmark proves its contenders before it measures. */
import { expect, test } from "bun:test";
import { needed } from "../needed.ts";
import { command } from "./command.ts";

test("an unknown benchmark is one line and 254", async () => {
  const unknown = await command("bench", ["toString"]);
  expect(unknown.code).toBe(254);
  expect(unknown.stderr).toBe(
    'bench: bench has no "toString": it has verify, append, relay, journal, start, first-finding\n',
  );
  const none = await command("bench", []);
  expect(none.code).toBe(254);
  expect(none.stderr).toBe(
    "bench: say which: verify, append, relay, journal, start, first-finding; --help shows what each does\n",
  );
  const late = await command("bench", ["--rounds", "3", "verify"]);
  expect([late.code, late.stderr]).toEqual([254, "bench: verify comes first: bun run bench.ts verify …\n"]);
  const help = await command("bench", ["verify", "--help"]);
  expect([help.code, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toContain("USAGE bun run bench.ts verify [OPTIONS]");
  const flag = await command("bench", ["verify", "--bogus", "1"]);
  expect([flag.code, flag.stdout]).toEqual([254, ""]);
});

test.skipIf(needed("gcc"))(
  "verify: every table has every contender",
  async () => {
    const { code, stdout, stderr } = await command("bench", [
      "verify",
      "--rounds",
      "1",
      "--turn-ms",
      "1",
      "--file-mib",
      "4",
    ]);
    // One turn decides no goal, and 125 is for what was not decided.
    expect({ code, stderr }).toEqual({ code: 125, stderr: "" });
    expect(stdout).toContain("too few turns to tell");
    const lines = stdout.split("\n");
    for (const title of [
      "counter, 512 KiB hot",
      "tagged, 512 KiB hot",
      "counter, 96 MiB",
      "tagged, 96 MiB",
      "4 MiB file",
    ]) {
      expect(lines.filter((line) => line.startsWith(title)).length).toBe(1);
    }
    expect(lines.filter((line) => line.startsWith("  ours ")).length).toBe(4);
    expect(lines.filter((line) => line.startsWith("  ours, TypeScript only")).length).toBe(4);
  },
  60_000,
);
