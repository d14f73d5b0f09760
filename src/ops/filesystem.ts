/**
 * File systems of a run's own: mkfs(8) on a loop image, mounted where only this run sees it.
 *
 * Owns the name, package and options of each mkfs program, and the mount points: directories inside a
 * tmpfs of ours, so that no directory of a user's is ever covered. Everything vanishes with the process. Refuses to
 * format anything that is not a device or a file of the caller's own making: the caller names the path.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import type { MountFlags } from "../sys/uapi/flags.ts";
import { Inconclusive, SyscallError } from "./errors.ts";
import { loopImage, loopMissing } from "./loop.ts";
import { cString } from "./memory.ts";
import { enterPrivateMountNamespace, mount, unmount } from "./mount.ts";
import { setupCommand } from "./shell.ts";

interface Maker {
  readonly program: string;
  readonly package: string;
  /** What makes it quiet and keeps it from asking. */
  readonly options: readonly string[];
}

const MAKERS: Readonly<Record<string, Maker>> = {
  xfs: { program: "mkfs.xfs", package: "xfsprogs", options: ["-q", "-f", "-K"] },
  ext2: { program: "mkfs.ext2", package: "e2fsprogs", options: ["-q", "-F", "-E", "nodiscard"] },
  ext3: { program: "mkfs.ext3", package: "e2fsprogs", options: ["-q", "-F", "-E", "nodiscard"] },
  ext4: { program: "mkfs.ext4", package: "e2fsprogs", options: ["-q", "-F", "-E", "nodiscard"] },
  btrfs: { program: "mkfs.btrfs", package: "btrfs-progs", options: ["-q", "-f", "-K"] },
  exfat: { program: "mkfs.exfat", package: "exfatprogs", options: [] },
  vfat: { program: "mkfs.vfat", package: "dosfstools", options: [] },
  f2fs: { program: "mkfs.f2fs", package: "f2fs-tools", options: ["-q", "-f", "-t", "0"] },
  udf: { program: "mkfs.udf", package: "udftools", options: ["--media-type=hd", "--blocksize=512"] },
};

/** What `mkfs` runs for a type without an entry above. */
function makerOf(type: string): Maker {
  return MAKERS[type] ?? { program: `mkfs.${type}`, package: `the package that has mkfs.${type}`, options: [] };
}

