/**
 * A directory on a file system of a wanted kind, for reproducers whose bug lives in one file system.
 *
 * Owns the question whether a place is of the kind: DIR, then BYTEWITNESS_DIR when it is, else a file system of our own
 * on a loop image (root). place.ts makes it and evidence.ts copies what would vanish with it. Refuses to format anything
 * but its own image.
 */
import { type Path, pathText } from "../ops/file.ts";
import { filesystemLoaded, filesystemMissing, syncAll } from "../ops/filesystem.ts";
import { dropCaches } from "../ops/reclaim.ts";
import { filesystemOf } from "../ops/stat.ts";
import type { Outcome } from "../workload/context.ts";
import { type Defers, namedDirectory, ownFilesystem } from "./place.ts";

/** Which file system a reproducer needs. */
export interface WantedFilesystem {
  /** "ext4", "exfat", "tmpfs"…, as /proc/filesystems spells it. */
  readonly type: string;
  /** Options for mkfs and mount, where the bug needs them; an existing directory is taken as it is. */
  readonly mkfsOptions?: readonly string[];
  readonly mountOptions?: string;
  /** The run fills the file system: one that was found will do only up to this capacity. */
  readonly capacityBytesMax?: number;
}

/** A directory on the file system that a reproducer asked for. */
export interface FilesystemPlace {
  readonly directory: string;
  /** File system and mount options, for the outcome. */
  readonly where: Pick<Outcome, "filesystem" | "mountOptions">;
  /** For the report: which file system, and whose. */
  readonly description: string;
  /**
   * Makes what is read next come from the disk: mounts one of our own anew; elsewhere drops the machine's caches (root).
   * How it was done, for the report. Close every file first.
   */
  readAnew(): string;
}

/** A directory that is there already and will do; undefined when a file system must be made. */
function found(wanted: WantedFilesystem, given: Path | undefined): string | undefined {
  if (given !== undefined) return pathText(given);
  const named = pathText(namedDirectory(undefined) ?? "");
  // How that one was made is unknown: it will do only where no option matters.
  const plain = wanted.mkfsOptions === undefined && wanted.mountOptions === undefined;
  if (named === "" || !plain) return undefined;
  const { type, capacityBytes } = filesystemOf(named);
  return type === wanted.type && capacityBytes <= (wanted.capacityBytesMax ?? Infinity) ? named : undefined;
}

/** The need of a reproducer whose positional `dir` may name a directory on it: what is missing, undefined when nothing. */
export function needsFilesystem(wanted: WantedFilesystem): {
  readonly name: string;
  readonly probe: (args: { readonly dir?: Path | undefined }) => string | undefined;
} {
  return {
    name: `a directory on ${wanted.type}, or root and mkfs`,
    probe: ({ dir }) => (found(wanted, dir) === undefined ? filesystemMissing(wanted.type) : undefined),
  };
}

/** What mounting this type would change for the whole system: undefined when the kernel has it already. */
export function loadsFilesystem(type: string): string | undefined {
  return filesystemLoaded(type) ? undefined : `loads the kernel's module for ${type}`;
}

/** Finds or makes the place; one of our own is gone at the end of the run. */
export function placeOnFilesystem(
  run: Defers,
  wanted: WantedFilesystem & { readonly capacityBytes: number; readonly directory: Path | undefined },
): FilesystemPlace {
  const directory = found(wanted, wanted.directory);
  if (directory !== undefined) {
    const { type, options } = filesystemOf(directory);
    const other = type === wanted.type ? "" : ` (the bug is ${wanted.type}'s: "clean" proves little here)`;
    return {
      directory,
      where: { filesystem: type, ...(options === undefined ? {} : { mountOptions: options }) },
      description: `${directory} on ${type}${other}`,
      readAnew: () => {
        syncAll();
        if (process.geteuid?.() !== 0) return "from the cache: not root";
        dropCaches("both");
        return "after dropping caches";
      },
    };
  }
  const scratch = ownFilesystem(run, wanted);
  const { type, options } = filesystemOf(scratch.path);
  return {
    directory: scratch.path,
    where: { filesystem: type, ...(options === undefined ? {} : { mountOptions: options }) },
    description: scratch.description,
    readAnew: () => {
      scratch.remount();
      return "after the next mount";
    },
  };
}
