/**
 * A file of the run's own in the directory a person chose: never an existing one, gone at the end unless it is evidence.
 *
 * Owns the order DIR, BYTEWITNESS_DIR (the lab's guests set it), TMPDIR, and the names of new files.
 */
import os from "node:os";
import { isSyscallError, UsageError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { openFile, type Path, pathText } from "../ops/file.ts";
import { unlink } from "../ops/space.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../sys/uapi/fcntl.ts";

/** The directory given, or BYTEWITNESS_DIR, or the system's directory for temporary files. */
export function workDirectory(given: Path | undefined): string {
  const named = process.env.BYTEWITNESS_DIR;
  if (given !== undefined) return pathText(given);
  return named === undefined || named === "" ? os.tmpdir() : named;
}

export interface ScratchFile {
  readonly path: string;
  readonly fd: Fd;
  /** Evidence: the file stays when the run ends. */
  keep(): void;
  /** Closes and removes the file now, for runs that make many. */
  remove(): void;
}

let made = 0;

/**
 * A new file, open for reading and writing, removed by `defer` at the end of the run unless it is kept. `flags` are
 * further O_* flags, O_APPEND for example. Throws UsageError when the directory cannot take files.
 */
export function scratchFile(
  run: { defer(undo: () => unknown): void },
  where: { directory: Path | undefined; name: string; flags?: number },
): ScratchFile {
  made += 1;
  const path = `${workDirectory(where.directory)}/${where.name}-${process.pid}.${made}`;
  const fd = create(path, O_RDWR | O_CREAT | O_EXCL | (where.flags ?? 0));
  let kept = false;
  let gone = false;
  const remove = () => {
    fd.close();
    if (!gone) unlink(path);
    gone = true;
  };
  run.defer(() => {
    if (kept) fd.close();
    else remove();
  });
  const keep = () => {
    kept = true;
  };
  return { path, fd, keep, remove };
}

/** A directory that cannot take files is a bad argument, not an inconclusive run. */
function create(path: string, flags: number): Fd {
  try {
    return openFile(path, flags);
  } catch (error) {
    if (isSyscallError(error, "ENOENT", "ENOTDIR", "EACCES", "EROFS")) {
      throw new UsageError(`${error.message}; choose a directory that is there and can be written to`);
    }
    throw error;
  }
}
