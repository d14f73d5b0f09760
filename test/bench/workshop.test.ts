/** What a benchmark makes goes with it, also when it is killed: program, file and directory. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../until.ts";

const SCRIPT = `
  import { writeFileSync } from "node:fs";
  import { Workshop } from "${import.meta.dir}/../../src/bench/workshop.ts";
  const workshop = new Workshop(process.argv[1] + "/bench-");
  writeFileSync(workshop.file("config"), "some words");
  writeFileSync(workshop.path + "/program", "made by a compiler");
  workshop.made(workshop.path + "/program");
  console.log(workshop.path);
  if (process.argv[2] !== "ends") await Bun.stdin.text();
`;

test.each(["ends", "is killed"])("a benchmark that %s", async (how) => {
  const directory = mkdtempSync(join(tmpdir(), "bytewitness-workshop-"));
  const child = Bun.spawn([process.execPath, "-e", SCRIPT, directory, how], { stdio: ["pipe", "pipe", "inherit"] });
  const { value } = await child.stdout.getReader().read();
  expect(Buffer.from(value ?? []).toString()).toStartWith(`${directory}/bench-`);
  if (how === "is killed") child.kill("SIGKILL");
  await child.exited;
  // The guard is a process of its own.
  await until("nothing is left", () => readdirSync(directory).length === 0);
  rmSync(directory, { recursive: true });
});

test("a file of somebody else's in there stays when the benchmark is killed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bytewitness-workshop-"));
  const child = Bun.spawn([process.execPath, "-e", SCRIPT, directory, "is killed"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { value } = await child.stdout.getReader().read();
  const place = Buffer.from(value ?? [])
    .toString()
    .trim();
  writeFileSync(join(place, "theirs"), "mine");
  child.kill("SIGKILL");
  await child.exited;
  await until("ours is gone", () => readdirSync(place).length === 1);
  expect(readdirSync(place)).toEqual(["theirs"]);
  rmSync(directory, { recursive: true });
});
