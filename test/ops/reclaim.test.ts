/** What is written where: by strace(1) for the whole machine's caches (which are not dropped), by a file for a cgroup. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { tryReclaimGroup } from "../../src/ops/reclaim.ts";
import { needed } from "../needed.ts";

const FIXTURE = `${import.meta.dir}/fixtures/drop-caches.ts`;

for (const [what, text] of [
  ["pages", "1"],
  ["slab", "2"],
  ["both", "3"],
]) {
  test.skipIf(needed("root", "strace"))(`dropCaches("${what}") writes ${text}`, () => {
    const strace = [
      "strace",
      "-f",
      "-P",
      "/proc/sys/vm/drop_caches",
      "-e",
      "trace=write",
      "-e",
      "inject=write:retval=1",
    ];
    const child = Bun.spawnSync([...strace, process.execPath, FIXTURE, what as string], { stderr: "pipe" });
    expect(child.exitCode).toBe(0);
    expect(child.stderr.toString()).toMatch(new RegExp(`write\\(\\d+, "${text}", 1\\) += 1 \\(INJECTED\\)`));
  });
}

test("a group is asked by writing the bytes to its memory.reclaim", () => {
  const directory = mkdtempSync(`${tmpdir()}/reclaim-test-`);
  writeFileSync(`${directory}/memory.reclaim`, "");
  expect(tryReclaimGroup(directory, { lengthBytes: 1_048_576 })).toBe(0);
  expect(readFileSync(`${directory}/memory.reclaim`, "utf8")).toBe("1048576");
  expect(() => tryReclaimGroup(directory, { lengthBytes: -1 })).toThrow("lengthBytes must be");
  rmSync(directory, { recursive: true });
  expect(() => tryReclaimGroup(directory, { lengthBytes: 4096 })).toThrow("ENOENT");
});

const GROUP = `/sys/fs/cgroup/bytewitness-reclaim-test-${process.pid}`;
const hasController =
  existsSync("/sys/fs/cgroup/memory.reclaim") || existsSync("/sys/fs/cgroup/init.scope/memory.reclaim");

test.skipIf(needed("root") || !hasController)("an empty group has nothing to give: -EAGAIN, or 0", () => {
  mkdirSync(GROUP);
  expect([0, -11]).toContain(tryReclaimGroup(GROUP, { lengthBytes: 1_048_576 }));
  rmdirSync(GROUP);
});
