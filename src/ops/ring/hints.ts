/**
 * Why there is no ring and what to do, in one sentence: liburing that cannot be opened, io_uring_setup(2) that refuses.
 *
 * Owns the words, from what this machine reports about itself. Changes nothing.
 */
import { readFileSync } from "node:fs";
import { ERRNO } from "../../sys/errno.ts";
import { liburing } from "../../sys/liburing.ts";
import { SyscallError } from "../errors.ts";
import { setupCommand } from "../shell.ts";

/** liburing's functions, or a SyscallError that explains how to get them. */
export function liburingSymbols() {
  const loaded = liburing();
  if (loaded.name !== undefined) return loaded.symbols;
  const hint = `install it: \`${setupCommand()}\`, or the package liburing2 (Debian) or liburing (Fedora, SUSE, Arch, Alpine)`;
  const missing = loaded.reason.includes("No such file") || loaded.reason.includes("cannot open shared object");
  // A library that is there but broken, or too old to have a symbol: the loader's own words name it.
  if (!missing) throw new SyscallError("dlopen", ERRNO.EINVAL, `liburing.so.2; ${loaded.reason}`, `re${hint}`);
  throw new SyscallError("dlopen", ERRNO.ENOENT, "liburing.so.2", hint);
}

function sysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/kernel/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** What to do about an errno of io_uring_setup(2); `read` answers for a sysctl under kernel. (tests give their own). */
export function ringHint(number: number, read: (name: string) => string | undefined = sysctl): string | undefined {
  if (number === ERRNO.ENOSYS) {
    return "this kernel has no io_uring, or a seccomp filter hides it (containers: allow io_uring_setup, io_uring_enter, io_uring_register)";
  }
  if (number === ERRNO.EPERM || number === ERRNO.EACCES) {
    const disabled = read("io_uring_disabled");
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
