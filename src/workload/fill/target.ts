/**
 * Where a fill goes: a new file, one that is to be gone on with, a block device, a FIFO, standard output.
 *
 * Owns what may be written to. Refuses existing files (unless resumed), devices that anything uses (mounts, swap, RAID,
 * device mapper: the kernel answers EBUSY to O_EXCL), and devices that hold something, unless they may be overwritten.
 */

import { readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { wasClosed } from "../../ops/closed.ts";
import { isSyscallError, UsageError } from "../../ops/errors.ts";
import { Fd, statusFlags } from "../../ops/fd.ts";
import { openFile, type Path, pathText, read } from "../../ops/file.ts";
import { allocate, KiB, type Memory } from "../../ops/memory.ts";
import { throwIfInterrupted } from "../../ops/signals.ts";
import { seek } from "../../ops/space.ts";
import { exists, type Stat, statFd, statPath } from "../../ops/stat.ts";
import type { Pattern } from "../../pattern/pattern.ts";
import { O_ACCMODE, O_CREAT, O_DIRECT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY, SEEK_END } from "../../sys/uapi/fcntl.ts";
import { grouped } from "../../units.ts";

export const WRITE_MODES = ["buffered", "fsync", "direct"] as const;
export type WriteMode = (typeof WRITE_MODES)[number];

export interface FillTargetOptions {
  readonly path: Path;
  /** Left out: as long as the device. */
  readonly bytes: number | undefined;
  readonly mode: WriteMode;
  readonly overwriteDevice: boolean;
}

export interface FillTarget {
  readonly fd: Fd;
  /** A stream has no offsets and is not synced. */
  readonly kind: "file" | "device" | "stream";
  readonly bytes: number;
  /** What is there already and is as it should be; nothing but a resumed target has any. */
  readonly doneBytes: number;
  /** What goes there is on standard output, under whatever name. */
  readonly isStdout?: true;
  /** A device of which only the beginning is filled. */
  readonly isLonger?: true;
}

const CHECK_BYTES = 256 * KiB;
const SAMPLE_BYTES = 64 * KiB;
const SAMPLES = 256;

/** Opens what is to be filled; throws UsageError, one line, for what must not be written to. */
export function openTarget(options: FillTargetOptions): FillTarget {
  const label = pathText(options.path);
  if (label === "-" && wasClosed(1))
    throw new UsageError("standard output is closed; pipe it into something, or name a file");
  if (label === "-") return stream(new Fd(1, "standard output"), options.bytes);
  const kind = kindOf(options.path);
  refuseWithoutEffect(options, kind);
  if (kind === undefined) {
    const bytes = needBytes(options.bytes, label);
    return { fd: open(options, O_RDWR | O_CREAT | O_EXCL), kind: "file", bytes, doneBytes: 0 };
  }
  if (kind === "file") throw new UsageError(`${label} exists; name a new file, or go on where it ends with --resume`);
  if (kind === "pipe") return stream(openFile(options.path, { flags: O_WRONLY }), options.bytes);
  if (kind !== "block-device") throw new UsageError(notWritable(label, kind));
  const device = openDevice(options);
  const at = options.overwriteDevice ? -1 : firstUsed(device.fd, { from: 0, to: device.bytes });
  if (at >= 0) {
    throw new UsageError(
      `${label} is not empty: it holds something at ${grouped(at)}; to lose that, add --overwrite-device, to go on with it, --resume`,
    );
  }
  return device;
}

/** Opens what was filled in part: right up to where it ends (files) or where nothing follows any more (devices). */
export function reopenTarget(options: FillTargetOptions, pattern: Pattern): FillTarget {
  const label = pathText(options.path);
  const kind = label === "-" ? undefined : kindOf(options.path);
  refuseWithoutEffect(options, kind);
  if (kind === undefined) throw new UsageError(`--resume: there is nothing to go on with: ${label}`);
  if (kind === "block-device") return reopenDevice(options, pattern);
  if (kind !== "file") throw new UsageError(notWritable(label, kind));
  const bytes = needBytes(options.bytes, label);
  const fd = open(options, O_RDWR);
  const size = statFd(fd).sizeBytes;
  if (size > bytes) throw new UsageError(`${label} has ${grouped(size)} bytes already, more than --bytes ${bytes}`);
  const right = rightUpTo(fd, pattern, size);
  if (right < size)
    throw new UsageError(`${label} is not as it should be from ${grouped(right)} on; verify.ts explains it`);
  return { fd, kind: "file", bytes, doneBytes: size };
}

function reopenDevice(options: FillTargetOptions, pattern: Pattern): FillTarget {
  const device = openDevice(options);
  const right = rightUpTo(device.fd, pattern, device.bytes);
  const at = options.overwriteDevice ? -1 : firstUsed(device.fd, { from: right, to: device.bytes });
  if (at >= 0) {
    throw new UsageError(
      `${pathText(options.path)} is right up to ${grouped(right)} and holds something else at ${grouped(at)}; verify.ts explains it, --overwrite-device loses it`,
    );
  }
  return { ...device, doneBytes: right };
}

/** Flags that only some kinds of targets know, before anything is opened. */
function refuseWithoutEffect({ path, overwriteDevice, mode }: FillTargetOptions, kind: Stat["kind"] | undefined): void {
  const label = pathText(path);
  if (overwriteDevice && kind !== "block-device")
    throw new UsageError(`--overwrite-device has no effect: ${label} is not a block device`);
  if (mode !== "buffered" && kind === "pipe")
    throw new UsageError(`--write ${mode} has no effect: ${label} is a pipe, which is not synced`);
}

function stream(fd: Fd, bytes: number | undefined): FillTarget {
  if ((statusFlags(fd) & O_ACCMODE) === O_RDONLY)
    throw new UsageError(`${fd.label} is open for reading only; pipe or redirect (>) it`);
  const { kind, device, inode } = statFd(fd);
  if (kind === "character-device" && process.stdout.isTTY === true) {
    throw new UsageError("standard output is a terminal; pipe it into something, or name a file");
  }
  const stdout = wasClosed(1) ? undefined : statFd(new Fd(1, "standard output"));
  // /dev/stdout, /proc/self/fd/1
  const isStdout = stdout !== undefined && stdout.device === device && stdout.inode === inode;
  const stream = { fd, kind: "stream", bytes: needBytes(bytes, fd.label), doneBytes: 0 } as const;
  return isStdout ? { ...stream, isStdout } : stream;
}

/** What is there, if anything. */
function kindOf(path: Path): Stat["kind"] | undefined {
  try {
    return exists(path) ? statPath(path).kind : undefined;
  } catch (error) {
    if (isSyscallError(error)) throw new UsageError(`${pathText(path)} cannot be opened for writing: ${error.code}`);
    throw error;
  }
}

function needBytes(bytes: number | undefined, label: string): number {
  if (bytes !== undefined) return bytes;
  throw new UsageError(`--bytes is missing: how much to write to ${label}`);
}

function notWritable(label: string, kind: Stat["kind"]): string {
  const article = kind === "other" ? "of a kind that cannot be filled" : `a ${kind.replace("-", " ")}`;
  return `${label} is ${article}; name a new file, a block device or -`;
}

function open({ path, mode }: FillTargetOptions, flags: number): Fd {
  try {
    return openFile(path, { flags: flags | (mode === "direct" ? O_DIRECT : 0) });
  } catch (error) {
    if (!isSyscallError(error)) throw error;
    const label = pathText(path);
    if (error.code === "EBUSY") throw new UsageError(`${label} is in use (mounted, swap, or part of another device)`);
    if (mode === "direct" && error.code === "EINVAL") throw new UsageError(`--write direct: no O_DIRECT at ${label}`);
    if (error.code === "EEXIST")
      throw new UsageError(`${label} is a symbolic link to what does not exist; name a new file`);
    throw new UsageError(`${label} cannot be opened for writing: ${error.code}`);
  }
}

/** A device that was made read-only (blockdev --setro) is opened for writing all the same by some drivers. */
function isReadOnly(path: Path): boolean {
  try {
    const device = realpathSync(pathText(path));
    return readFileSync(`/sys/class/block/${basename(device)}/ro`, "utf8").trim() === "1";
  } catch {
    // Without /sys, the first write shows it.
    return false;
  }
}

/** O_EXCL without O_CREAT: EBUSY while anything of the system uses the device. open(2). */
function openDevice(options: FillTargetOptions): FillTarget {
  if (isReadOnly(options.path)) throw new UsageError(`${pathText(options.path)} is read-only`);
  const fd = open(options, O_RDWR | O_EXCL);
  const sizeBytes = seek(fd, { offsetBytes: 0, whence: SEEK_END });
  const bytes = options.bytes ?? sizeBytes;
  const longer = bytes < sizeBytes ? ({ isLonger: true } as const) : {};
  if (bytes <= sizeBytes) return { fd, kind: "device", bytes, doneBytes: 0, ...longer };
  throw new UsageError(`${fd.label} has ${grouped(sizeBytes)} bytes, fewer than --bytes ${bytes}`);
}

/**
 * Where in the range something other than zeros is, or -1: its first and last 64 KiB, and samples in between. (To read a
 * whole disk would take longer than to fill it.)
 */
function firstUsed(fd: Fd, { from, to }: { from: number; to: number }): number {
  using memory = allocate(SAMPLE_BYTES);
  const step = Math.max(SAMPLE_BYTES, Math.floor((to - from) / SAMPLES / 4096) * 4096);
  const begin = Math.floor(from / 4096) * 4096;
  const places = Array.from({ length: SAMPLES }, (_, i) => begin + i * step).filter((at) => at < to);
  for (const at of [...places, Math.max(begin, Math.ceil(to / 4096) * 4096 - SAMPLE_BYTES)]) {
    const got = read(fd, memory, { offsetBytes: at });
    const used = memory.bytes.subarray(0, got).findIndex((byte, i) => byte !== 0 && at + i >= from);
    if (used >= 0 && at + used < to) return at + used;
  }
  return -1;
}

/** How many bytes from the beginning are as the pattern has them. */
function rightUpTo(fd: Fd, pattern: Pattern, end: number): number {
  using memory: Memory = allocate(CHECK_BYTES);
  for (let at = 0; at < end; ) {
    throwIfInterrupted();
    const got = Math.min(read(fd, memory, { offsetBytes: at }), end - at);
    if (got === 0) return at;
    const bad = pattern.firstMismatch(memory.bytes.subarray(0, got), at);
    if (bad >= 0) return at + bad;
    at += got;
  }
  return end;
}
