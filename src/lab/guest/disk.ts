/**
 * The guest's test disk: a sparse file without a name, with a fresh file system made by the host's mkfs.
 *
 * Made here and not in the guest because the host's mkfs is native code (the guest's would be emulated) and the guest
 * then needs no mkfs and none of its libraries. Refuses to keep the disk: it is gone with its last descriptor.
 */
import { closeSync, ftruncateSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { findProgram, LabError } from "../kernels/cache.ts";
import { type FileSystem, mkfsOf } from "./filesystems.ts";

/** xfsprogs ships option files that keep new on-disk features out of what an older long-term kernel must mount. */
const XFS_OPTION_FILES = "/usr/share/xfsprogs/mkfs";

/** The option file for a guest older than the host's xfsprogs knows, if there is one: "lts_5.10.conf" for 5.10. */
export function xfsOptionFile(guestRelease: string, files: readonly string[]): string | undefined {
  const series = /^(\d+)\.(\d+)/.exec(guestRelease);
  const newest = files.flatMap((file) => /^lts_(\d+)\.(\d+)\.conf$/.exec(file)?.slice(1, 3).join(".") ?? []);
  const order = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true });
  const guest = series ? `${series[1]}.${series[2]}` : undefined;
  const sorted = newest.sort(order);
  const last = sorted.at(-1);
  if (guest === undefined || last === undefined || order(guest, last) >= 0) return undefined;
  const fits = sorted.findLast((version) => order(version, guest) <= 0);
  return fits === undefined ? undefined : `lts_${fits}.conf`;
}

export interface DiskOptions {
  readonly fileSystem: FileSystem;
  readonly sizeBytes: number;
  /** Passed to mkfs unchanged; any of them switches our own choice of features off. */
  readonly mkfsOptions: readonly string[];
  readonly guestRelease: string;
  readonly runDirectory: string;
}

/** Makes the disk and its file system; returns a descriptor, or undefined for tmpfs, which needs none. */
export async function makeDisk(options: DiskOptions): Promise<number | undefined> {
  const { fileSystem, sizeBytes, mkfsOptions, guestRelease, runDirectory } = options;
  const maker = mkfsOf(fileSystem);
  if (maker === undefined) return undefined;
  const mkfs = findProgram(maker.program, maker.package);
  const path = join(runDirectory, "test-disk");
  const fd = openSync(path, "wx+", 0o600);
  try {
    ftruncateSync(fd, sizeBytes);
    const features = featureOptions(fileSystem, mkfsOptions, guestRelease);
    let problem = await format([mkfs, ...maker.options, ...features, ...mkfsOptions, path]);
    // Debian 12's mkfs.xfs refuses its own lts_5.10.conf ("invalid config file option"): its defaults then have to do.
    if (problem !== undefined && features.length > 0) problem = await format([mkfs, ...maker.options, path]);
    if (problem !== undefined) {
      const exitCode = mkfsOptions.length > 0 ? 254 : 125;
      throw new LabError(`${maker.program}: ${problem}`, { exitCode });
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  } finally {
    unlinkSync(path);
  }
}

/** A blank disk: sparse, without a name. */
export function blankDisk(sizeBytes: number, runDirectory: string, name: string): number {
  const path = join(runDirectory, name);
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  ftruncateSync(fd, sizeBytes);
  return fd;
}

/** Runs one mkfs; returns the first line of its problem when it fails. */
async function format(command: string[]): Promise<string | undefined> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return code === 0 ? undefined : (err || out).trim().split("\n")[0] || `exit code ${code}`;
}

function featureOptions(fileSystem: FileSystem, mkfsOptions: readonly string[], guestRelease: string): string[] {
  if (mkfsOf(fileSystem)?.program !== "mkfs.xfs" || mkfsOptions.length > 0) return [];
  let files: string[] = [];
  try {
    files = readdirSync(XFS_OPTION_FILES);
  } catch {
    return [];
  }
  const file = xfsOptionFile(guestRelease, files);
  return file === undefined ? [] : ["-c", `options=${join(XFS_OPTION_FILES, file)}`];
}
