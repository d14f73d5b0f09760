/**
 * Bytes that move between descriptors inside the kernel: splice(2), tee(2), vmsplice(2).
 *
 * One transfer per call: the count is data, 0 is the end of the input. The verbs that begin with `try` return -errno;
 * they cost a few nanoseconds above the system call and are what hot loops use. A descriptor's own position is used
 * (NULL offset pointer) unless an offset is given. Copies between files are copy.ts's.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import type { SpliceFlags } from "../sys/uapi/flags.ts";
import { assert, checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import type { IoVectors } from "./file.ts";
import { AT_FILE_POSITION, checkPosition, checkTransfer, checkUint } from "./integers.ts";
import { offsetPointer } from "./offset-pointer.ts";
import { retryInterrupted } from "./signals.ts";

export { SPLICE_F_GIFT, SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK } from "../sys/uapi/fcntl.ts";

/** How much to move, with which flags. */
export interface TransferOptions {
  readonly lengthBytes: number;
  readonly flags: SpliceFlags;
}

/** How much to move, with which flags, and where from and to. */
export interface SpliceOptions extends TransferOptions {
  /** Where to read in a file that is not a pipe; AT_FILE_POSITION (a NULL pointer) unless given. */
  readonly fromOffsetBytes?: number;
  /** Where to write in a file that is not a pipe; AT_FILE_POSITION (a NULL pointer) unless given. */
  readonly toOffsetBytes?: number;
}

/**
 * `ssize_t splice(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t len, unsigned int flags)`: bytes moved,
 * 0 at the end of the input, or -errno. One of the two must be a pipe, which has no offset. -EAGAIN has three causes
 * that the result does not distinguish: nothing to read, pipe full, no room to write. -EINTR is returned, not retried.
 * splice(2).
 */
export function trySplice(from: Fd, to: Fd, options: SpliceOptions): number {
  const { lengthBytes, flags, fromOffsetBytes = AT_FILE_POSITION, toOffsetBytes = AT_FILE_POSITION } = options;
  const input = fromOffsetBytes === AT_FILE_POSITION ? 0 : offsetPointer("from", fromOffsetBytes);
  const output = toOffsetBytes === AT_FILE_POSITION ? 0 : offsetPointer("to", toOffsetBytes);
  const result = libc.splice(from.number, input, to.number, output, lengthBytes, flags);
  if (result < 0) return negated(result);
  assert(result <= lengthBytes, "splice moved more than it was asked for");
  return result;
}

/** `trySplice` with checked arguments and EINTR retried; a refusal is a SyscallError. splice(2). */
export function splice(from: Fd, to: Fd, options: SpliceOptions): number {
  checkTransfer("lengthBytes", options.lengthBytes);
  checkUint("flags", options.flags);
  checkPosition("fromOffsetBytes", options.fromOffsetBytes ?? AT_FILE_POSITION);
  checkPosition("toOffsetBytes", options.toOffsetBytes ?? AT_FILE_POSITION);
  const result = retryInterrupted(() => trySplice(from, to, options));
  return checkedNegative(result, "splice", `${from.label} -> ${to.label}`, hintFor(result));
}

/** Loops `splice` until all bytes moved or the input ended; the count moved. Given offsets advance. */
export function spliceExactly(from: Fd, to: Fd, options: SpliceOptions): number {
  const at = (offsetBytes: number | undefined, moved: number) =>
    offsetBytes === undefined || offsetBytes === AT_FILE_POSITION ? AT_FILE_POSITION : offsetBytes + moved;
  let moved = 0;
  while (moved < options.lengthBytes) {
    const got = splice(from, to, {
      flags: options.flags,
      lengthBytes: options.lengthBytes - moved,
      fromOffsetBytes: at(options.fromOffsetBytes, moved),
      toOffsetBytes: at(options.toOffsetBytes, moved),
    });
    if (got === 0) break;
    moved += got;
  }
  return moved;
}

/**
 * `ssize_t tee(int fd_in, int fd_out, size_t len, unsigned int flags)`: duplicates what waits in one pipe into another
 * without consuming it; the count, or -errno (-EINVAL: not two pipes, or the same one). tee(2).
 */
export function tryTee(from: Fd, to: Fd, { lengthBytes, flags }: TransferOptions): number {
  const result = libc.tee(from.number, to.number, lengthBytes, flags);
  if (result < 0) return negated(result);
  assert(result <= lengthBytes, "tee duplicated more than it was asked for");
  return result;
}

/** `tryTee` with checked arguments and EINTR retried; a refusal is a SyscallError. tee(2). */
export function tee(from: Fd, to: Fd, options: TransferOptions): number {
  checkTransfer("lengthBytes", options.lengthBytes);
  checkUint("flags", options.flags);
  const result = retryInterrupted(() => tryTee(from, to, options));
  return checkedNegative(result, "tee", `${from.label} -> ${to.label}`, hintFor(result));
}

/**
 * `ssize_t vmsplice(int fd, const struct iovec *iov, size_t nr_segs, unsigned int flags)`: the pages of the buffers
 * themselves become the pipe's content; the count, or -errno. What is stored into them before they are read is what the
 * reader gets, so a buffer belongs to the pipe until it was read. vmsplice(2).
 */
export function tryVmsplice(pipeEnd: Fd, vectors: IoVectors, options: { readonly flags: SpliceFlags }): number {
  checkUint("flags", options.flags);
  const result = negated(libc.vmsplice(pipeEnd.number, vectors.memory.at(0), vectors.count, options.flags));
  assert(result <= vectors.lengthBytes, "vmsplice moved more than it was asked for");
  return result;
}

/** `tryVmsplice` with EINTR retried; a refusal is a SyscallError. vmsplice(2). */
export function vmsplice(pipeEnd: Fd, vectors: IoVectors, options: { readonly flags: SpliceFlags }): number {
  const result = retryInterrupted(() => tryVmsplice(pipeEnd, vectors, options));
  return checkedNegative(result, "vmsplice", pipeEnd.label);
}

/** What EINVAL means for these calls, which the errno alone does not show. */
export function hintFor(result: number): string | undefined {
  if (result === -ERRNO.EINVAL) return "one of the two must be a pipe, and the other must support splice";
  return undefined;
}
