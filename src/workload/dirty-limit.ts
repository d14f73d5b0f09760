/**
 * A device that takes little: the kernel lets only a few MiB of dirty pages wait for it, as for a slow disk.
 *
 * Owns the dirty limit of one backing device (/sys/class/bdi/M:N/max_bytes and strict_limit, Linux 6.2 and later:
 * Documentation/ABI/testing/sysfs-class-bdi), or of the whole machine (vm.dirty_bytes) where the kernel has no limit
 * per device and the caller asks for it. Past the limit balance_dirty_pages() answers a write that must not wait with
 * -EAGAIN: the commonest reason for an inline io_uring write to stop half-way. A limit is held by a lease: runs that
 * want the same one share it, others wait, and the last one out restores what was there before the first.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { acquireLease, fileSettings, type Lease, type LeaseSpec, leaseWhenFree } from "../machine/lease.ts";
import type { Path } from "../ops/file.ts";
import { statPath } from "../ops/stat.ts";
import { bytesText } from "../units.ts";

export interface DirtyLimit extends Disposable {
  readonly description: string;
}

export interface DirtyLimitOptions {
  readonly bytes: number;
  /** Where the kernel has no limit per device, the whole machine's will do. */
  readonly machineWide?: boolean;
}

/** The settings and what becomes of them, before the lease. */
interface LimitPlan {
  readonly spec: LeaseSpec;
  readonly wanted: readonly { readonly path: string; readonly value: string }[];
  readonly description: string;
}

const MACHINE: readonly string[] = ["dirty_bytes", "dirty_background_bytes", "dirty_ratio", "dirty_background_ratio"];

const content = (path: string) => readFileSync(path, "utf8").trim();

/** The settings of the device under a path; undefined when this kernel has no dirty limit per device. */
function deviceSettings(path: Path): string | undefined {
  const { device } = statPath(path);
  // A partition has no settings of its own: they are its disk's.
  const places = [`/sys/class/bdi/${device}`, `/sys/dev/block/${device}/bdi`, `/sys/dev/block/${device}/../bdi`];
  return places.find((place) => existsSync(`${place}/max_bytes`) && existsSync(`${place}/strict_limit`));
}

/** True when the device under `path` can have a limit of its own here and now (root, Linux 6.2 and later). */
export function deviceHasDirtyLimit(path: Path): boolean {
  return process.geteuid?.() === 0 && deviceSettings(path) !== undefined;
}

/** Less than any administrator gives a whole machine: a run's limit, or as tight as one. */
const MACHINE_BYTES_MIN = 64 * 2 ** 20;

/**
 * A sentence about the dirty limit under which `path` is now, whoever set it: its device's strict one, or one of at most
 * 64 MiB for the whole machine; undefined without one.
 */
export function dirtyLimitOf(path: Path): string | undefined {
  const settings = deviceSettings(path);
  if (settings !== undefined && content(`${settings}/strict_limit`) === "1") {
    const bytes = Number(content(`${settings}/max_bytes`));
    return `its device (${statPath(path).device}) takes at most ${bytesText(bytes)} of dirty pages: ${settings}/strict_limit is 1`;
  }
  const machine = "/proc/sys/vm/dirty_bytes";
  const bytes = existsSync(machine) ? Number(content(machine)) : 0;
  if (bytes === 0 || bytes > MACHINE_BYTES_MIN) return undefined;
  return `this machine takes at most ${bytesText(bytes)} of dirty pages: ${machine}`;
}

function planFor(path: Path, { bytes, machineWide = false }: DirtyLimitOptions): LimitPlan {
  const settings = deviceSettings(path);
  const mebibytes = `${(bytes / 2 ** 20).toPrecision(3).replace(/\.0+$/, "")} MiB`;
  const wanted = String(bytes);
  if (settings !== undefined) {
    const { device } = statPath(path);
    return {
      spec: {
        ...{ setting: "dirty limit", device, wanted },
        ...fileSettings([`${settings}/strict_limit`, `${settings}/max_ratio_fine`]),
      },
      wanted: [
        { path: `${settings}/max_bytes`, value: wanted },
        { path: `${settings}/strict_limit`, value: "1" },
      ],
      description: `at most ${mebibytes} of dirty pages for this device (its bdi's max_bytes, strict)`,
    };
  }
  if (!machineWide) throw new Error("this kernel has no dirty limit per device (Linux 6.2 and later)");
  const [dirtyBytes = "", backgroundBytes = ""] = MACHINE.map((name) => `/proc/sys/vm/${name}`);
  // Bytes and ratio are two spellings of one limit: writing one makes the other 0, and 0 cannot be written back.
  const before = () => MACHINE.map((name) => `/proc/sys/vm/${name}`).filter((setting) => content(setting) !== "0");
  return {
    spec: { setting: "vm/dirty limit", wanted, ...fileSettings([]), read: () => fileSettings(before()).read() },
    wanted: [
      { path: backgroundBytes, value: String(Math.floor(bytes / 2)) },
      { path: dirtyBytes, value: wanted },
    ],
    description: `at most ${mebibytes} of dirty pages in the machine (vm.dirty_bytes)`,
  };
}

/** The limit is set while the lease is held, by the first holder and again by those that share it. */
function applied({ wanted, description }: LimitPlan, lease: Lease): DirtyLimit {
  try {
    for (const { path, value } of wanted) writeFileSync(path, value);
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
  return { description, [Symbol.dispose]: () => lease[Symbol.dispose]() };
}

/**
 * Limits the dirty pages of the device under `path` to `bytes` (with `machineWide`, of the whole machine where the
 * kernel has no limit per device). Needs root. Throws LeaseBusy while another run holds another limit, LeaseRefused
 * without root, an Error with the reason when neither is possible.
 */
export function limitDirty(path: Path, options: DirtyLimitOptions): DirtyLimit {
  const plan = planFor(path, options);
  return applied(plan, acquireLease(plan.spec));
}

/** As `limitDirty`, and waits while another run holds another limit. */
export async function limitDirtyWhenFree(
  path: Path,
  options: DirtyLimitOptions,
  run: { readonly stopped: boolean; narrate(line: string): void },
): Promise<DirtyLimit> {
  const plan = planFor(path, options);
  const lease = await leaseWhenFree(plan.spec, { stopped: () => run.stopped, waiting: run.narrate });
  for (const line of lease.mended) run.narrate(line);
  return applied(plan, lease);
}
