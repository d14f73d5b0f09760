/**
 * Copies between files inside the kernel: copy_file_range(2), sendfile(2).
 *
 * One transfer per call: the count is data and may be short, 0 is the end of the input. Descriptors' own positions are
 * used (NULL offset pointers) unless offsets are given. The verbs that begin with `try` return -errno.
 */
import { negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { assert, checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { AT_FILE_POSITION, checkTransfer } from "./integers.ts";
import { offsetPointer } from "./offset-pointer.ts";
import { retryEintr } from "./signals.ts";

/** How much to copy, and where from and to. */
export interface CopyOptions {
  readonly lengthBytes: number;
  /** Where to read; AT_FILE_POSITION (a NULL pointer) unless given. */
  readonly fromOffsetBytes?: number;
  /** Where to write; AT_FILE_POSITION (a NULL pointer) unless given. */
  readonly toOffsetBytes?: number;
}

/**
 * `ssize_t copy_file_range(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t len, 0)`: bytes copied, 0 at
 * the end of the input, or -errno (-EXDEV: two file systems that cannot; -EINVAL: not two files). copy_file_range(2).
 */
export function tryCopyFileRange(from: Fd, to: Fd, options: CopyOptions): number {
  const { fromOffsetBytes = AT_FILE_POSITION, toOffsetBytes = AT_FILE_POSITION } = options;
  const lengthBytes = checkTransfer("lengthBytes", options.lengthBytes);
  const input = fromOffsetBytes === AT_FILE_POSITION ? 0 : offsetPointer("from", fromOffsetBytes);
  const output = toOffsetBytes === AT_FILE_POSITION ? 0 : offsetPointer("to", toOffsetBytes);
  const result = negated(retryEintr(() => libc.copy_file_range(from.number, input, to.number, output, lengthBytes, 0)));
  assert(result <= lengthBytes, "copy_file_range copied more than it was asked for");
  return result;
}

/** `tryCopyFileRange`; a refusal is a SyscallError. copy_file_range(2). */
export function copyFileRange(from: Fd, to: Fd, options: CopyOptions): number {
  return checkedNegative(tryCopyFileRange(from, to, options), "copy_file_range", `${from.label} -> ${to.label}`);
}

/**
 * `ssize_t sendfile(int out_fd, int in_fd, off_t *offset, size_t count)`: bytes moved, 0 at the end of the input, or
 * -errno. The input must be a file; the output always uses its own position. sendfile(2).
 */
export function trySendFile(from: Fd, to: Fd, options: Omit<CopyOptions, "toOffsetBytes">): number {
  const { fromOffsetBytes = AT_FILE_POSITION } = options;
  const lengthBytes = checkTransfer("lengthBytes", options.lengthBytes);
  const input = fromOffsetBytes === AT_FILE_POSITION ? 0 : offsetPointer("from", fromOffsetBytes);
  const result = negated(retryEintr(() => libc.sendfile(to.number, from.number, input, lengthBytes)));
  assert(result <= lengthBytes, "sendfile moved more than it was asked for");
  return result;
}

/** `trySendFile`; a refusal is a SyscallError. sendfile(2). */
export function sendFile(from: Fd, to: Fd, options: Omit<CopyOptions, "toOffsetBytes">): number {
  return checkedNegative(trySendFile(from, to, options), "sendfile", `${from.label} -> ${to.label}`);
}