export function programPath(name: string): string | null {
  return Bun.which(name, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
}

/** True when the kernel has the file system now, built in or loaded: /proc/filesystems, filesystems(5). */
export function filesystemLoaded(type: string): boolean {
  return readFileSync("/proc/filesystems", "utf8")
    .split("\n")
    .some((line) => line.split("\t")[1] === type);
}

/**
 * Why a file system of this type cannot be made and mounted here, undefined when it can (as far as is known without
 * loading a module: modprobe(8) is asked whether it would find one).
 */
export function filesystemMissing(type: string): string | undefined {
  if (process.geteuid?.() !== 0) return `making and mounting ${type} needs root`;
  const { program, package: source } = makerOf(type);
  if (type !== "tmpfs" && programPath(program) === null) return `${program} is not installed: install ${source}`;
  const noLoop = type === "tmpfs" ? undefined : loopMissing();
  if (noLoop !== undefined) return noLoop;
  if (filesystemLoaded(type)) return undefined;
  const modprobe = programPath("modprobe");
  const asked = modprobe === null ? undefined : Bun.spawnSync([modprobe, "-n", "-q", `fs-${type}`]);
  return asked?.exitCode === 0 ? undefined : `this kernel has no ${type}`;
}

/**
 * `mkfs.TYPE [options] device`: a fresh file system, quietly. `options` are mkfs's own words. Throws SyscallError
 * (ENOENT) without the program, Inconclusive with mkfs's own message. mkfs(8).
 */
export function makeFilesystem(type: string, device: string, options: readonly string[] = []): void {
  const maker = makerOf(type);
  const program = programPath(maker.program);
  if (program === null) {
    // Setup brings what the flagships need, and with "tests" all of it.
    const setup = type === "xfs" ? setupCommand() : `${setupCommand()} tests`;
    const hint = `install ${maker.package}, or run \`${setup}\``;
    throw new SyscallError("execve", ERRNO.ENOENT, maker.program, hint);
  }
  const words = [program, ...maker.options, ...options, device];
  const made = Bun.spawnSync(words, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (made.exitCode === 0) return;
  const all = made.stderr.toString().trim() || made.stdout.toString().trim();
  // What is wrong comes first; some follow it with all their options.
  const output = all.replace(/\n\s*usage:[\s\S]*/i, "").replaceAll("\n", " ");
  // A place that is full, an image beyond a file-size limit: the machine's, not ours.
  const full = /No space left|Input\/output error|short write|File too large/i.test(output);
  throw new Inconclusive(`${maker.program} ${device}: ${output}${full ? "; TMPDIR may lack the room" : ""}`);
}

/** Where the tmpfs with our mount points is mounted: root's directory for run-time state, never a user's. */
const MOUNTS_DIRECTORY = "/run/bytewitness/mounts";
let mountPoints = 0;

/**
 * A new empty directory to mount on, seen by this thread and what it starts later. The first call moves the thread into
 * a mount namespace of its own. Needs root (CAP_SYS_ADMIN).
 */
function makeMountPoint(name: string): string {
  if (mountPoints === 0) {
    mkdirSync(MOUNTS_DIRECTORY, { recursive: true, mode: 0o755 });
    enterPrivateMountNamespace();
    mount({ source: "bytewitness", target: MOUNTS_DIRECTORY, type: "tmpfs", data: "size=1m,mode=755" });
  }
  mountPoints += 1;
  const path = `${MOUNTS_DIRECTORY}/${name}-${mountPoints}`;
  mkdirSync(path, { mode: 0o755 });
  return path;
}

/** `int syncfs(int fd)` for everything: sync(2). */
export function syncAll(): void {
  libc.sync();
}

/** A file system of a run's own: an image, mounted on a directory of its own. */
export interface Scratch extends Disposable {
  /** The mounted directory; private to this thread and what it starts later. */
  readonly path: string;
  /** The loop device below it; undefined for tmpfs. */
  readonly device: string | undefined;
  /** For people: type, device, size, options. */
  readonly description: string;
  /** Mounts it anew, with nothing cached: the only reading back that no cached page can answer. */
  remount(): void;
}

/** Which file system, how large, with which options of mkfs and mount. */
export interface ScratchOptions {
  /** "xfs", "ext4", "exfat", "tmpfs"…; whatever the kernel and mkfs.TYPE know. */
  readonly type: string;
  readonly capacityBytes: number;
  /** Where the image lies: a directory with room for what will be written. Not needed for tmpfs. */
  readonly imageDirectory: string;
  /** Words for mkfs. */
  readonly mkfsOptions?: readonly string[];
  /** What mount(8) takes after -o, as far as it is the file system's own: "huge=always". */
  readonly mountOptions?: string;
  /** MS_* of mount(2). */
  readonly flags?: MountFlags;
  /** An empty directory of the caller's to mount on, in the caller's own mount namespace. */
  readonly target?: string;
}

/**
 * A fresh file system on a sparse image of `capacityBytes` in `imageDirectory` (tmpfs: without one), mounted on a
 * directory of our own in a private mount namespace. Needs root and mkfs.TYPE. Throws SyscallError or Inconclusive with
 * the reason. mount(2), mkfs(8), loop(4).
 */
export function scratchFilesystem(options: ScratchOptions): Scratch {
  const { type, capacityBytes, mountOptions = "", flags = 0 } = options;
  const target = options.target ?? makeMountPoint(type);
  const what = mountOptions === "" ? "" : `, ${mountOptions}`;
  const size = `${Math.round(capacityBytes / 2 ** 20)} MiB`;
  if (type === "tmpfs") {
    const data = [`size=${capacityBytes}`, mountOptions].filter(Boolean).join(",");
    mount({ source: "bytewitness", target, type, flags, data });
    const remount = () => {
      throw new RangeError("a tmpfs that is mounted anew is empty");
    };
    const description = `tmpfs of its own (${size}${what})`;
    return { path: target, device: undefined, description, remount, [Symbol.dispose]: () => unmount(target) };
  }
  // Held to the end, so that the device stays while the file system is mounted anew.
  const image = loopImage({ capacityBytes, directory: options.imageDirectory });
  const attach = () => mount({ source: image.path, target, type, flags, data: mountOptions });
  try {
    makeFilesystem(type, image.path, options.mkfsOptions);
    attach();
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
  let mounted = true;
  return {
    path: target,
    device: image.path,
    description: `${type} of its own on ${image.path} (${size}, sparse${what}; only this run sees it)`,
    remount: () => {
      // Without MNT_DETACH: a file that is still open would keep the old mount, and its cache, alive.
      using name = cString(target);
      const result = negated(libc.umount2(name.address, 0));
      if (result < 0) throw new SyscallError("umount2", -result, `"${target}"`, "close every file on it first");
      mounted = false;
      attach();
      mounted = true;
    },
    [Symbol.dispose]: () => {
      if (mounted) unmount(target);
      mounted = false;
      image[Symbol.dispose]();
    },
  };
}

/** A fresh XFS for report 1: `scratchFilesystem` of that type. */
export function scratchXfs(options: Omit<ScratchOptions, "type">): Scratch {
  return scratchFilesystem({ type: "xfs", ...options });
}
