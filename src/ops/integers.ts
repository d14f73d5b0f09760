/**
 * Integers before they cross to C.
 *
 * bun:ffi wraps integers silently and turns undefined, NaN and objects into 0 (a file descriptor of 0, a NULL pointer).
 * Every safe verb checks its arguments here first; a wrong one is a RangeError that names it.
 */

const TRANSFER_BYTES_MAX = 0x7ffff000; // read(2): Linux transfers at most this much in one call.

function refuse(name: string, value: unknown, wanted: string): never {
  throw new RangeError(
    `${name} must be ${wanted}, not ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
  );
}

/** A file descriptor: 0 to 2^31 - 1. */
export function checkFd(fd: number): number {
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) refuse("fd", fd, "an open file descriptor");
  return fd;
}

/** A C `int`. */
export function checkInt(name: string, value: number): number {
  if (!Number.isInteger(value) || value < -0x80000000 || value > 0x7fffffff) refuse(name, value, "a 32-bit integer");
  return value;
}

/** A C `unsigned int`, flags for example. */
export function checkUint(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) refuse(name, value, "an unsigned 32-bit integer");
  return value;
}

/** A length one call can transfer: 0 to 0x7ffff000 bytes. */
export function checkTransfer(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > TRANSFER_BYTES_MAX) {
    refuse(name, value, `a length from 0 to ${TRANSFER_BYTES_MAX} bytes`);
  }
  return value;
}

/** A file offset or length: 0 to 2^53 - 1. */
export function checkOffset(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) refuse(name, value, "an offset from 0 to 2^53 - 1");
  return value;
}

/** A user-space address: above the first page, exact in a double. */
export function checkAddress(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 4096) refuse(name, value, "a mapped address");
  return value;
}

/** "Use the file position" (or, with O_APPEND, the end of file): offset -1 of io_uring and preadv2. A value, not a bare -1. */
export const AT_FILE_POSITION = -1;

/** A file offset, or AT_FILE_POSITION. */
export function checkPosition(name: string, value: number): number {
  return value === AT_FILE_POSITION ? value : checkOffset(name, value);
}
