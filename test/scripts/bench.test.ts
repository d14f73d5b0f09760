/** bench.ts dispatches, refuses what it does not know, and its verify benchmark proves its contenders before it measures. */
import { expect, test } from "bun:test";
import { needed } from "../needed.ts";
import { command } from "./command.ts";

const USAGE = "usage: bun run bench.ts verify|append|relay [flags]";

test("an unknown benchmark is one line and 254", async () => {
  const unknown = await command("bench", ["toString"]);
  expect([unknown.code, unknown.stderr]).toEqual([254, `bench: no benchmark is called toString; ${USAGE}\n`]);
  const none = await command("bench", []);
  expect([none.code, none.stderr]).toEqual([254, `${USAGE}\n`]);
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
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
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
