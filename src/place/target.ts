/**
 * Where a run's files go: the user's place, checked before the first byte, or one of our own that vanishes.
 *
 * Owns the choice of the embedded default: as root a fresh XFS on a loop device, mounted where only this run sees it;
 * without root a directory under TMPDIR. BYTEWITNESS_DIR names a directory to use instead (the lab's guests set it).
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import { isSyscallError, UsageError } from "../ops/errors.ts";
import { type Path, pathText } from "../ops/file.ts";
import { scratchXfs } from "../ops/filesystem.ts";
import { cString } from "../ops/memory.ts";
import { unlink } from "../ops/space.ts";
import { type Filesystem, filesystemOf, statPath } from "../ops/stat.ts";
import { errno, errnoName } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { bytesText } from "../units.ts";

const W_OK = 2;
const X_OK = 1;

export interface Target {
  readonly prefix: Path;
  readonly directory: Path;
  readonly filesystem: Filesystem;
  /** True when the file system vanishes with the run: evidence must be copied out. */
  readonly vanishes: boolean;
  /** What was made, for people; undefined when the user chose the place. */
  readonly description: string | undefined;
}

export interface TargetWish {
  readonly prefix: Path | undefined;
  /** The files' base name when the place is ours. */
  readonly name: string;
  /** What the run can occupy at once. */
  readonly neededBytes: number;
  readonly defer: (undo: () => unknown) => void;
  /** A parallel job's place was checked by its parent, and its siblings' files are there. */
  readonly job: { readonly index: number } | undefined;
}

/** The directory part of a prefix, "." when it has none. */
export function directoryOf(prefix: Path): Path {
  if (typeof prefix === "string") {
    const slash = prefix.lastIndexOf("/");
    return slash < 0 ? "." : prefix.slice(0, slash) || "/";
  }
  const slash = prefix.lastIndexOf(0x2f);
  return slash < 0 ? "." : slash === 0 ? "/" : prefix.subarray(0, slash);
}

export function chooseTarget(wish: TargetWish): Target {
  if (wish.prefix !== undefined) return given(wish.prefix, wish, undefined);
  const named = process.env.BYTEWITNESS_DIR;
  if (named !== undefined && named !== "") return given(`${named}/${wish.name}`, wish, undefined);
  if (process.geteuid?.() !== 0) return temporary(wish, "not root");
  try {
    return scratch(wish);
  } catch (error) {
    // Containers forbid mounts or loop devices to root as well; the run goes on elsewhere and says so.
    return temporary(wish, error instanceof Error ? error.message : String(error));
  }
}

/** An XFS of our own, four times what the run needs. */
function scratch(wish: TargetWish): Target {
  const capacityBytes = Math.max(2 ** 30, Math.ceil((wish.neededBytes * 4) / 2 ** 20) * 2 ** 20);
  const made = scratchXfs({ capacityBytes, imageDirectory: os.tmpdir() });
  wish.defer(() => made[Symbol.dispose]());
  return { ...given(`${made.path}/${wish.name}`, wish, made.description), vanishes: true };
}

function temporary(wish: TargetWish, why: string): Target {
  const directory = mkdtempSync(`${os.tmpdir()}/bytewitness-`);
  // Only an empty directory goes: kept files stay.
  wish.defer(() => {
    if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
  });
  const { type } = filesystemOf(directory);
  return given(`${directory}/${wish.name}`, wish, `${directory} on ${type} (no XFS of its own: ${why})`);
}

function given(prefix: Path, wish: TargetWish, description: string | undefined): Target {
  const directory = directoryOf(prefix);
  checkDirectory(directory);
  if (wish.job === undefined) refuseExisting(prefix, directory);
  const filesystem = filesystemOf(directory);
  if (filesystem.availableBytes < wish.neededBytes) {
    const available = bytesText(filesystem.availableBytes);
    throw new UsageError(
      `"${pathText(directory)}" has ${available} free and this run needs ${bytesText(wish.neededBytes)}; choose a smaller file size or another place`,
    );
  }
  return { prefix, directory, filesystem, vanishes: false, description };
}

function checkDirectory(directory: Path): void {
  const shown = `"${pathText(directory)}"`;
  try {
    if (statPath(directory).kind !== "directory")
      throw new UsageError(`${shown} is not a directory; PREFIX is a path in one`);
  } catch (error) {
    if (isSyscallError(error, "ENOENT", "ENOTDIR"))
      throw new UsageError(`there is no directory ${shown}; make it, or choose another PREFIX`);
    if (isSyscallError(error)) throw new UsageError(error.message);
    throw error;
  }
  using name = cString(directory);
  if (libc.access(name.address, W_OK | X_OK) === 0) return;
  const code = errnoName(errno());
  if (code === "EROFS")
    throw new UsageError(`${shown} is on a read-only file system; choose a PREFIX on a writable one`);
  throw new UsageError(`${shown} cannot be written to (${code}); choose another PREFIX or another user`);
}

/** The files PREFIX.N (or PREFIX.DOOR.N) that are there, with their numbers. */
function numberedFiles(prefix: Path, directory: Path): { path: Path; number: number }[] {
  const bytes = Buffer.from(typeof prefix === "string" ? Buffer.from(prefix) : prefix);
  const base = bytes.subarray(bytes.lastIndexOf(0x2f) + 1);
  const folder = Buffer.from(typeof directory === "string" ? Buffer.from(directory) : directory);
  const found: { path: Path; number: number }[] = [];
  for (const entry of readdirSync(folder, { encoding: "buffer" }) as Buffer[]) {
    if (!entry.subarray(0, base.length).equals(base)) continue;
    const match = /^(?:\.[a-z-]+)?\.(\d+)$/.exec(entry.subarray(base.length).toString("latin1"));
    if (match === null) continue;
    const path = new Uint8Array(Buffer.concat([folder, Buffer.from("/"), entry]));
    found.push({ path, number: Number(match[1]) });
  }
  return found;
}

/** Nothing is overwritten: a numbered file that is there already is an error that names it. */
function refuseExisting(prefix: Path, directory: Path): void {
  const [first] = numberedFiles(prefix, directory);
  if (first === undefined) return;
  throw new UsageError(
    `"${pathText(first.path)}" exists and is never overwritten; move it away or choose another PREFIX`,
  );
}

/**
 * Removes what jobs that were killed left behind: the files numbered for them. Nothing else can be there, because
 * `chooseTarget` refuses a PREFIX under which a numbered file exists.
 */
export function removeLeftovers(target: Target, lostJobs: readonly number[], jobsCount: number): void {
  for (const { path, number } of numberedFiles(target.prefix, target.directory)) {
    if (lostJobs.includes(number % jobsCount)) unlink(path);
  }
}
