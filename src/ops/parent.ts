/**
 * A process that does not outlive the one that started it.
 *
 * Owns the tie, and the moment before it: a parent that died while this process was starting sends no signal any more.
 */
import { libc } from "../sys/libc.ts";
import { PR_SET_PDEATHSIG } from "../sys/uapi/mount.ts";
import { checked } from "./errors.ts";

/** `prctl(PR_SET_PDEATHSIG, signal)`: sent when the parent ends, at once when `parentPid` has ended already. prctl(2). */
export function dieWithParent(parentPid: number, signal: number): void {
  checked(libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl", "PR_SET_PDEATHSIG");
  if (libc.getppid() !== parentPid) process.kill(process.pid, signal);
}
