/**
 * The memory controller of a cgroup2 group's children, switched on for the time of a run: cgroups(7).
 *
 * Owns the lease on it. Whoever switches it off takes the limits of every group below away, other runs' too: so the last
 * run out does that, and only where the first one switched it on.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acquireLease } from "./lease.ts";

/** Holds the controller on in `directory`, which has no processes of its own or is the root. Throws when it cannot. */
export function holdMemoryController(directory: string): Disposable {
  const control = join(directory, "cgroup.subtree_control");
  const isOn = () => readFileSync(control, "utf8").split(/\s+/).includes("memory");
  const files = (original: string) => (original === "off" ? [{ path: control, value: "-memory" }] : []);
  const lease = acquireLease({
    setting: `memory controller below ${directory}`,
    wanted: "on",
    // A group that was delegated to this user is this user's.
    delegated: process.geteuid?.() !== 0,
    read: () => (isOn() ? "on" : "off"),
    files,
    restore(original) {
      for (const { path, value } of files(original)) writeFileSync(path, value);
    },
  });
  try {
    if (!isOn()) writeFileSync(control, "+memory");
    return lease;
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
}
