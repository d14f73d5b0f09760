/** The group of this process, entering one of our own, and clearing what a dead owner left. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { groupKeeper } from "../../src/machine/group.ts";
import { sweep } from "../../src/machine/sweep.ts";
import { MemoryGroup, ownGroup } from "../../src/ops/cgroup.ts";
import { MiB } from "../../src/ops/memory.ts";
import { lacking, needed } from "../needed.ts";

function own() {
  const found = ownGroup();
  return "value" in found ? found.value : undefined;
}

const controllers = () => {
  const group = own();
  return group === undefined ? "" : readFileSync(join(group.mountPoint, "cgroup.controllers"), "utf8");
};

const hasController = controllers().split(/\s+/).includes("memory");

/** A container may show the controller and still let no one make a group; most machines have one or the other. */
function cannotEnter(): boolean {
  if (needed("cgroup2", "root")) return true;
  if (!hasController) return lacking("the memory controller on cgroup2", "boot with cgroup v2 alone", true);
  const entered = MemoryGroup.enter(groupKeeper);
  if ("reason" in entered) return lacking("a memory group of its own", entered.reason, true);
  entered.value[Symbol.dispose]();
  return false;
}

test.skipIf(needed("cgroup2"))("the own group lists this process", () => {
  const group = own();
  if (group === undefined) throw new Error("cgroup2 is mounted, and no group was found");
  const members = readFileSync(join(group.directory, "cgroup.procs"), "utf8").split("\n");
  expect(members).toContain(String(process.pid));
});

test("without cgroup2 there is no group", () => {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").includes(" - cgroup2 ");
  expect(own() !== undefined).toBe(mounts);
});

test.skipIf(hasController)("without the memory controller on cgroup2 nothing is made, and the reason names it", () => {
  const entered = MemoryGroup.enter(groupKeeper);
  expect("reason" in entered ? entered.reason : "entered").toMatch(/memory controller is not on cgroup2|not mounted/);
  const group = own();
  if (group !== undefined) expect(existsSync(join(group.mountPoint, `bytewitness-${process.pid}`))).toBe(false);
});

test.skipIf(cannotEnter())("a group is entered, limited, lifted and left again", () => {
  const before = readFileSync("/proc/self/cgroup", "utf8");
  const entered = MemoryGroup.enter(groupKeeper);
  if ("reason" in entered) throw new Error(entered.reason);
  const { directory } = entered.value;
  {
    using group = entered.value;
    expect(readFileSync("/proc/self/cgroup", "utf8")).toContain(`bytewitness-${process.pid}`);
    const limitBytes = group.prepareLimit(64 * MiB);
    expect(limitBytes).toBeGreaterThanOrEqual(64 * MiB);
    group.limit();
    // The kernel rounds down to pages.
    const limit = Number(readFileSync(join(directory, "memory.max"), "utf8"));
    expect(limit).toBe(Math.floor(limitBytes / 4096) * 4096);
    group.lift();
    expect(readFileSync(join(directory, "memory.max"), "utf8")).toBe("max\n");
    expect(group.events().oom_kill).toBe(0);
  }
  expect(existsSync(directory)).toBe(false);
  expect(readFileSync("/proc/self/cgroup", "utf8")).toBe(before);
});

test.skipIf(needed("cgroup2", "root"))(
  "a killed owner's group is removed, a living one's and a stranger's stay",
  async () => {
    const group = own();
    if (group === undefined) throw new Error("no group");
    const state = mkdtempSync(join(tmpdir(), "cgroup-state-"));
    const source = (name: string) => `${import.meta.dir}/../../src/${name}.ts`;
    const made = join(group.mountPoint, `bytewitness-test-${process.pid}`);
    const stranger = join(group.mountPoint, `bytewitness-${Bun.spawnSync(["true"]).pid}`);
    const script = `import { own } from "${source("machine/register")}"; import { statLink } from "${source("ops/stat")}";
    require("fs").mkdirSync("${made}"); own("group", "${made}", statLink("${made}")); console.log("made");
    setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, "-e", script], {
      env: { ...process.env, BYTEWITNESS_STATE_DIR: state, BYTEWITNESS_GUARD: "off" },
      stdout: "pipe",
    });
    mkdirSync(stranger);
    try {
      await child.stdout.getReader().read();
      expect(sweep({ directories: [state] })).toEqual([]);
      child.kill("SIGKILL");
      await child.exited;
      expect(sweep({ directories: [state] })).toEqual([
        `removed the memory group "${made}" of run ${child.pid}, which was killed`,
      ]);
      expect([existsSync(made), existsSync(stranger)]).toEqual([false, true]);
    } finally {
      rmdirSync(stranger);
      rmSync(state, { recursive: true });
    }
  },
);
