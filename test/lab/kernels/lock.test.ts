/** Labs at the same time: one of them makes what all of them want, and a dead one keeps no one waiting. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = `
  import { existsSync, mkdirSync, appendFileSync, renameSync } from "node:fs";
  import { withLock } from "${import.meta.dir}/../../../src/lab/kernels/cache.ts";
  const [, directory, how] = process.argv;
  const place = directory + "/kernel";
  await withLock("kernel", async () => {
    console.log("in");
    if (how === "hangs") await Bun.stdin.text();
    if (existsSync(place)) return;
    appendFileSync(directory + "/log", "made\\n");
    // As unpacking does; a second one here would fail.
    mkdirSync(directory + "/partial");
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    renameSync(directory + "/partial", place);
  });
`;

const start = (directory: string, how: string) =>
  Bun.spawn([process.execPath, "-e", SCRIPT, directory, how], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, XDG_CACHE_HOME: directory },
  });

test("four at once: one makes it, all end well", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bytewitness-lock-"));
  const labs = Array.from({ length: 4 }, () => start(directory, "works"));
  expect(await Promise.all(labs.map((lab) => lab.exited))).toEqual([0, 0, 0, 0]);
  expect(readFileSync(join(directory, "log"), "utf8")).toBe("made\n");
  rmSync(directory, { recursive: true });
});

test("one that is killed inside keeps no one out", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bytewitness-lock-"));
  const first = start(directory, "hangs");
  expect(Buffer.from((await first.stdout.getReader().read()).value ?? []).toString()).toBe("in\n");
  const others = [start(directory, "works"), start(directory, "works")];
  first.kill("SIGKILL");
  expect(await Promise.all(others.map((lab) => lab.exited))).toEqual([0, 0]);
  expect(readFileSync(join(directory, "log"), "utf8")).toBe("made\n");
  rmSync(directory, { recursive: true });
});
