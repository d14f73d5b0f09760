/**
 * The file systems that a guest can have on /mnt/test: how the host makes each, and what the guest mounts.
 *
 * Owns the table. Refuses to know of disks and mounts themselves.
 */

export interface FileSystemEntry {
  /** The mkfs program and its Debian package; undefined for a file system without a disk. */
  readonly mkfs?: { readonly program: string; readonly package: string; readonly options: readonly string[] };
  /** Kernel modules, which may be built in. */
  readonly modules: readonly string[];
}

const mkfs = (type: string, from: string, ...options: string[]) => ({
  program: `mkfs.${type}`,
  package: from,
  options,
});

const FILE_SYSTEM_TABLE = {
  xfs: { mkfs: mkfs("xfs", "xfsprogs", "-q", "-f"), modules: ["xfs"] },
  ext4: { mkfs: mkfs("ext4", "e2fsprogs", "-q", "-F"), modules: ["ext4"] },
  btrfs: { mkfs: mkfs("btrfs", "btrfs-progs", "-q", "-f"), modules: ["btrfs"] },
  tmpfs: { modules: [] },
  exfat: { mkfs: mkfs("exfat", "exfatprogs"), modules: ["exfat"] },
  vfat: { mkfs: mkfs("vfat", "dosfstools", "-F", "32"), modules: ["vfat", "nls_cp437", "nls_ascii", "nls_iso8859_1"] },
  udf: { mkfs: mkfs("udf", "udftools", "--media-type=hd", "--blocksize=512"), modules: ["udf"] },
  f2fs: { mkfs: mkfs("f2fs", "f2fs-tools", "-q", "-f"), modules: ["f2fs"] },
  // An upper directory on XFS over an empty lower one.
  overlay: { mkfs: mkfs("xfs", "xfsprogs", "-q", "-f"), modules: ["xfs", "overlay"] },
} as const satisfies Record<string, FileSystemEntry>;

export type FileSystem = keyof typeof FILE_SYSTEM_TABLE;
export const FILE_SYSTEMS = Object.keys(FILE_SYSTEM_TABLE) as readonly FileSystem[];

export function modulesOf(fileSystem: FileSystem): readonly string[] {
  return FILE_SYSTEM_TABLE[fileSystem].modules;
}

export function mkfsOf(fileSystem: FileSystem): FileSystemEntry["mkfs"] {
  return (FILE_SYSTEM_TABLE[fileSystem] as FileSystemEntry).mkfs;
}
