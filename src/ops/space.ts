/**
 * The shape and the life of files: sizes, ranges, holes, times, names.
 *
 * Owns ftruncate(2), fallocate(2), fsync(2), sync_file_range(2), lseek(2) for data and holes, futimens(3), unlink(2).
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as F from "../sys/uapi/fcntl.ts";
import type { FallocateMode, SyncRangeFlags, Whence } from "../sys/uapi/flags.ts";
import { checked, checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { type Path, pathText } from "./file.ts";
import { checkOffset, checkUint } from "./integers.ts";
import { cString } from "./memory.ts";
import { retryEintr } from "./signals.ts";

/** Bytes of a file. */
export interface FileRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** `int ftruncate(int fd, off_t length)`. */
export function truncate(fd: Fd, { lengthBytes }: Pick<FileRange, "lengthBytes">): void {
  checkOffset("lengthBytes", lengthBytes);
  checked(
    retryEintr(() => libc.ftruncate(fd.number, lengthBytes)),
    "ftruncate",
    fd.label,
  );
}

/** `int fallocate(int fd, int mode, off_t offset, off_t len)`; mode FALLOC_FL_*. fallocate(2). */
export function fallocate(fd: Fd, range: FileRange & { mode: FallocateMode }): void {
  const { offsetBytes, lengthBytes, mode } = range;
  checkOffset("offsetBytes", offsetBytes);
  checkOffset("lengthBytes", lengthBytes);
  const result = retryEintr(() => libc.fallocate(fd.number, checkUint("mode", mode), offsetBytes, lengthBytes));
  checked(result, "fallocate", fd.label);
}

/** `int fsync(int fd)`; with `dataOnly`, fdatasync(2). */
export function sync(fd: Fd, options: { dataOnly?: boolean } = {}): void {
  const call = options.dataOnly === true ? libc.fdatasync : libc.fsync;
  checked(
    retryEintr(() => call(fd.number)),
    options.dataOnly === true ? "fdatasync" : "fsync",
    fd.label,
  );
}

/** `int sync_file_range(int fd, off_t offset, off_t nbytes, unsigned flags)`; a length of 0 means to the end. */
export function syncRange(fd: Fd, range: FileRange & { flags: SyncRangeFlags }): void {
  const { offsetBytes, lengthBytes, flags } = range;
  checkOffset("offsetBytes", offsetBytes);
  checkOffset("lengthBytes", lengthBytes);
  checkUint("flags", flags);
  checked(
    retryEintr(() => libc.sync_file_range(fd.number, offsetBytes, lengthBytes, flags)),
    "sync_file_range",
    fd.label,
  );
}

/** Drops the file's clean pages from the page cache (posix_fadvise(2) POSIX_FADV_DONTNEED); sync first. */
export function dropCache(fd: Fd): void {
  // posix_fadvise returns the error number itself, positive.
  checkedNegative(-libc.posix_fadvise(fd.number, 0, 0, F.POSIX_FADV_DONTNEED), "posix_fadvise", fd.label);
}

/** `off_t lseek(int fd, off_t offset, int whence)`; the new position. lseek(2). */
export function seek(fd: Fd, options: { readonly offsetBytes: number; readonly whence: Whence }): number {
  const { offsetBytes, whence } = options;
  if (!Number.isSafeInteger(offsetBytes))
    throw new RangeError(`offsetBytes must be a whole number, not ${offsetBytes}`);
  return checked(libc.lseek(fd.number, offsetBytes, checkUint("whence", whence)), "lseek", fd.label);
}

/**
 * The next range of data at or after `offsetBytes` (SEEK_DATA, SEEK_HOLE), or undefined when only a hole follows.
 * A file system that keeps no holes answers with everything up to the end. Moves the file position, as lseek(2) does.
 */
export function nextData(fd: Fd, { offsetBytes }: Pick<FileRange, "offsetBytes">): FileRange | undefined {
  checkOffset("offsetBytes", offsetBytes);
  const start = negated(libc.lseek(fd.number, offsetBytes, F.SEEK_DATA));
  if (start === -ERRNO.ENXIO) return undefined;
  checkedNegative(start, "lseek", `${fd.label}, SEEK_DATA`);
  const end = seek(fd, { offsetBytes: start, whence: F.SEEK_HOLE });
  return { offsetBytes: start, lengthBytes: end - start };
}

/** `int futimens(int fd, NULL)`: access and modification time become now. futimens(3). */
export function touch(fd: Fd): void {
  checked(libc.futimens(fd.number, 0), "futimens", fd.label);
}

/** `int unlink(const char *path)`. */
export function unlink(path: Path): void {
  using name = cString(path);
  checked(libc.unlink(name.address), "unlink", () => `"${pathText(path)}"`);
}
