/**
 * The conditions under which a kernel corrupts, for whoever must reproduce it: what decides the behaviour, and no more.
 *
 * Owns the lists of what is looked at; everything else is left alone. Nothing private is collected: no host or user name,
 * no environment, no serial number, no address, no path but those of the command line (mount options lose values that are
 * paths or addresses, the cgroup is described by its limits). Unknown values are left out, never guessed.
 */
import { readFileSync, statfsSync, statSync } from "node:fs";
import os from "node:os";
import { filesystemOf } from "../ops/stat.ts";
import { publicMountOptions } from "./environment.ts";

export type Conditions = Record<string, string | number>;

/** Kernel options that change what the reproducers see, without their CONFIG_. */
const CONFIG = [
  "HZ",
  "PREEMPT",
  "PREEMPT_VOLUNTARY",
  "PREEMPT_DYNAMIC",
  "PREEMPT_RT",
  "IO_URING",
  "MEMCG",
  "KSM",
  "TRANSPARENT_HUGEPAGE",
  "READ_ONLY_THP_FOR_FS",
  "INIT_ON_ALLOC_DEFAULT_ON",
  "INIT_ON_FREE_DEFAULT_ON",
  "KASAN",
  "DEBUG_VM",
  "PAGE_POISONING",
  "TLS",
  "MPTCP",
  "SWAP",
  "ZSWAP",
] as const;

/** Switches of the kernel's command line; others may name hosts and disks. */
const SWITCHES = [
  "init_on_alloc",
  "init_on_free",
  "mitigations",
  "preempt",
  "transparent_hugepage",
  "hugepages",
  "default_hugepagesz",
  "page_poison",
  "slub_debug",
  "isolcpus",
  "nohz_full",
  "nosmt",
  "maxcpus",
  "mem",
  "zswap.enabled",
  "cgroup_disable",
] as const;

/** Settings under /proc/sys and /sys that change what the reproducers see. */
const SETTINGS = {
  "vm.dirty_bytes": "/proc/sys/vm/dirty_bytes",
  "vm.dirty_ratio": "/proc/sys/vm/dirty_ratio",
  "vm.dirty_background_bytes": "/proc/sys/vm/dirty_background_bytes",
  "vm.dirty_background_ratio": "/proc/sys/vm/dirty_background_ratio",
  "vm.swappiness": "/proc/sys/vm/swappiness",
  "kernel.io_uring_disabled": "/proc/sys/kernel/io_uring_disabled",
  "net.ipv4.tcp_congestion_control": "/proc/sys/net/ipv4/tcp_congestion_control",
  transparentHugepage: "/sys/kernel/mm/transparent_hugepage/enabled",
  ksmRun: "/sys/kernel/mm/ksm/run",
  hugepages: "/proc/sys/vm/nr_hugepages",
} as const;

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** "always [madvise] never" -> "madvise". */
function chosen(text: string): string {
  return /\[([^\]]+)\]/.exec(text)?.[1] ?? text;
}

function kernelConfig(): string | undefined {
  try {
    return new TextDecoder().decode(Bun.gunzipSync(readFileSync("/proc/config.gz")));
  } catch {
    return textOf(`/boot/config-${os.release()}`);
  }
}

