/**
 * Loop devices: a file as a block device. loop(4).
 *
 * Owns the loop ioctls and images of a run's own. Nothing stays behind, not even after SIGKILL: the image has no name,
 * and the device carries LO_FLAGS_AUTOCLEAR, so that it detaches with its last user (a descriptor, a mount, swap).
 */
import { existsSync } from "node:fs";
import { ERRNO } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as F from "../sys/uapi/fcntl.ts";
import type { LoopFlags } from "../sys/uapi/flags.ts";
import * as M from "../sys/uapi/mount.ts";
import { checked, isSyscallError, SyscallError } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { openFile } from "./file.ts";
import { checkUint } from "./integers.ts";
import { allocate } from "./memory.ts";
import { namelessFile } from "./mount.ts";
import { truncate } from "./space.ts";

/** Devices tried before giving up: LOOP_CTL_GET_FREE only proposes one, and others may be quicker. */
const ATTEMPTS_MAX = 64;

/** How a loop device is attached. loop(4). */
export interface LoopOptions {
  /** LO_FLAGS_READ_ONLY, LO_FLAGS_DIRECT_IO; LO_FLAGS_AUTOCLEAR is always set. */
  readonly flags?: LoopFlags;
  /** The device's logical block size: 512 (unless given) to the page size. Linux 5.8 and later. */
  readonly blockBytes?: number;
}

/** /dev/loop-control; where no udev made it, it is there once the module is loaded. */
function openControl(): Fd {
  try {
    return openFile("/dev/loop-control", { flags: F.O_RDWR });
  } catch (error) {
    if (!isSyscallError(error, "ENOENT")) throw error;
    const modprobe = Bun.which("modprobe", { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
    if (modprobe === null || Bun.spawnSync([modprobe, "-q", "loop"]).exitCode !== 0) throw error;
    return openFile("/dev/loop-control", { flags: F.O_RDWR });
  }
}

/** Why there are no loop devices here, undefined when there are, or modprobe(8) would bring them. */
export function loopMissing(): string | undefined {
  if (existsSync("/dev/loop-control")) return undefined;
  const modprobe = Bun.which("modprobe", { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
  const found = modprobe !== null && Bun.spawnSync([modprobe, "-n", "-q", "loop"]).exitCode === 0;
  return found ? undefined : "there is no /dev/loop-control (containers must pass it and /dev/loop*)";
}

/**
 * `ioctl(device, LOOP_CONFIGURE, struct loop_config *)`: a free loop device over `image`, detached when its last user
 * goes. Returns its path and the first of these users, a descriptor. Needs root. Errors: EACCES, ENOENT (no /dev/loop-control),
 * EINVAL (before Linux 5.8, or a block size that cannot be). loop(4).
 */
export function attachLoop(image: Fd, options: LoopOptions = {}): { path: string; device: Fd } {
  const flags = checkUint("flags", options.flags ?? 0) | M.LO_FLAGS_AUTOCLEAR;
  const readOnly = (flags & M.LO_FLAGS_READ_ONLY) !== 0;
  using control = openControl();
  using config = allocate(M.loop_config.sizeBytes);
  config.bytes.fill(0);
  config.view.setUint32(M.loop_config.offsets.fd, image.number, true);
  config.view.setUint32(M.loop_config.offsets.block_size, checkUint("blockBytes", options.blockBytes ?? 0), true);
  config.view.setUint32(M.loop_config.offsets.info + M.loop_info64.offsets.lo_flags, flags, true);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const number = checked(libc.ioctl(control.number, M.LOOP_CTL_GET_FREE, 0), "ioctl", "LOOP_CTL_GET_FREE");
    const path = `/dev/loop${number}`;
    const device = openFile(path, { flags: readOnly ? F.O_RDONLY : F.O_RDWR });
    try {
      checked(libc.ioctl(device.number, M.LOOP_CONFIGURE, config.address), "ioctl", `LOOP_CONFIGURE, ${path}`);
      return { path, device };
    } catch (error) {
      device.close();
      // Another process took this device between the two calls: ask for the next one.
      if (!isSyscallError(error, "EBUSY")) throw error;
    }
  }
  const hint = `${ATTEMPTS_MAX} loop devices in a row were taken by others`;
  throw new SyscallError("ioctl", ERRNO.EBUSY, "LOOP_CONFIGURE", hint);
}

/**
 * `ioctl(device, LOOP_CLR_FD)`: detaches the image now, or (the device is still mounted or open elsewhere) with its last
 * user. loop(4).
 */
export function detachLoop(device: Fd): void {
  checked(libc.ioctl(device.number, M.LOOP_CLR_FD, 0), "ioctl", () => `LOOP_CLR_FD, ${device.label}`);
}

/** A block device of a run's own, over a sparse file without a name; gone when it is disposed of and not in use. */
export interface LoopImage extends Disposable {
  /** "/dev/loop7". */
  readonly path: string;
  readonly device: Fd;
  readonly capacityBytes: number;
}

/** A file without a name in `directory`, `capacityBytes` long, as a block device: zeros that cost nothing until written. */
export function loopImage(options: LoopOptions & { capacityBytes: number; directory: string }): LoopImage {
  using image = namelessFile(options.directory);
  truncate(image, { lengthBytes: options.capacityBytes });
  const { path, device } = attachLoop(image, options);
  return { path, device, capacityBytes: options.capacityBytes, [Symbol.dispose]: () => device.close() };
}
