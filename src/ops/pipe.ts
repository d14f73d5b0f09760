/**
 * Pipes: pipe2(2), their capacity, and how many bytes wait inside.
 *
 * Owns both ends of a pipe and its size. A capacity the system refuses (/proc/sys/fs/pipe-max-size for one pipe,
 * pipe-user-pages-soft for all pipes of a user) is an answer, not an error: `openPipe` keeps what it got and gives the reason.
 */
import { negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { F_GETPIPE_SZ, F_SETPIPE_SZ, O_CLOEXEC, O_NONBLOCK } from "../sys/uapi/fcntl.ts";
import { FIONREAD } from "../sys/uapi/mount.ts";
import { assert, checked } from "./errors.ts";
import { Fd } from "./fd.ts";
import { checkTransfer } from "./integers.ts";
import { allocate } from "./memory.ts";

/** What a new pipe holds unless asked otherwise (16 pages). pipe(7). */
export const PIPE_BYTES_DEFAULT = 65_536;

export class Pipe implements Disposable {
  readonly readEnd: Fd;
  readonly writeEnd: Fd;
  /** What the kernel made of the size asked for: a power of two of pages. */
  readonly capacityBytes: number;
  /** -errno of a refused size: -EPERM when a limit forbids it; 0 when it was granted. */
  readonly refusal: number;

  constructor(ends: { readEnd: Fd; writeEnd: Fd }, askedBytes: number | undefined) {
    this.readEnd = ends.readEnd;
    this.writeEnd = ends.writeEnd;
    const result = askedBytes === undefined ? 0 : trySetPipeCapacity(ends.writeEnd, askedBytes);
    this.refusal = Math.min(0, result);
    this.capacityBytes = pipeCapacity(ends.writeEnd);
  }

  [Symbol.dispose](): void {
    this.readEnd.close();
    this.writeEnd.close();
  }
}

/** What a new pipe should be. */
export interface PipeOptions {
  /** Rounded up by the kernel to a power of two of pages; see `Pipe.refusal`. */
  readonly capacityBytes?: number;
  /** O_NONBLOCK on both ends. A blocking pipe still does not wait where SPLICE_F_NONBLOCK is passed. */
  readonly nonblocking?: boolean;
  readonly label?: string;
}

/** `int pipe2(int pipefd[2], int flags)` with O_CLOEXEC added, then F_SETPIPE_SZ. pipe(2), fcntl(2). */
export function openPipe(options: PipeOptions = {}): Pipe {
  using ends = allocate(8);
  const flags = O_CLOEXEC | (options.nonblocking === true ? O_NONBLOCK : 0);
  checked(libc.pipe2(ends.address, flags), "pipe2");
  const label = options.label ?? "pipe";
  const readEnd = new Fd(ends.view.getInt32(0, true), `${label}, read end`);
  const writeEnd = new Fd(ends.view.getInt32(4, true), `${label}, write end`);
  try {
    return new Pipe({ readEnd, writeEnd }, options.capacityBytes);
  } catch (error) {
    readEnd.close();
    writeEnd.close();
    throw error;
  }
}

/** `fcntl(fd, F_SETPIPE_SZ, bytes)`: the new capacity, or -EPERM above a limit, -EBUSY below what is queued. fcntl(2). */
export function trySetPipeCapacity(end: Fd, capacityBytes: number): number {
  checkTransfer("capacityBytes", capacityBytes);
  return negated(libc.fcntl(end.number, F_SETPIPE_SZ, capacityBytes));
}

/** `fcntl(fd, F_GETPIPE_SZ)`. fcntl(2). */
export function pipeCapacity(end: Fd): number {
  return checked(libc.fcntl(end.number, F_GETPIPE_SZ, 0), "fcntl", () => `${end.label}, F_GETPIPE_SZ`);
}

/** `ioctl(fd, FIONREAD, &n)`: bytes that wait in a pipe or a socket's receive queue. pipe(7), tcp(7). */
export function queuedBytes(end: Fd): number {
  using count = allocate(4);
  checked(libc.ioctl(end.number, FIONREAD, count.address), "ioctl", () => `${end.label}, FIONREAD`);
  const bytes = count.view.getInt32(0, true);
  assert(bytes >= 0, "FIONREAD answered with a negative count");
  return bytes;
}
