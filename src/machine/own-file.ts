/**
 * Files and directories of a run's own: made here, removed here, and only while they are the ones that were made.
 *
 * Owns creation with O_EXCL, the identity of what was created (device, inode, birth time), and its entry in the run's
 * register. Refuses to remove by name: a file that somebody put in the place of ours stays.
 */
import { mkdtempSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { isSyscallError, UsageError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { openFile, type Path } from "../ops/file.ts";
import { unlink } from "../ops/space.ts";
import { statFd, statLink } from "../ops/stat.ts";
import { O_CREAT, O_EXCL } from "../sys/uapi/fcntl.ts";
import { isStill, type Owned, own } from "./register.ts";

export class OwnFile {
  readonly path: Path;
  readonly #owned: Owned;
  #open = true;

  /** `fd` is the descriptor by which this process created `path` just now. */
  constructor(path: Path, fd: Fd) {
    this.path = path;
    this.#owned = own("file", path, statFd(fd));
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
    this.#open = false;
    this.#owned.letGo();
  }
}

/** `openFile` with O_CREAT | O_EXCL: never an existing file. The file is this run's until it is removed or kept. */
export function createFile(path: Path, flags: number): { readonly fd: Fd; readonly file: OwnFile } {
  const fd = openFile(path, flags | O_CREAT | O_EXCL);
  try {
    return { fd, file: new OwnFile(path, fd) };
  } catch (error) {
    fd.close();
    throw error;
  }
}

export interface OwnDirectory {
  readonly path: string;
  /** Removes the directory if it is empty: what was kept in it stays. */
  remove(): void;
}

/** `mkdtemp(prefix)`: a new directory of this run's. mkdtemp(3). */
export function createDirectory(prefix: string): OwnDirectory {
  let path: string;
  try {
    path = mkdtempSync(prefix);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const parent = dirname(prefix);
    // The user's choice of a place; anything else is not about the place.
    if (!["EACCES", "EROFS", "EPERM", "ENOENT", "ENOTDIR", "ENOSPC", "EDQUOT"].includes(code)) throw error;
    throw new UsageError(`"${parent}" takes no directory (${code}); choose a TMPDIR on a writable file system`);
  }
  const owned = own("directory", path, statLink(path));
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
