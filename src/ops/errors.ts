/**
 * The one place where -errno becomes a value or an error.
 *
 * Owns `SyscallError` and the hints on what to do. Refuses to decide: callers that can go on name the errnos they
 * expect. Three kinds of bad news never mix: the kernel refused (SyscallError), we are wrong (AssertionError), the data
 * is wrong (a Finding value, see verify/finding.ts).
 */
import { ERRNO, type ErrnoName, errno, errnoName } from "../sys/errno.ts";

export { AssertionError, assert, Inconclusive, UsageError } from "./problems.ts";

const TEXTS: Partial<Record<string, string>> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  EINTR: "interrupted by a signal",
  EIO: "input/output error",
  EBADF: "bad file descriptor",
  EAGAIN: "would block",
  ENOMEM: "out of memory",
  EACCES: "permission denied",
  EFAULT: "bad address",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  ENODEV: "no such device",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  ENFILE: "too many open files in the system",
  EMFILE: "too many open files",
  EFBIG: "file too large",
  ENOSPC: "no space left on device",
  ESPIPE: "illegal seek",
  EROFS: "read-only file system",
  EPIPE: "broken pipe",
  ENAMETOOLONG: "file name too long",
  ENOSYS: "function not implemented",
  EOPNOTSUPP: "operation not supported",
  ENOTSOCK: "not a socket",
  ENOPROTOOPT: "no such option of this socket",
  EPROTONOSUPPORT: "protocol not supported",
  EAFNOSUPPORT: "address family not supported",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "not an address of this machine",
  ENETUNREACH: "network unreachable",
  EHOSTUNREACH: "no route to the host",
  EISCONN: "already connected",
  ENOTCONN: "not connected",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  ETIMEDOUT: "timed out",
  EXDEV: "not on one file system",
  ENXIO: "no such device or address",
  ENODATA: "no data",
  ECHILD: "no child process",
  ESRCH: "no such process",
  EOVERFLOW: "value too large",
  EDQUOT: "disk quota exceeded",
  ESTALE: "stale file handle",
};

/** What to do about an errno, where one sentence fits every call. */
const HINTS: Partial<Record<string, string>> = {
  EACCES: "check the permissions of the path and of the directories above it, or run as a user who has them",
  EMFILE: "raise the limit with `ulimit -n`",
  ENOSPC: "free space, or choose a smaller file size",
  EDQUOT: "free space within the quota, or choose a smaller file size",
  EFBIG: "raise the limit with `ulimit -f`, or choose a smaller file size",
  EROFS: "choose a directory on a writable file system",
};

/** A system call the kernel refused. `errno` is positive; `code` its name. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  /** The C function: "openat", "io_uring_setup". */
  readonly call: string;
  readonly errno: number;
  readonly code: string;
  /** What was asked, for people: `"/mnt/xfs/repro.0", O_APPEND`. */
  readonly args: string;
  readonly hint: string | undefined;

  constructor(call: string, errno: number, args = "", hint?: string) {
    const code = errnoName(errno);
    const advice = hint ?? HINTS[code];
    const text = TEXTS[code];
    super(
      `${call}(${args}): ${code}${text === undefined ? "" : ` (${text})`}${advice === undefined ? "" : `; ${advice}`}`,
    );
    this.call = call;
    this.errno = errno;
    this.code = code;
    this.args = args;
    this.hint = advice;
  }

  /** True when the errno is one of those named. */
  is(...names: ErrnoName[]): boolean {
    return names.some((name) => ERRNO[name] === this.errno);
  }
}

/** Narrow test for catch clauses: `if (isSyscallError(error, "EEXIST")) …`. */
export function isSyscallError(error: unknown, ...names: ErrnoName[]): error is SyscallError {
  return error instanceof SyscallError && (names.length === 0 || error.is(...names));
}

/** The result of a libc call, or a SyscallError made from errno. Call it directly on the result: errno is volatile. */
export function checked(result: number, call: string, args?: string | (() => string)): number {
  if (result >= 0) return result;
  const number = errno();
  throw new SyscallError(call, number, typeof args === "function" ? args() : args);
}

/** The result of a call that returns -errno itself (liburing, CQEs), or a SyscallError. */
export function checkedNegative(result: number, call: string, args?: string, hint?: string): number {
  if (result >= 0) return result;
  throw new SyscallError(call, -result, args, hint);
}
