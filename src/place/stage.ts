/**
 * The place where an append reproducer plays: a directory, its file system, and a device that takes little at a time.
 *
 * Owns what makes that device slow, the sentences that show a reader under which conditions a run was made, and the run's
 * files; place.ts owns the choice of the directory.
 */

import { LeaseBusy } from "../machine/lease.ts";
import { createFile, type OwnFile } from "../machine/own-file.ts";
import { Inconclusive, UsageError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { type Path, pathText } from "../ops/file.ts";
import type { Filesystem } from "../ops/stat.ts";
import { O_APPEND, O_RDWR } from "../sys/uapi/fcntl.ts";
import type { Outcome } from "../workload/context.ts";
import {
  type DirtyLimit,
  type DirtyLimitOptions,
  deviceHasDirtyLimit,
  limitDirtyWhenFree,
} from "../workload/dirty-limit.ts";
import { keepOwn } from "./evidence.ts";
import { choosePlace, type Defers } from "./place.ts";

export interface StageOptions {
  /** The reproducer's name: the start of every file's name. */
  readonly name: string;
  readonly directory: Path | undefined;
  /** What the run can occupy at once. */
  readonly neededBytes: number;
}

export interface Slowness {
  /** Asked for by the user; the whole machine's limit where the kernel has none per device. */
  readonly bytes?: number | undefined;
  /** Set on an XFS of the run's own only, where it disturbs no one. */
  readonly ownBytes?: number | undefined;
}

/** Where a run's files lie, and what was prepared for them. */
export interface Stage {
  readonly directory: Path;
  readonly filesystem: Filesystem;
  /** File system and mount options, for the outcome. */
  readonly where: Pick<Outcome, "filesystem" | "mountOptions">;
  /** What a report has under "Conditions"; scripts add their own lines. */
  readonly conditions: string[];
  /** Limits the device's dirty pages until it is disposed of; undefined when nothing was asked for or possible. */
  slowDown(limit: Slowness): Promise<DirtyLimit | undefined>;
  /**
   * A new file of this run, O_APPEND; its path is its label. Removed at the end of the run, or by `remove`, unless it
   * became evidence.
   */
  create(index: number): Fd;
  remove(path: string): void;
  /** Evidence, as `ScratchFile.keep`: where the file is from now on. */
  keep(path: string): string;
}

interface Runs extends Defers {
  readonly stopped: boolean;
  narrate(line: string): void;
}

/** Prepares the place and reports it; everything is undone at the end of the run. Throws UsageError for a bad directory. */
export function prepareStage(run: Runs, wanted: StageOptions): Stage {
  const { name, neededBytes } = wanted;
  const target = choosePlace(run, { given: wanted.directory, neededBytes, calledBy: "DIR" });
  const { type, options } = target.filesystem;
  const conditions = [target.description ?? `${pathText(target.directory)} on ${type}`];
  if (type !== "xfs") conditions.push(`${type} is not XFS, whose appends these are about: "clean" proves little here`);
  for (const line of conditions) run.narrate(line);
  return {
    directory: target.directory,
    filesystem: target.filesystem,
    where: { filesystem: type, ...(options === undefined ? {} : { mountOptions: options }) },
    conditions,
    async slowDown({ bytes, ownBytes }) {
      const own = target.vanishes && ownBytes !== undefined && deviceHasDirtyLimit(target.directory);
      const limitBytes = bytes ?? (own ? ownBytes : undefined);
      if (limitBytes === undefined) return undefined;
      const limit = await limited(run, target.directory, { bytes: limitBytes, machineWide: bytes !== undefined });
      run.defer(() => limit[Symbol.dispose]());
      if (!conditions.includes(limit.description)) conditions.push(limit.description);
      run.narrate(limit.description);
      return limit;
    },
    ...filesOf(run, `${pathText(target.directory)}/${name}`),
  };
}

/** A limit that the user asked for and cannot have is a bad argument. */
async function limited(run: Runs, directory: Path, options: DirtyLimitOptions): Promise<DirtyLimit> {
  try {
    return await limitDirtyWhenFree(directory, options, run);
  } catch (error) {
    // Interrupted while another run held the device.
    if (error instanceof LeaseBusy) throw new Inconclusive(error.message);
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`no dirty limit can be set for "${pathText(directory)}" (it needs root): ${reason}`);
  }
}

/** Files that no one has to remember to remove: what a thrown error or a signal leaves goes with the run. */
function filesOf(run: Runs, prefix: string): Pick<Stage, "create" | "remove" | "keep"> {
  const mine = new Map<string, OwnFile>();
  run.defer(() => {
    for (const file of mine.values()) file.remove();
  });
  return {
    create: (index) => {
      const { fd, file } = createFile(`${prefix}.${index}`, O_RDWR | O_APPEND);
      mine.set(`${prefix}.${index}`, file);
      run.tally?.madeFile();
      return fd;
    },
    remove: (path) => {
      mine.get(path)?.remove();
      mine.delete(path);
    },
    keep: (path) => {
      const file = mine.get(path);
      return file === undefined ? path : keepOwn(run, path, file);
    },
  };
}
