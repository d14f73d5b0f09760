/**
 * What a guest needs of a kernel's configuration, as data: for `lab.ts kconfig`, and to name what a build tree lacks.
 *
 * Pure. Refuses to judge packages: Debian's have all of it.
 */

import { commandOf } from "../machine/invocation.ts";
import type { FileSystem } from "./guest/filesystems.ts";

interface Option {
  readonly name: string;
  /** Must be built in: it is used before a module can be loaded. */
  readonly builtIn?: true;
  /** A guest starts without it, and does less. */
  readonly optional?: true;
  readonly why: string;
}

const always = (why: string, ...names: string[]): Option[] => names.map((name) => ({ name, builtIn: true, why }));
const either = (why: string, ...names: string[]): Option[] => names.map((name) => ({ name, why }));
const optional = (why: string, ...names: string[]): Option[] => names.map((name) => ({ name, optional: true, why }));

const OPTIONS: readonly Option[] = [
  ...always("programs and scripts", "64BIT", "BINFMT_ELF", "BINFMT_SCRIPT", "MULTIUSER", "FUTEX", "EPOLL", "EVENTFD"),
  ...always("what Bun calls", "SIGNALFD", "TIMERFD", "POSIX_TIMERS", "ADVISE_SYSCALLS", "MEMBARRIER", "SHMEM", "AIO"),
  ...always("the initramfs, /dev, /proc, /sys, /tmp", "BLK_DEV_INITRD", "DEVTMPFS", "PROC_FS", "SYSFS", "TMPFS"),
  ...always("the console", "TTY", "SERIAL_8250", "SERIAL_8250_CONSOLE"),
  ...always("loopback and unix sockets", "NET", "INET", "UNIX"),
  ...always("devices", "PCI", "BLOCK"),
  ...either("the disks", "VIRTIO_PCI", "VIRTIO_BLK"),
  ...optional("the script's output as it comes; a serial line carries it at the end otherwise", "VIRTIO_CONSOLE"),
  ...optional("a quick start without a boot loader", "PVH"),
  ...optional("modules on demand", "MODULES"),
  ...optional("what reproducers use", "IO_URING", "CGROUPS", "MEMCG", "FTRACE", "BLK_DEV_LOOP", "MEMFD_CREATE", "TLS"),
  ...optional("what reproducers use", "KSM", "HUGETLBFS", "TRANSPARENT_HUGEPAGE", "SWAP"),
];

const FILE_SYSTEM_OPTIONS: Readonly<Record<FileSystem, readonly string[]>> = {
  xfs: ["XFS_FS"],
  ext4: ["EXT4_FS"],
  btrfs: ["BTRFS_FS"],
  tmpfs: [],
  exfat: ["EXFAT_FS"],
  vfat: ["VFAT_FS", "NLS_CODEPAGE_437", "NLS_ISO8859_1"],
  udf: ["UDF_FS"],
  f2fs: ["F2FS_FS"],
  overlay: ["XFS_FS", "OVERLAY_FS"],
};

/** A fragment for scripts/kconfig/merge_config.sh of a kernel tree. */
export function kconfigFragment(fileSystem: FileSystem): string {
  const groups = Map.groupBy(OPTIONS, ({ why, optional: more }) => (more ? `${why} (a guest starts without)` : why));
  const lines = [...groups].flatMap(([why, options]) => [`# ${why}`, ...options.map(({ name }) => `CONFIG_${name}=y`)]);
  const own = FILE_SYSTEM_OPTIONS[fileSystem];
  if (own.length > 0) lines.push(`# --fs ${fileSystem}`, ...own.map((name) => `CONFIG_${name}=y`));
  return `${lines.join("\n")}\n`;
}

/** The options that a .config sets to y or m. */
export function parseConfig(text: string): Map<string, "y" | "m"> {
  return new Map(
    [...text.matchAll(/^CONFIG_(\w+)=([ym])$/gm)].map(([, name, value]) => [name as string, value as "y" | "m"]),
  );
}

export interface Lacking {
  /** Without these no guest starts, each with why. */
  readonly needed: readonly string[];
  /** Set to m, and the module is not built. */
  readonly notBuilt: readonly string[];
}

/** The module behind an option, where the guest loads it by name. */
const MODULE_OF: Readonly<Record<string, string>> = {
  VIRTIO_PCI: "virtio_pci",
  VIRTIO_BLK: "virtio_blk",
  XFS_FS: "xfs",
  EXT4_FS: "ext4",
  BTRFS_FS: "btrfs",
  EXFAT_FS: "exfat",
  VFAT_FS: "vfat",
  UDF_FS: "udf",
  F2FS_FS: "f2fs",
  OVERLAY_FS: "overlay",
};

/** What a tree with this .config and these modules lacks for a guest with this file system. */
export function lackingIn(
  config: ReadonlyMap<string, "y" | "m">,
  modules: ReadonlySet<string>,
  fileSystem: FileSystem,
): Lacking {
  const own = FILE_SYSTEM_OPTIONS[fileSystem].map((name): Option => ({ name, why: `--fs ${fileSystem}` }));
  const wanted = [...OPTIONS.filter((option) => !option.optional), ...own];
  const needed = wanted.filter(({ name, builtIn }) => {
    const value = config.get(name);
    return value === undefined || (builtIn && value === "m");
  });
  const notBuilt = wanted.filter(({ name }) => {
    const module = MODULE_OF[name];
    return config.get(name) === "m" && module !== undefined && !modules.has(module);
  });
  return {
    needed: needed.map(({ name, why }) => `CONFIG_${name} (${why})`),
    notBuilt: notBuilt.map(({ name }) => `CONFIG_${name}=m`),
  };
}

/** One line for a person, or undefined when nothing is missing. */
export function lackingText(tree: string, { needed, notBuilt }: Lacking): string | undefined {
  if (needed.length > 0) {
    return `${tree} lacks ${needed.join(", ")}; ${commandOf("lab")} kconfig prints what a guest needs, for scripts/kconfig/merge_config.sh`;
  }
  if (notBuilt.length > 0) return `${tree} has ${notBuilt.join(", ")}, and no such module is built: make modules`;
  return undefined;
}
