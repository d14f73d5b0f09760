/**
 * errno: the number of the calling thread, and its names.
 *
 * Owns the view of `*__errno_location()` and the table of errno values (asm-generic/errno-base.h, errno.h: the values
 * of x86-64 and aarch64). Read errno right after the failing call: an `await` or another failing call replaces it.
 */
import { libc } from "./libc.ts";
import { arrayBufferAt } from "./memory.ts";

// One view per thread: every Worker loads this module anew and gets the address of its own errno.
let view: Int32Array | undefined;

/** Made at the first question. Binding one more function of libc leaves errno as it is (test/sys/library.test.ts). */
function viewed(): Int32Array {
  view ??= new Int32Array(arrayBufferAt(libc.__errno_location(), 4));
  return view;
}

/** The errno of the last failing libc call of this thread. */
export function errno(): number {
  return viewed()[0] as number;
}

/** Puts back what a callee left, for whoever made calls of its own in between. */
export function setErrno(value: number): void {
  viewed()[0] = value;
}

/** Turns libc's -1 into -errno, so that everything below `ops` speaks one convention. */
export function negated(result: number): number {
  return result < 0 ? -(viewed()[0] as number) : result;
}

export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  ENOTBLK: 15,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  ETIME: 62,
  EPROTO: 71,
  EBADMSG: 74,
  EOVERFLOW: 75,
  EBADFD: 77,
  EUSERS: 87,
  ENOTSOCK: 88,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  EINPROGRESS: 115,
  ESTALE: 116,
  EUCLEAN: 117,
  EDQUOT: 122,
  ECANCELED: 125,
} as const;

export type ErrnoName = keyof typeof ERRNO;

const NAMES = new Map<number, ErrnoName>(
  Object.entries(ERRNO).map(([name, value]) => [value, name as ErrnoName] as const),
);

/** "EAGAIN" for 11; "errno 512" for a number without a name here. */
export function errnoName(value: number): string {
  return NAMES.get(value) ?? `errno ${value}`;
}
