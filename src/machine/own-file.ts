/**
 * Files and directories of a run's own: made here, removed here, and only while they are the ones that were made.
 *
 * Owns creation with O_EXCL, the identity of what was created (device, inode, birth time), and its entry in the run's
 * register. Refuses to remove by name: a file that somebody put in the place of ours stays.
 */
import { mkdirSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { isSyscallError, UsageError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { openFile, type Path } from "../ops/file.ts";
import { unlink } from "../ops/space.ts";
import { statFd, statLink } from "../ops/stat.ts";
import { O_CREAT, O_EXCL } from "../sys/uapi/fcntl.ts";
import { intend, isStill, type Owned } from "./register.ts";

/** Set to "no": what this run would keep as evidence goes when it ends. For runs that are one of many in a search. */
export const KEEP_VARIABLE = "BYTEWITNESS_KEEP";

/** The beginning of a new evidence directory's path. */
export function evidencePrefix(place: string, tool: string): string {
  return `${place === "/" ? "" : place}/bytewitness-${tool.replaceAll(/[^\w.-]/g, "_")}-evidence-`;
}

/** Whether a path has one of these directories in it. */
export function isEvidence(path: string): boolean {
  return /(?:^|\/)bytewitness-[\w.-]+-evidence-\w+(?:\/|$)/.test(path);
}

/** True when files that are kept outlive this run. */
export function keepsEvidence(): boolean {
  return process.env[KEEP_VARIABLE] !== "no";
}

export class OwnFile {
  readonly path: Path;
  readonly #owned: Owned;
  #open = true;

  constructor(path: Path, owned: Owned) {
    this.path = path;
    this.#owned = owned;
  }

  /** Removes the file, if the path still names it; once. True when it was removed. */
  remove(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    const ours = isStill(this.path, this.#owned.identity);
    try {
      if (ours) unlink(this.path);
    } catch (error) {
      if (!isSyscallError(error, "ENOENT", "ENOTDIR")) throw error;
    }
    this.#owned.letGo();
    return ours;
  }

  /** Evidence: the file stays when the run ends, however it ends. */
  keep(): void {
    if (!keepsEvidence()) {
      // Not now: the report may still look at it.
      process.once("exit", () => this.remove());
      return;
    }
    this.#open = false;
    this.#owned.letGo();
  }
}

/** A file that a program of this run has just made in a directory of this run's: ours by its identity from now on. */
export function adoptFile(path: string): OwnFile {
  return new OwnFile(path, intend("file", path).made(statLink(path)));
}

/** `openFile` with O_CREAT | O_EXCL: never an existing file. The file is this run's until it is removed or kept. */
export function createFile(path: Path, flags: number): { readonly fd: Fd; readonly file: OwnFile } {
  const intended = intend("file", path);
  let fd: Fd | undefined;
  try {
    fd = openFile(path, { flags: flags | O_CREAT | O_EXCL });
    return { fd, file: new OwnFile(path, intended.made(statFd(fd))) };
  } catch (error) {
    intended.failed();
    fd?.close();
    throw error;
  }
}

export interface OwnDirectory {
  readonly path: string;
  /** Removes the directory if it is empty: what was kept in it stays. */
  remove(): void;
}

/** As mkdtemp(3): a new directory of this run's, of a name that begins with `prefix`. */
export function createDirectory(prefix: string): OwnDirectory {
  const path = `${prefix}${crypto.randomUUID().slice(0, 8)}`;
  const intended = intend("directory", path);
  let owned: Owned;
  try {
    mkdirSync(path, { mode: 0o700 });
    owned = intended.made(statLink(path));
  } catch (error) {
    intended.failed();
    const { code = "" } = error as NodeJS.ErrnoException;
    // The user's choice of a place; anything else is not about the place.
    if (!["EACCES", "EROFS", "EPERM", "ENOENT", "ENOTDIR", "ENOSPC", "EDQUOT"].includes(code)) throw error;
    throw new UsageError(`"${dirname(path)}" takes no directory (${code}); choose a TMPDIR on a writable file system`);
  }
  return {
    path,
    remove: () => {
      if (isStill(path, owned.identity)) {
        try {
          rmdirSync(path);
        } catch {
          // Evidence lies in it.
        }
      }
      owned.letGo();
    },
  };
}
