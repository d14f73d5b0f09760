/**
 * Whether the kernel has put a thread to sleep inside a named system call: proc(5), /proc/PID/task/TID/syscall.
 *
 * Owns the reading: "275 0x3 0x0 …" while blocked in call 275, "running" otherwise. Refuses to guess about threads that
 * are gone or not ours: they are not asleep.
 */
import { readFileSync } from "node:fs";
import { SYS, type SyscallName } from "../../sys/thread.ts";

/** Waits until the thread sleeps in `name`: true, or false when `going` turned false first or `timeoutMs` passed. */
export async function untilAsleep(
  thread: { readonly pid: number | "self"; readonly tid: number },
  name: SyscallName,
  limits: { readonly timeoutMs: number; readonly going: () => boolean },
): Promise<boolean> {
  const deadlineMs = performance.now() + limits.timeoutMs;
  while (limits.going() && performance.now() < deadlineMs) {
    if (sleepsIn(`/proc/${thread.pid}/task/${thread.tid}/syscall`, SYS[name])) return true;
    await Bun.sleep(1);
  }
  return false;
}

function sleepsIn(path: string, number: number): boolean {
  try {
    return readFileSync(path, "utf8").startsWith(`${number} `);
  } catch {
    return false;
  }
}
