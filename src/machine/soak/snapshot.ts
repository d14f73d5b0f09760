/**
 * What must be the same before and after a killed run: settings, devices, groups, and what lies in a directory.
 *
 * Owns reading them as lines that can be compared. Changes nothing.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { ownGroup } from "../../ops/cgroup.ts";
import { leases } from "../lease.ts";

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim().replaceAll(/\s+/g, " ");
  } catch {
    return "-";
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** Every setting that a script of ours may change for a while. */
const SETTINGS: readonly string[] = [
  ...["dirty_bytes", "dirty_background_bytes", "dirty_ratio", "dirty_background_ratio"].map(
    (name) => `/proc/sys/vm/${name}`,
  ),
  ...["run", "pages_to_scan", "sleep_millisecs", "smart_scan"].map((name) => `/sys/kernel/mm/ksm/${name}`),
  "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages",
  "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
  "/sys/kernel/mm/transparent_hugepage/enabled",
  "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
  "/proc/sys/kernel/io_uring_disabled",
  "/proc/sys/net/ipv4/tcp_congestion_control",
  "/proc/sys/net/ipv4/tcp_early_retrans",
];

/** A device's dirty limit as the kernel makes it: a device that comes, goes or is released by another run is not a change. */
const LIMITS: Readonly<Record<string, string>> = { strict_limit: "0", max_ratio_fine: "1000000" };

/** The limits that devices have now, but for those that a living run holds: it takes them back itself. */
function deviceLimits(): string[] {
  const held = new Set(leases().flatMap(({ state, files }) => (state === "held" ? files.map(({ path }) => path) : [])));
  return names("/sys/class/bdi").flatMap((device) =>
    Object.entries(LIMITS)
      .map(([name, made]) => ({ path: `/sys/class/bdi/${device}/${name}`, made }))
      .filter(({ path, made }) => !held.has(path) && ![made, "-"].includes(read(path)))
      .map(({ path }) => path),
  );
}

/** "path = value" of every shared setting and of every block device's dirty limit, memory controllers, swap areas. */
export function settings(): string[] {
  const limits = deviceLimits();
  const group = ownGroup();
  const control = "value" in group ? [`${group.value.mountPoint}/cgroup.subtree_control`] : [];
  const swaps = read("/proc/swaps").replaceAll(/ \d+ (-?\d+)/g, "");
  return [...[...SETTINGS, ...limits, ...control].map((path) => `${path} = ${read(path)}`), `/proc/swaps = ${swaps}`];
}

/** Loop devices whose image lies, or lay, under `directory`. */
export function loopDevices(directory: string): string[] {
  return names("/sys/block").flatMap((name) => {
    const backing = read(`/sys/block/${name}/loop/backing_file`);
    return backing.startsWith(`${directory}/`) ? [`/dev/${name} over ${backing}`] : [];
  });
}

/** Living processes that were started with `variable=value` in their environment, and where each one is. */
export function processes(variable: string, value: string): number[] {
  const wanted = `${variable}=${value}`;
  return names("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      readlinkSync(`/proc/${name}/exe`); // A zombie has none: it is gone but for its parent.
      return readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(wanted) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Memory groups of these processes. */
export function groupsOf(pids: readonly number[]): string[] {
  const group = ownGroup();
  if ("reason" in group) return [];
  const { mountPoint, directory } = group.value;
  return [...new Set([mountPoint, directory])].flatMap((parent) =>
    names(parent)
      .filter((name) => pids.some((pid) => name === `bytewitness-${pid}`))
      .map((name) => `${parent}/${name}`),
  );
}

/** Every path below a directory, with what distinguishes one file from another. */
export function tree(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of names(directory)) {
    const path = `${directory}/${name}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    found.set(path, `${stat.ino} ${stat.mode} ${stat.isDirectory() ? "" : `${stat.size} ${stat.mtimeMs}`}`);
    if (stat.isDirectory()) for (const [inner, identity] of tree(path)) found.set(inner, identity);
  }
  return found;
}
