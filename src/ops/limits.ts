/**
 * Limits of this process. Owns getrlimit(2) and setrlimit(2) on open files and processes.
 */
import { libc } from "../sys/libc.ts";
import { rlimit } from "../sys/uapi/fcntl.ts";
import { RLIMIT_NOFILE, RLIMIT_NPROC } from "../sys/uapi/mount.ts";
import { allocate } from "./memory.ts";

/** Fewer open files than this and the runtime itself ends in the middle of a run. */
const FILES_MIN = 32;
/** With fewer threads the runtime aborts, here or in a process that a run starts, or waits for one without end. */
const PROCESSES_MIN = 64;

/** Which limit is too narrow for a run, and what to do; undefined when none is. Raises the limit of open files first. */
export function narrowLimit(): string | undefined {
  const files = raiseFileLimit();
  if (files < FILES_MIN) return `this process may open ${files} files: raise it (ulimit -n 256)`;
  const processes = processLimit();
  if (processes >= PROCESSES_MIN) return undefined;
  return `this user may have ${processes} processes and threads: raise it (ulimit -u 256)`;
}

/** Raises the soft limit of open files to the hard one; how many files this process may then open. getrlimit(2). */
export function raiseFileLimit(): number {
  using limits = allocate(rlimit.sizeBytes);
  if (libc.getrlimit(RLIMIT_NOFILE, limits.address) < 0) return 1024;
  const at = rlimit.offsets;
  const hard = limits.view.getUint32(at.rlim_max, true) + limits.view.getUint32(at.rlim_max + 4, true) * 2 ** 32;
  const before = limits.view.getUint32(at.rlim_cur, true);
  limits.bytes.copyWithin(at.rlim_cur, at.rlim_max, at.rlim_max + 8);
  return libc.setrlimit(RLIMIT_NOFILE, limits.address) < 0 ? before : hard;
}

/** How many processes and threads this user may have, all of them together; root is not limited. getrlimit(2), RLIMIT_NPROC. */
function processLimit(): number {
  if (process.geteuid?.() === 0) return Infinity;
  using limits = allocate(rlimit.sizeBytes);
  if (libc.getrlimit(RLIMIT_NPROC, limits.address) < 0) return Infinity;
  const at = rlimit.offsets.rlim_cur;
  return limits.view.getUint32(at, true) + limits.view.getUint32(at + 4, true) * 2 ** 32;
}
