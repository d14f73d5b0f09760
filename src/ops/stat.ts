/**
 * What is there: statx(2), statfs(2), and the mount a path lies on.
 *
 * Owns questions about files and file systems. Refuses to change anything.
 */
import { errno, errnoName } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as F from "../sys/uapi/fcntl.ts";
import * as M from "../sys/uapi/mount.ts";
import { wasClosed } from "./closed.ts";
import { checked, isSyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { type Path, pathText } from "./file.ts";
import { allocate, cString, KiB, onFirstUse } from "./memory.ts";

/** What a file is. statx(2). */
export interface Stat {
  readonly sizeBytes: number;
  /** Allocated bytes (st_blocks x 512). */
  readonly allocatedBytes: number;
  readonly mode: number;
  readonly inode: number;
  readonly uid: number;
  readonly mtimeNs: bigint;
  /** When the file was created; undefined where the file system does not keep it. */
  readonly bornNs: bigint | undefined;
  /** "major:minor", as /proc/self/mountinfo spells it. */
  readonly device: string;
  readonly kind: "file" | "directory" | "block-device" | "character-device" | "pipe" | "socket" | "other";
}

const KINDS: Record<number, Stat["kind"]> = {
  [F.S_IFREG]: "file",
  [F.S_IFDIR]: "directory",
  [F.S_IFBLK]: "block-device",
  [F.S_IFCHR]: "character-device",
  [F.S_IFIFO]: "pipe",
  [F.S_IFSOCK]: "socket",
};

/** The structure that statx(2) fills, and the empty path of a question about a descriptor. */
const asked = onFirstUse(() => ({ buffer: allocate(F.statx.sizeBytes), empty: cString("") }));

function filled(): Stat {
  const { view } = asked().buffer;
  const at = F.statx.offsets;
  const u64 = (offset: number) => view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
  const mode = view.getUint16(at.stx_mode, true);
  return {
    sizeBytes: u64(at.stx_size),
    allocatedBytes: u64(at.stx_blocks) * 512,
    mode,
    inode: u64(at.stx_ino),
    uid: view.getUint32(at.stx_uid, true),
    mtimeNs: timestamp(view, at.stx_mtime),
    bornNs: (view.getUint32(at.stx_mask, true) & F.STATX_BTIME) === 0 ? undefined : timestamp(view, at.stx_btime),
    device: `${view.getUint32(at.stx_dev_major, true)}:${view.getUint32(at.stx_dev_minor, true)}`,
    kind: KINDS[mode & F.S_IFMT] ?? "other",
  };
}

/** `struct statx_timestamp`. */
function timestamp(view: DataView, offset: number): bigint {
  return view.getBigInt64(offset, true) * 1_000_000_000n + BigInt(view.getUint32(offset + 8, true));
}

/** statx(2) of an open file. */
export function statFd(fd: Fd): Stat {
  const mask = F.STATX_BASIC_STATS | F.STATX_BTIME;
  const { buffer, empty } = asked();
  checked(libc.statx(fd.number, empty.address, F.AT_EMPTY_PATH, mask, buffer.address), "statx", fd.label);
  return filled();
}

/** Only the size, for ledgers that ask after every call. */
export function sizeOf(fd: Fd): number {
  return statFd(fd).sizeBytes;
}

/** statx(2) of a path, following symbolic links. */
export function statPath(path: Path): Stat {
  using name = cString(path);
  const mask = F.STATX_BASIC_STATS | F.STATX_BTIME | F.STATX_MNT_ID;
  const { buffer } = asked();
  checked(libc.statx(F.AT_FDCWD, name.address, 0, mask, buffer.address), "statx", () => `"${pathText(path)}"`);
  return filled();
}

/** statx(2) of a path itself: a symbolic link is not followed. */
export function statLink(path: Path): Stat {
  using name = cString(path);
  const mask = F.STATX_BASIC_STATS | F.STATX_BTIME;
  const { buffer } = asked();
  const result = libc.statx(F.AT_FDCWD, name.address, F.AT_SYMLINK_NOFOLLOW, mask, buffer.address);
  checked(result, "statx", () => `"${pathText(path)}"`);
  return filled();
}

/** True when the path names something. A path we may not look at is an error, not "no". */
export function exists(path: Path): boolean {
  try {
    statPath(path);
    return true;
  } catch (error) {
    if (isSyscallError(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

const MAGIC: Record<number, string> = {
  [M.XFS_SUPER_MAGIC]: "xfs",
  [M.EXT4_SUPER_MAGIC]: "ext4",
  [M.BTRFS_SUPER_MAGIC]: "btrfs",
  [M.TMPFS_MAGIC]: "tmpfs",
  [M.OVERLAYFS_SUPER_MAGIC]: "overlayfs",
  [M.NFS_SUPER_MAGIC]: "nfs",
};

/** What a path lies on. statfs(2), proc(5). */
export interface Filesystem {
  /** "xfs", "ext4", …; "magic 0x…" for one without a name here. */
  readonly type: string;
  readonly capacityBytes: number;
  /** What an unprivileged writer may still use. */
  readonly availableBytes: number;
  readonly mountPoint?: string;
  readonly options?: string;
}

/** statfs(2), and the mount's options from /proc/self/mountinfo where it is listed. */
export function filesystemOf(path: Path): Filesystem {
  using name = cString(path);
  using answer = allocate(F.statfs.sizeBytes);
  checked(libc.statfs(name.address, answer.address), "statfs", () => `"${pathText(path)}"`);
  const at = F.statfs.offsets;
  const u64 = (offset: number) =>
    answer.view.getUint32(offset, true) + answer.view.getUint32(offset + 4, true) * 2 ** 32;
  const magic = u64(at.f_type);
  const blockBytes = u64(at.f_bsize);
  const { device } = statPath(path);
  const mount = mountOf(mountId(), device);
  return {
    type: mount?.type ?? MAGIC[magic] ?? `magic 0x${magic.toString(16)}`,
    capacityBytes: u64(at.f_blocks) * blockBytes,
    availableBytes: u64(at.f_bavail) * blockBytes,
    ...(mount === undefined ? {} : { mountPoint: mount.mountPoint, options: mount.options }),
  };
}

/** The mount of the path that statPath asked for last; undefined before Linux 5.8, which does not report it. statx(2). */
function mountId(): string | undefined {
  const { buffer } = asked();
  const known = (buffer.view.getUint32(F.statx.offsets.stx_mask, true) & F.STATX_MNT_ID) !== 0;
  return known ? String(buffer.view.getUint32(F.statx.offsets.stx_mnt_id, true)) : undefined;
}

interface Mount {
  readonly type: string;
  readonly mountPoint: string;
  readonly options: string;
}

/**
 * One mount of /proc/self/mountinfo (proc(5)): "36 35 98:0 /root /point opts - type source superopts". By its id: a
 * device may be mounted at many places (bind mounts). Without an id, the last mount of the device.
 */
function mountOf(id: string | undefined, device: string): Mount | undefined {
  // Loaded where it is asked for: node:fs costs as much as to judge a megabyte.
  const { readFileSync } = require("node:fs") as typeof import("node:fs");
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  for (const line of lines.reverse()) {
    const [left, right] = line.split(" - ");
    const fields = left?.split(" ") ?? [];
    if (right === undefined || (id === undefined ? fields[2] !== device : fields[0] !== id)) continue;
    const [type = "", , superOptions = ""] = right.split(" ");
    const options = [...new Set([...(fields[5] ?? "").split(","), ...superOptions.split(",")])].filter(Boolean);
    // Blanks, tabs, newlines and backslashes are octal escapes there.
    const mountPoint = (fields[4] ?? "").replace(/\\(\d{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return { type, mountPoint, options: options.join(",") };
  }
  return undefined;
}

const STREAM_CHUNK_BYTES = 64 * KiB;
/** Major number of /dev/null, /dev/zero and the like: character devices, but not terminals. Linux, devices.txt. */
const MEM_MAJOR = 1;

/**
 * What standard output and error are asked and given: with a write(2) that is bound now, so that no recording of the run's
 * calls holds it, and a buffer of its own, so that a line can be printed when memory is short. Never throws.
 */
export function streamCalls() {
  const { write, fcntl } = libc;
  const { address, bytes: chunk } = allocate(STREAM_CHUNK_BYTES);
  /** The major number of a character device; undefined for everything else. */
  const majorOf = (fd: 1 | 2): number | undefined => {
    try {
      if (statFd(new Fd(fd, "a standard stream")).kind !== "character-device") return undefined;
      return asked().buffer.view.getUint32(F.statx.offsets.stx_rdev_major, true);
    } catch {
      return undefined;
    }
  };
  return {
    /** The count, or the errno's name. */
    write(fd: 1 | 2, bytes: Uint8Array): number | string {
      const part = bytes.length <= chunk.length ? bytes : bytes.subarray(0, chunk.length);
      chunk.set(part);
      const result = write(fd, address, part.length);
      return result < 0 ? errnoName(errno()) : result;
    },
    mayBeTerminal: (fd: 1 | 2) => ![undefined, MEM_MAJOR].includes(majorOf(fd)),
    // Only what the runtime has opened itself is closed on exec.
    wasClosed: (fd: 1) => (fcntl(fd, F.F_GETFD, 0) & F.FD_CLOEXEC) !== 0 && wasClosed(fd),
  };
}
