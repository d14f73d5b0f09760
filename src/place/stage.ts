/**
 * The place where an append reproducer plays: a directory, its file system, and a device that takes little at a time.
 *
 * Owns the order DIR, BYTEWITNESS_DIR, an XFS of its own (root), TMPDIR; what makes that device slow; the sentences that
 * tell a reader under which conditions a run was made; and evidence that outlives a vanishing file system.
 */

import { UsageError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { openFile, type Path, pathText } from "../ops/file.ts";
import { unlink } from "../ops/space.ts";
import type { Filesystem } from "../ops/stat.ts";
import { O_APPEND, O_CREAT, O_EXCL, O_RDWR } from "../sys/uapi/fcntl.ts";
import type { Outcome } from "../workload/context.ts";
import { type DirtyLimit, deviceHasDirtyLimit, limitDirty } from "../workload/dirty-limit.ts";
import { saveEvidence } from "./evidence.ts";
import { chooseTarget } from "./target.ts";

export interface StageWish {
  /** The reproducer's name: the start of every file's name. */
  readonly name: string;
  readonly directory: Path | undefined;
  /** What the run can occupy at once. */
  readonly neededBytes: number;
}

export interface Slowness {
  /** Asked for by the user; the whole machine's limit where the kernel has none per device. */
  readonly bytes?: number | undefined;
  /** Set on an XFS of the run's own only, where it disturbs nobody. */
  readonly ownBytes?: number | undefined;
}

export interface Stage {
  readonly directory: Path;
  readonly filesystem: Filesystem;
  /** File system and mount options, for the outcome. */
  readonly where: Pick<Outcome, "filesystem" | "mountOptions">;
  /** What a report says under "Conditions"; scripts add their own lines. */
  readonly conditions: string[];
  /** Limits the device's dirty pages until it is disposed of; undefined when nothing was asked for or possible. */
  slowDown(limit: Slowness): DirtyLimit | undefined;
  /**
   * A new file of this run, O_APPEND; its path is its label. Removed at the end of the run, or by `remove`, unless it
   * became evidence.
   */
  create(index: number): Fd;
  remove(path: string): void;
  /** Leaves a file where it is after the run. */
  forget(path: string): void;
  /** The paths at which files are kept after the run: copies, when the file system vanishes. */
  evidence(files: readonly string[]): string[];
}

interface Runs {
  defer(undo: () => unknown): void;
  narrate(line: string): void;
}

/** Prepares the place and says so; everything is undone at the end of the run. Throws UsageError for a bad directory. */
export function prepareStage(run: Runs, wish: StageWish): Stage {
  const prefix = wish.directory === undefined ? undefined : `${pathText(wish.directory)}/${wish.name}`;
  const { name, neededBytes } = wish;
  const target = chooseTarget({ prefix, name, neededBytes, defer: run.defer, job: undefined });
  const { type, options } = target.filesystem;
  const conditions = [target.description ?? `${pathText(target.directory)} on ${type}`];
  if (type !== "xfs") conditions.push(`${type} is not XFS, whose appends these are about: "clean" says little here`);
  for (const line of conditions) run.narrate(line);
  return {
    directory: target.directory,
    filesystem: target.filesystem,
    where: { filesystem: type, ...(options === undefined ? {} : { mountOptions: options }) },
    conditions,
    slowDown({ bytes, ownBytes }) {
      const own = target.vanishes && ownBytes !== undefined && deviceHasDirtyLimit(target.directory);
      const limitBytes = bytes ?? (own ? ownBytes : undefined);
      if (limitBytes === undefined) return undefined;
      const limit = limited(target.directory, limitBytes, bytes !== undefined);
      run.defer(() => limit[Symbol.dispose]());
      if (!conditions.includes(limit.description)) conditions.push(limit.description);
      run.narrate(limit.description);
      return limit;
    },
    ...filesOf(run, pathText(target.prefix)),
    evidence(files) {
      if (target.vanishes) return saveEvidence(name, files);
      for (const file of files) this.forget(file);
      return [...files];
    },
  };
}

/** A limit that the user asked for and cannot have is a bad argument. */
function limited(directory: Path, bytes: number, machineWide: boolean): DirtyLimit {
  try {
    return limitDirty(directory, { bytes, machineWide });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`no dirty limit can be set for "${pathText(directory)}" (it needs root): ${reason}`);
  }
}

/** Files that nobody has to remember to remove: what a thrown error or a signal leaves goes with the run. */
function filesOf(run: Runs, prefix: string): Pick<Stage, "create" | "remove" | "forget"> {
  const mine = new Set<string>();
  const remove = (path: string) => {
    unlink(path);
    mine.delete(path);
  };
  run.defer(() => {
    for (const path of mine) remove(path);
  });
  return {
    create: (index) => {
      const path = `${prefix}.${index}`;
      const file = openFile(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL);
      mine.add(path);
      return file;
    },
    remove,
    forget: (path) => void mine.delete(path),
  };
}
