/**
 * What a memory group needs of the machine: its parent's memory controller, held by a lease, and a place in the register.
 *
 * Owns the rule that the controller, once switched on, stays on for as long as any run has a group below it. A group is
 * registered when it is made, so that a killed run leaves none.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { GroupKeeper } from "../ops/cgroup.ts";
import { statLink } from "../ops/stat.ts";
import { acquireLease } from "./lease.ts";
import { own } from "./register.ts";

const CONTROLLER = "memory";

function enabled(control: string): boolean {
  return readFileSync(control, "utf8").split(/\s+/).includes(CONTROLLER);
}

export const groupKeeper: GroupKeeper = {
  /** `control` is a cgroup.subtree_control. A controller that was on before any run of ours stays on. */
  enable(control) {
    const off = (original: string) => (original === "" ? [] : [{ path: control, value: original }]);
    const lease = acquireLease({
      setting: `cgroup${control}`,
      delegated: true,
      read: () => (enabled(control) ? "" : `-${CONTROLLER}`),
      restore: (original) => {
        try {
          for (const { path, value } of off(original)) writeFileSync(path, value);
        } catch {
          // Somebody else has a group with memory limits there now: it is theirs to switch off.
        }
      },
      files: off,
    });
    try {
      if (!enabled(control)) writeFileSync(control, `+${CONTROLLER}`);
      return lease;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  },
  made: (directory) => own("group", directory, statLink(directory)),
};
