/** Why io_uring_setup(2) refused, and what to do: one sentence per errno, from what this machine says of itself. */
import { readFileSync } from "node:fs";
import { ERRNO } from "../sys/errno.ts";

function sysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/kernel/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}

export function ringHint(number: number): string | undefined {
  if (number === ERRNO.ENOSYS) {
    return "this kernel has no io_uring, or a seccomp filter hides it (containers: allow io_uring_setup, io_uring_enter, io_uring_register)";
  }
  if (number === ERRNO.EPERM || number === ERRNO.EACCES) {
    const disabled = sysctl("io_uring_disabled");
    if (disabled !== undefined && disabled !== "0") {
      return `io_uring is disabled here (kernel.io_uring_disabled=${disabled}); as root: sysctl kernel.io_uring_disabled=0`;
    }
    return "a seccomp filter or security module forbids io_uring (containers: allow io_uring_setup, io_uring_enter, io_uring_register)";
  }
  if (number === ERRNO.ENOMEM) {
    return "the locked-memory limit is too small for the rings: raise it with `ulimit -l`, or use fewer entries";
  }
  if (number === ERRNO.EINVAL) return "entries must lie between 1 and 32768";
  return undefined;
}
