/** The group of this process, entering one of our own, and clearing what a dead owner left. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { holdMemoryController } from "../../src/machine/memory-controller.ts";
import { MemoryGroup, ownGroup, removeStaleGroups } from "../../src/ops/cgroup.ts";
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

/** A container may show the controller and still let nobody make a group; most machines have one or the other. */
function cannotEnter(): boolean {
  if (needed("cgroup2", "root")) return true;
  if (!hasController) return lacking("the memory controller on cgroup2", "boot with cgroup v2 alone", true);
  const entered = MemoryGroup.enter(holdMemoryController);
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

test.skipIf(hasController)("without the memory controller on cgroup2 nothing is made, and the reason says so", () => {
  const entered = MemoryGroup.enter(holdMemoryController);
  expect("reason" in entered ? entered.reason : "entered").toMatch(/memory controller is not on cgroup2|not mounted/);
  const group = own();
  if (group !== undefined) expect(existsSync(join(group.mountPoint, `bytewitness-${process.pid}`))).toBe(false);
});

test.skipIf(cannotEnter())("a group is entered, limited, lifted and left again", () => {
  const before = readFileSync("/proc/self/cgroup", "utf8");
  const entered = MemoryGroup.enter(holdMemoryController);
  if ("reason" in entered) throw new Error(entered.reason);
  const { directory } = entered.value;
  {
    using group = entered.value;
    expect(readFileSync("/proc/self/cgroup", "utf8")).toContain(`bytewitness-${process.pid}`);
    const limitBytes = group.prepareLimit(64 * MiB);
    expect(limitBytes).toBeGreaterThanOrEqual(64 * MiB);
    group.limit();
    // The kernel rounds down to pages.
    const stands = Number(readFileSync(join(directory, "memory.max"), "utf8"));
    expect(stands).toBe(Math.floor(limitBytes / 4096) * 4096);
    group.lift();
    expect(readFileSync(join(directory, "memory.max"), "utf8")).toBe("max\n");
    expect(group.events().oom_kill).toBe(0);
  }
  expect(existsSync(directory)).toBe(false);
  expect(readFileSync("/proc/self/cgroup", "utf8")).toBe(before);
});

test.skipIf(needed("cgroup2", "root"))("a dead owner's group is removed, a living one's stays", () => {
  const group = own();
  if (group === undefined) throw new Error("no group");
  // A process that has ended: its number is free again, or its parent has not asked for it yet.
  const dead = Bun.spawnSync(["true"]).pid;
  const left = join(group.mountPoint, `bytewitness-${dead}`);
  const living = join(group.mountPoint, `bytewitness-${process.ppid}`);
  const other = join(group.mountPoint, `bytewitness-${dead}x`);
  for (const directory of [left, living, other]) mkdirSync(directory);
  try {
    expect(removeStaleGroups()).toEqual([`removed the memory group ${left} of a dead process`]);
    expect([left, living, other].map((directory) => existsSync(directory))).toEqual([false, true, true]);
  } finally {
    for (const directory of [left, living, other]) if (existsSync(directory)) rmdirSync(directory);
  }
  expect(dirname(left)).toBe(group.mountPoint);
});