/** "HZ=250 IO_URING=y KASAN=n"; undefined where the configuration cannot be read. */
function configText(): string | undefined {
  const text = kernelConfig();
  if (text === undefined) return undefined;
  const set = new Map([...text.matchAll(/^CONFIG_(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  return CONFIG.map((name) => `${name}=${set.get(name) ?? "n"}`).join(" ");
}

function switchesText(): string | undefined {
  const words = (textOf("/proc/cmdline") ?? "").split(/\s+/);
  const kept = words.filter((word) => SWITCHES.some((name) => word === name || word.startsWith(`${name}=`)));
  return kept.length === 0 ? undefined : kept.join(" ");
}

function processor(): Conditions {
  const info = textOf("/proc/cpuinfo") ?? "";
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.+)$`, "m").exec(info)?.[1];
  const model = field("model name") ?? field("CPU part");
  const microcode = field("microcode");
  const flags = field("flags")?.split(" ") ?? [];
  const vendor = textOf("/sys/hypervisor/type") ?? textOf("/sys/class/dmi/id/sys_vendor");
  const hypervisor = flags.includes("hypervisor") ? (vendor ?? "yes") : undefined;
  return defined({ cpuModel: model, microcode, hypervisor });
}

/** AT_PAGESZ of the auxiliary vector: getauxval(3). */
function pageBytes(): number | undefined {
  try {
    const words = new BigUint64Array(readFileSync("/proc/self/auxv").slice().buffer);
    for (let at = 0; at + 1 < words.length; at += 2) if (words[at] === 6n) return Number(words[at + 1]);
  } catch {
    // No /proc: unknown.
  }
  return undefined;
}

/** The limits of this process's memory group on cgroup2; its name may be a user's or a container's. */
function memoryLimits(): Conditions {
  const path = /^0::(.*)$/m.exec(textOf("/proc/self/cgroup") ?? "")?.[1];
  if (path === undefined) return {};
  const limit = (name: string) => textOf(`/sys/fs/cgroup${path}/memory.${name}`);
  return defined({ cgroupMemoryMax: limit("max"), cgroupMemoryHigh: limit("high") });
}

/** The queue of the block device behind a file system, by the device number that stat(2) gives; nothing for tmpfs. */
export function blockDevice(device: { major: number; minor: number } | undefined): Conditions {
  if (device === undefined || device.major === 0) return {};
  const directory = `/sys/dev/block/${device.major}:${device.minor}`;
  // A partition's queue is its disk's.
  const queue = (name: string) => textOf(`${directory}/queue/${name}`) ?? textOf(`${directory}/../queue/${name}`);
  const name = /^DEVNAME=(.*)$/m.exec(textOf(`${directory}/uevent`) ?? "")?.[1];
  const scheduler = queue("scheduler");
  return defined({
    blockDevice: name,
    queueScheduler: scheduler === undefined ? undefined : chosen(scheduler),
    queueLogicalBlockBytes: numberOf(queue("logical_block_size")),
    queueRotational: numberOf(queue("rotational")),
    queueWriteCache: queue("write_cache"),
    queueMaxSectorsKb: numberOf(queue("max_sectors_kb")),
  });
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function defined(values: Record<string, string | number | undefined>): Conditions {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
}

/** Block size, size and free space of the file system of a path, and its device; nothing where the path is gone. */
function geometry(path: string | undefined): {
  facts: Conditions;
  device: { major: number; minor: number } | undefined;
} {
  if (path === undefined) return { facts: {}, device: undefined };
  try {
    const { bsize, blocks, bavail } = statfsSync(path);
    const { dev } = statSync(path);
    // makedev(3), as the C library packs it.
    const minor = (dev % 256) + ((256 * Math.floor(dev / 2 ** 20)) % 2 ** 20);
    const facts = { fsBlockBytes: bsize, fsBytes: bsize * blocks, fsFreeBytes: bsize * bavail };
    return { facts, device: { major: Math.floor(dev / 256) % 4096, minor } };
  } catch {
    return { facts: {}, device: undefined };
  }
}

/** Type and mount options of the file system of a path. */
function typeOf(path: string): Conditions {
  const { type, options } = filesystemOf(path);
  return defined({
    filesystem: type,
    mountOptions: options === undefined ? undefined : publicMountOptions(options),
  });
}

/** All that is known; `path` is the damaged file, or the directory of it; `withType` where nothing else names its file system. */
export function conditions(path?: string, { withType = false }: { readonly withType?: boolean } = {}): Conditions {
  const { facts, device } = geometry(path);
  const settings = Object.entries(SETTINGS).map(([name, path]) => {
    const text = textOf(path);
    return [name, text === undefined ? undefined : chosen(text)] as const;
  });
  return {
    ...defined({
      kernelBuild: textOf("/proc/sys/kernel/version"),
      tainted: numberOf(textOf("/proc/sys/kernel/tainted")),
      config: configText(),
      commandLine: switchesText(),
      pageBytes: pageBytes(),
    }),
    ...processor(),
    ...defined(Object.fromEntries(settings)),
    ...memoryLimits(),
    ...(withType && path !== undefined ? typeOf(path) : {}),
    ...facts,
    ...blockDevice(device),
  };
}
