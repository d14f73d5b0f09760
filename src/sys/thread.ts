/**
 * Threads by their kernel numbers, and a signal that only wakes one of them.
 *
 * Owns gettid(2), tgkill(2) and the numbers of the system calls that /proc names by number. The wake-up signal is a
 * real-time one that neither Bun nor JavaScriptCore uses; its handler is a function of libc that does nothing.
 */
import { libc } from "./libc.ts";

const ARM64 = process.arch === "arm64";

/** Numbers of system calls, as /proc/PID/task/TID/syscall prints them. asm/unistd_64.h, asm-generic/unistd.h. */
export const SYS = {
  read: ARM64 ? 63 : 0,
  write: ARM64 ? 64 : 1,
  pread64: ARM64 ? 67 : 17,
  pwrite64: ARM64 ? 68 : 18,
  sendfile: ARM64 ? 71 : 40,
  vmsplice: ARM64 ? 75 : 278,
  splice: ARM64 ? 76 : 275,
  tee: ARM64 ? 77 : 276,
  fsync: ARM64 ? 82 : 74,
  tgkill: ARM64 ? 131 : 234,
  gettid: ARM64 ? 178 : 186,
  sendto: ARM64 ? 206 : 44,
  recvfrom: ARM64 ? 207 : 45,
  accept4: ARM64 ? 242 : 288,
  copy_file_range: ARM64 ? 285 : 326,
  pwritev2: ARM64 ? 287 : 328,
  io_uring_enter: 426,
  io_uring_register: 427,
} as const;

export type SyscallName = keyof typeof SYS;

/** SIGRTMAX - 1 on Linux. */
const WAKE_SIGNAL = 63;

/** The calling thread's number. gettid(2). */
export function gettid(): number {
  return libc.syscall(SYS.gettid, 0, 0, 0, 0, 0, 0);
}

/** Makes WAKE_SIGNAL interrupt system calls (EINTR instead of a restart) and do nothing else, in every thread. */
export function installWakeSignal(): number {
  // getppid(2) is async-signal-safe (signal-safety(7)), ignores the argument a handler gets, and changes nothing.
  const handler = (libc.getppid as unknown as { ptr: number }).ptr;
  if (libc.signal(WAKE_SIGNAL, handler) < 0) return -1;
  return libc.siginterrupt(WAKE_SIGNAL, 1);
}

/** Sends WAKE_SIGNAL to one thread of this process: 0, or -1 and errno. tgkill(2). */
export function wakeThread(tid: number): number {
  return libc.syscall(SYS.tgkill, process.pid, tid, WAKE_SIGNAL, 0, 0, 0);
}
