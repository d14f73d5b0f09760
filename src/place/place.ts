/**
 * Where a run's files live, and what becomes of evidence: the one chooser behind target, stage, scratch file and file
 * system.
 *
 * Owns the order: the place that was given, BYTEWITNESS_DIR (the lab's guests set it), a file system of the run's own
 * (root), TMPDIR. Every place is looked at before the first byte; one that cannot take files is a bad argument, in one
 * line. File systems of our own are mounted on directories of our own, so that nothing of anybody's is covered.
 */
import os from "node:os";
import { createDirectory } from "../machine/own-file.ts";
import { watchOver } from "../machine/register.ts";
import { sweep } from "../machine/sweep.ts";
import { isSyscallError, UsageError } from "../ops/errors.ts";
import { type Path, pathText } from "../ops/file.ts";
import { type Scratch, type ScratchOptions, scratchFilesystem } from "../ops/filesystem.ts";
import { cString } from "../ops/memory.ts";
import { type Filesystem, filesystemOf, statPath } from "../ops/stat.ts";
import { errno, errnoName } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { bytesText } from "../units.ts";
import type { Tally } from "../workload/tally.ts";

const W_OK = 2;
const X_OK = 1;

/** What a place needs of the run that uses it. */
export interface Defers {
  defer(undo: () => unknown): void;
  narrate?(line: string): void;
  /** Counts the files made, and knows which are evidence. */
  readonly tally?: Pick<Tally, "madeFile" | "keptFile" | "vanishing" | "vanishes">;
}

export interface Place {
  readonly directory: Path;
  readonly filesystem: Filesystem;
  /** True when the file system vanishes with the run: evidence must be copied out. */
  readonly vanishes: boolean;
  /** What was made, for people; undefined when the user chose the place. */
  readonly description: string | undefined;
}

/** The directory that somebody named: the one given, else BYTEWITNESS_DIR; undefined when no one did. */
export function namedDirectory(given: Path | undefined): Path | undefined {
  if (given !== undefined) return given;
  const named = process.env.BYTEWITNESS_DIR;
  return named === undefined || named === "" ? undefined : named;
}

/** The system's directory for temporary files, from TMPDIR, if files can be made there. Throws UsageError otherwise. */
export function temporaryDirectory(): string {
  const directory = os.tmpdir();
  checkDirectory(directory, "TMPDIR");
  return directory;
}

export interface PlaceOptions {
  readonly given: Path | undefined;
  /** What the run can occupy at once. */
  readonly neededBytes: number;
  /** How the place is called on the command line: "PREFIX", "DIR". */
  readonly calledBy: string;
}

/** As the order above; the file system of its own is an XFS. Everything made is undone at the end of the run. */
export function choosePlace(run: Defers, options: PlaceOptions): Place {
  for (const line of sweep()) run.narrate?.(line);
  const { given, neededBytes, calledBy } = options;
  const named = namedDirectory(given);
  if (named !== undefined) return usable(named, neededBytes, given === undefined ? "BYTEWITNESS_DIR" : calledBy);
  if (process.geteuid?.() !== 0) return temporary(run, neededBytes, "not root");
  // Four times what the run needs: XFS itself wants some, and no one pays for a sparse image.
  const capacityBytes = Math.max(2 ** 30, Math.ceil((neededBytes * 4) / 2 ** 20) * 2 ** 20);
  let made: Scratch;
  try {
    made = ownFilesystem(run, { type: "xfs", capacityBytes });
  } catch (error) {
    // Containers forbid mounts or loop devices to root as well; the run goes on elsewhere and reports it.
    return temporary(run, neededBytes, error instanceof Error ? error.message : String(error));
  }
  return { ...usable(made.path, neededBytes, calledBy), vanishes: true, description: made.description };
}

/** A file system of the run's own, its image in TMPDIR; unmounted at the end of the run. */
export function ownFilesystem(run: Defers, options: Omit<ScratchOptions, "imageDirectory">): Scratch {
  // The guard starts before the private mounts, so that it does not keep them alive.
  const unwatch = watchOver();
  try {
    const made = scratchFilesystem({ ...options, imageDirectory: temporaryDirectory() });
    run.defer(() => made[Symbol.dispose]());
    run.tally?.vanishing(made.path);
    return made;
  } finally {
    unwatch();
  }
}

/** A directory of the run's own under TMPDIR, gone at its end unless evidence lies there. */
function temporary(run: Defers, neededBytes: number, why: string): Place {
  const made = createDirectory(`${temporaryDirectory()}/bytewitness-`);
  run.defer(() => made.remove());
  const place = usable(made.path, neededBytes, "TMPDIR");
  const description = `${made.path} on ${place.filesystem.type} (no XFS of its own: ${why})`;
  return { ...place, description };
}

/** The place as it is, once it is known to take the run's files. */
function usable(directory: Path, neededBytes: number, calledBy: string): Place {
  checkDirectory(directory, calledBy);
  const filesystem = filesystemOf(directory);
  if (filesystem.availableBytes < neededBytes) {
    const available = bytesText(filesystem.availableBytes);
    throw new UsageError(
      `"${pathText(directory)}" has ${available} free and this run needs ${bytesText(neededBytes)}; choose a smaller file size or another place`,
    );
  }
  return { directory, filesystem, vanishes: false, description: undefined };
}

/** Throws UsageError, with what to do, unless files can be made in the directory. */
export function checkDirectory(directory: Path, calledBy: string): void {
  const shown = `"${pathText(directory)}"`;
  try {
    if (statPath(directory).kind !== "directory") {
      throw new UsageError(`${shown} is not a directory (ENOTDIR); choose another ${calledBy}`);
    }
  } catch (error) {
    if (isSyscallError(error, "ENOENT", "ENOTDIR")) {
      throw new UsageError(`there is no directory ${shown} (${error.code}); make it, or choose another ${calledBy}`);
    }
    if (isSyscallError(error)) throw new UsageError(error.message);
    throw error;
  }
  using name = cString(directory);
  if (libc.access(name.address, W_OK | X_OK) === 0) return;
  const code = errnoName(errno());
  if (code === "EROFS") {
    throw new UsageError(`${shown} is on a read-only file system; choose a ${calledBy} on a writable one`);
  }
  throw new UsageError(`${shown} cannot be written to (${code}); choose another ${calledBy} or another user`);
}
