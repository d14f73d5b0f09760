/**
 * Bytes that move between descriptors inside the kernel: splice(2), tee(2), vmsplice(2), sendfile(2).
 *
 * One transfer per call: the count is data, 0 is the end of the input. The verbs that begin with `try` return -errno;
 * they cost a few nanoseconds above the system call and are what hot loops use. Offsets are never passed: descriptors
 * with a position use it (both offset pointers are NULL).
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { assert, checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { checkTransfer, checkUint } from "./integers.ts";
import { throwIfInterrupted } from "./signals.ts";

export { SPLICE_F_GIFT, SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK } from "../sys/uapi/fcntl.ts";

/**
 * `ssize_t splice(int fd_in, NULL, int fd_out, NULL, size_t len, unsigned int flags)`: bytes moved, 0 at the end of
 * the input, or -errno. One of the two must be a pipe. -EAGAIN has three causes that the result does not tell apart:
 * nothing to read, pipe full, no room to write. -EINTR is returned, not retried. splice(2).
 */
export function trySplice(from: Fd, to: Fd, lengthBytes: number, flags: number): number {
  const result = libc.splice(from.number, 0, to.number, 0, lengthBytes, flags);
  if (result < 0) return negated(result);
  assert(result <= lengthBytes, "splice moved more than it was asked for");
  return result;
}

/** `trySplice` with checked arguments and EINTR retried; a refusal is a SyscallError. splice(2). */
export function splice(from: Fd, to: Fd, options: { lengthBytes: number; flags: number }): number {
  checkTransfer("lengthBytes", options.lengthBytes);
  checkUint("flags", options.flags);
  const result = uninterrupted(() => trySplice(from, to, options.lengthBytes, options.flags));
  return checkedNegative(result, "splice", `${from.label} -> ${to.label}`, hintFor(result));
}

/** Loops `splice` until all bytes moved or the input ended; the count moved. */
export function spliceExactly(from: Fd, to: Fd, options: { lengthBytes: number; flags: number }): number {
  let moved = 0;
  while (moved < options.lengthBytes) {
    const got = splice(from, to, { lengthBytes: options.lengthBytes - moved, flags: options.flags });
    if (got === 0) break;
    moved += got;
  }
  return moved;
}

/**
 * `ssize_t tee(int fd_in, int fd_out, size_t len, unsigned int flags)`: duplicates what waits in one pipe into another
 * without consuming it; the count, or -errno (-EINVAL: not two pipes, or the same one). tee(2).
 */
export function tryTee(from: Fd, to: Fd, lengthBytes: number, flags: number): number {
  const result = libc.tee(from.number, to.number, lengthBytes, flags);
  if (result < 0) return negated(result);
  assert(result <= lengthBytes, "tee duplicated more than it was asked for");
  return result;
}

/** `tryTee` with checked arguments and EINTR retried; a refusal is a SyscallError. tee(2). */
export function tee(from: Fd, to: Fd, options: { lengthBytes: number; flags: number }): number {
  checkTransfer("lengthBytes", options.lengthBytes);
  checkUint("flags", options.flags);
  const result = uninterrupted(() => tryTee(from, to, options.lengthBytes, options.flags));
  return checkedNegative(result, "tee", `${from.label} -> ${to.label}`, hintFor(result));
}

/** What EINVAL means for these calls, which the errno alone does not say. */
export function hintFor(result: number): string | undefined {
  if (result === -ERRNO.EINVAL) return "one of the two must be a pipe, and the other must support splice";
  return undefined;
}

function uninterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -ERRNO.EINTR) return result;
    throwIfInterrupted();
  }
}
