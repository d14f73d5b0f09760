/**
 * Limits of this process. Owns getrlimit(2) and setrlimit(2) on open files.
 */
import { libc } from "../sys/libc.ts";
import { rlimit } from "../sys/uapi/fcntl.ts";
import { RLIMIT_NOFILE } from "../sys/uapi/mount.ts";
import { allocate } from "./memory.ts";

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
