/**
 * Mounts that cannot outlive the process: a private mount namespace, loop devices that detach themselves.
 *
 * Owns mount(2), unshare(2) and the loop ioctls. By construction nothing stays behind, not even after SIGKILL: the
 * mount vanishes with the last process of the namespace, the loop device carries LO_FLAGS_AUTOCLEAR and detaches with
 * the mount, the image has no name. unshare(2) changes the calling thread only: descriptors and paths of this thread
 * (and its children) see the mount, Bun's own helper threads do not.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as F from "../sys/uapi/fcntl.ts";
import * as M from "../sys/uapi/mount.ts";
import { assert, checked, checkedNegative, isSyscallError, SyscallError } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { openFile, type Path, pathText } from "./file.ts";
import { checkUint } from "./integers.ts";
import { allocate, cString } from "./memory.ts";
import { truncate, unlink } from "./space.ts";

/** Moves this thread into a mount namespace of its own, whose mounts nobody else sees. Needs CAP_SYS_ADMIN. */
export function enterPrivateMountNamespace(): void {
  const hint = "making a private mount needs root (CAP_SYS_ADMIN)";
  const result = negated(libc.unshare(M.CLONE_NEWNS));
  checkedNegative(result, "unshare", "CLONE_NEWNS", result === -ERRNO.EPERM ? hint : undefined);
  mount({ source: "none", target: "/", type: "", flags: M.MS_REC | M.MS_PRIVATE });
}

/** `int mount(source, target, filesystemtype, mountflags, data)`. mount(2). */
export function mount(what: { source: string; target: Path; type: string; flags?: number; data?: string }): void {
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
    return openFile(directory, F.O_TMPFILE | F.O_RDWR, 0o600);
  } catch (error) {
    if (!isSyscallError(error, "EOPNOTSUPP", "EISDIR", "ENOENT")) throw error;
  }
  const path = `${directory}/.bytewitness-${process.pid}-${Date.now()}`;
  const file = openFile(path, F.O_CREAT | F.O_EXCL | F.O_RDWR, 0o600);
  unlink(path);
  return file;
}

/** A loop device over `image`, detached when its last user goes. Returns the device's path and descriptor. */
export function attachLoop(image: Fd): { path: string; device: Fd } {
  using control = openFile("/dev/loop-control", F.O_RDWR);
  for (let attempt = 0; attempt < 64; attempt++) {
    const number = checked(libc.ioctl(control.number, M.LOOP_CTL_GET_FREE, 0), "ioctl", "LOOP_CTL_GET_FREE");
    const path = `/dev/loop${number}`;
    const device = openFile(path, F.O_RDWR);
    using config = allocate(M.loop_config.sizeBytes);
    config.bytes.fill(0);
    config.view.setUint32(M.loop_config.offsets.fd, image.number, true);
    config.view.setUint32(M.loop_config.offsets.info + M.loop_info64.offsets.lo_flags, M.LO_FLAGS_AUTOCLEAR, true);
    try {
      checked(libc.ioctl(device.number, M.LOOP_CONFIGURE, config.address), "ioctl", `LOOP_CONFIGURE, ${path}`);
      return { path, device };
    } catch (error) {
      device.close();
      // Another process took this device between the two calls: ask for the next one.
      if (!isSyscallError(error, "EBUSY")) throw error;
    }
  }
  throw new SyscallError("ioctl", ERRNO.EBUSY, "LOOP_CONFIGURE", "64 loop devices in a row were taken by others");
}

export interface Scratch extends Disposable {
  /** The mounted directory; private to this thread and its children. */
  readonly path: string;
  readonly description: string;
}

/**
 * A fresh XFS on a sparse image of `capacityBytes` in `imageDirectory`, mounted over `target` in a private mount
 * namespace. Needs root and mkfs.xfs. Throws SyscallError or Error with the reason.
 */
export function scratchXfs(options: { capacityBytes: number; imageDirectory: string; target?: string }): Scratch {
  const target = options.target ?? "/mnt";
  const mkfs = Bun.which("mkfs.xfs", { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
  if (mkfs === null)
    throw new SyscallError("execve", ERRNO.ENOENT, "mkfs.xfs", "install xfsprogs, or run `sh scripts/setup.sh`");
  enterPrivateMountNamespace();
  using image = namelessFile(options.imageDirectory);
  truncate(image, options.capacityBytes);
  const { path, device } = attachLoop(image);
  // Held until the mount has taken over; before that autoclear would detach it.
  using held = device;
  const made = Bun.spawnSync([mkfs, "-q", "-K", path], { stdout: "ignore", stderr: "pipe" });
  assert(!held.closed, "the loop device was closed before its mount");
  if (made.exitCode !== 0) throw new Error(`mkfs.xfs ${path}: ${made.stderr.toString().trim().replaceAll("\n", " ")}`);
  mount({ source: path, target, type: "xfs" });
  const sizeText = `${Math.round(options.capacityBytes / 2 ** 20)} MiB`;
  return {
    path: target,
    description: `XFS of its own on ${path} (${sizeText}, sparse, mounted at ${target} where only this run sees it)`,
    [Symbol.dispose]: () => unmount(target),
  };
}
