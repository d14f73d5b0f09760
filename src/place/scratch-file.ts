/**
 * A file of the run's own in the directory a person chose: never an existing one, gone at the end unless it is evidence.
 *
 * Owns the names of new files; place.ts owns the order of directories. Removed by identity, also when the run is killed;
 * evidence is moved into one directory of its own (evidence.ts), so that it does not look like a leftover.
 */
import { createFile } from "../machine/own-file.ts";
import type { Fd } from "../ops/fd.ts";
import { type Path, pathText } from "../ops/file.ts";
import { O_RDWR } from "../sys/uapi/fcntl.ts";
import type { OpenFlags } from "../sys/uapi/flags.ts";
import { keepOwn } from "./evidence.ts";
import { checkDirectory, type Defers, namedDirectory, temporaryDirectory } from "./place.ts";

/** The directory given, or BYTEWITNESS_DIR, or the system's directory for temporary files. */
export function workDirectory(given: Path | undefined): string {
  return pathText(namedDirectory(given) ?? temporaryDirectory());
}

/** A new file of this run's. */
export interface ScratchFile {
  readonly path: string;
  readonly fd: Fd;
  /**
   * Evidence: the file stays when the run ends, in the evidence directory next to it, or as a copy where its file system
   * does not stay; the report names it. Where it is from now on.
   */
  keep(): string;
  /** Closes and removes the file now, for runs that make many. */
  remove(): void;
}

let made = 0;

/**
 * A new file, open for reading and writing, removed by `defer` at the end of the run unless it is kept. `flags` are
 * further O_* flags, O_APPEND for example. Throws UsageError when the directory cannot take files.
 */
export function scratchFile(
  run: Defers,
  where: { directory: Path | undefined; name: string; flags?: OpenFlags },
): ScratchFile {
  const directory = workDirectory(where.directory);
  checkDirectory(directory, "DIR");
  made += 1;
  const path = `${directory}/${where.name}-${process.pid}.${made}`;
  const { fd, file } = createFile(path, O_RDWR | (where.flags ?? 0));
  const remove = () => {
    fd.close();
    file.remove();
  };
  run.defer(remove);
  run.tally?.madeFile();
  let kept: string | undefined;
  const keep = () => {
    kept ??= keepOwn(run, path, file);
    return kept;
  };
  return { path, fd, keep, remove };
}
