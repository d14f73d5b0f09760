/**
 * Mounts that cannot outlive the process: mount(2) in a private mount namespace, files without a name.
 *
 * Owns mount(2), umount2(2), unshare(2). By construction nothing stays behind, not even after SIGKILL: a mount vanishes
 * with the last process of its namespace. unshare(2) changes the calling thread only: descriptors and paths of this
 * thread (and of children and Workers it starts later) see the mount, Bun's own helper threads do not, so use the
 * synchronous calls of node:fs below it.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as F from "../sys/uapi/fcntl.ts";
import type { MountFlags } from "../sys/uapi/flags.ts";
import * as M from "../sys/uapi/mount.ts";
import { checked, checkedNegative, isSyscallError } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { openFile, type Path, pathText } from "./file.ts";
import { checkUint } from "./integers.ts";
import { cString } from "./memory.ts";
import { unlink } from "./space.ts";

/** Moves this thread into a mount namespace of its own, whose mounts no one else sees. Needs CAP_SYS_ADMIN. */
export function enterPrivateMountNamespace(): void {
  const hint = "making a private mount needs root (CAP_SYS_ADMIN)";
  const result = negated(libc.unshare(M.CLONE_NEWNS));
  checkedNegative(result, "unshare", "CLONE_NEWNS", result === -ERRNO.EPERM ? hint : undefined);
  try {
    makePrivate("/");
  } catch (error) {
    if (!isSyscallError(error, "EINVAL")) throw error;
    atNamespaceRoot(() => makePrivate("/"));
  }
}

function makePrivate(target: string): void {
  mount({ source: "none", target, type: "", flags: M.MS_REC | M.MS_PRIVATE });
}

/**
 * Runs `body` where "/" is the root of this thread's mount namespace, and comes back. In a plain chroot "/" need not be
 * a mount point (build machines do not make it one), and the mount that holds it has no name there. setns(2) into the
 * namespace that the thread is in already moves root and working directory to the namespace's root (mntns_install).
 */
function atNamespaceRoot(body: () => void): void {
  const open = (path: string) => openFile(path, { flags: F.O_PATH | F.O_DIRECTORY });
  using root = open("/");
  using here = open(".");
  using namespace = openFile("/proc/thread-self/ns/mnt", { flags: F.O_RDONLY });
  using dot = cString(".");
  // A thread that the runtime started since the unshare shares root and working directory with this one, and setns(2)
  // then refuses (EINVAL). Both functions are bound first: binding may start a thread.
  const { setns, unshare } = libc;
  checked(unshare(M.CLONE_FS), "unshare", "CLONE_FS");
  checked(setns(namespace.number, M.CLONE_NEWNS), "setns", "CLONE_NEWNS, to leave a chroot");
  try {
    body();
  } finally {
    checked(libc.fchdir(root.number), "fchdir", "the root before");
    checked(libc.chroot(dot.address), "chroot", "the root before");
    checked(libc.fchdir(here.number), "fchdir", "the working directory before");
  }
}

/**
 * `int mount(const char *source, const char *target, const char *filesystemtype, unsigned long mountflags, const void *data)`:
 * `flags` are MS_*, `data` the file system's own options. The caller unmounts. Errors: EPERM (not root), ENODEV (the kernel
 * has no such type), ENOENT, EINVAL (a bad option or superblock), EBUSY. mount(2).
 */
export function mount(what: { source: string; target: Path; type: string; flags?: MountFlags; data?: string }): void {
  using source = cString(what.source);
  using target = cString(what.target);
  using type = cString(what.type);
  using data = cString(what.data ?? "");
  const flags = checkUint("flags", what.flags ?? 0);
  const result = libc.mount(source.address, target.address, type.address, flags, data.address);
  checked(result, "mount", () => `${what.source} on "${pathText(what.target)}", ${what.type}`);
}

/** Detaches the mount at `target`; busy files keep it alive until they are closed (MNT_DETACH). umount2(2). */
export function unmount(target: Path): void {
  using name = cString(target);
  checked(libc.umount2(name.address, M.MNT_DETACH), "umount2", () => `"${pathText(target)}"`);
}

/** A file without a name in `directory` (O_TMPFILE, or created and unlinked where the file system lacks it). */
export function namelessFile(directory: string): Fd {
  try {
    return openFile(directory, { flags: F.O_TMPFILE | F.O_RDWR, mode: 0o600 });
  } catch (error) {
    if (!isSyscallError(error, "EOPNOTSUPP", "EISDIR", "ENOENT")) throw error;
  }
  const path = `${directory}/.bytewitness-${process.pid}-${Date.now()}`;
  const file = openFile(path, { flags: F.O_CREAT | F.O_EXCL | F.O_RDWR, mode: 0o600 });
  unlink(path);
  return file;
}
