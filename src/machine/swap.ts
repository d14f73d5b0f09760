/**
 * A swap area of a run's own, on a loop image.
 *
 * Owns the area and its end: swap outlives a process, so a small shell waits next to the run and switches the area off
 * when the run is gone, killed or not. The image has no name and goes with the area.
 */
import { existsSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { MemoryGroup } from "../ops/cgroup.ts";
import { Inconclusive, isSyscallError } from "../ops/errors.ts";
import { checkUint } from "../ops/integers.ts";
import { loopImage, loopMissing } from "../ops/loop.ts";
import { tryReclaimGroup } from "../ops/reclaim.ts";
import { filesystemOf } from "../ops/stat.ts";
import { formatSwap, swapAreas, swapOff, swapOn } from "../ops/swap.ts";
import { groupKeeper } from "./group.ts";
import { fileSettings, leaseWhenFree } from "./lease.ts";

/** The highest priority: what is swapped out meanwhile goes here first. */
const PRIORITY = 32_767;

const NO_DISK = "TMPDIR is in memory: set it, or BYTEWITNESS_DIR, to a directory on a disk";

/** Why this run cannot have swap of its own, undefined when it can. */
export function swapMissing(): string | undefined {
  if (!existsSync("/proc/swaps")) return "this kernel has no swap (CONFIG_SWAP)";
  const noLoop = loopMissing();
  if (noLoop !== undefined) return noLoop;
  if (Bun.which("swapoff", { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }) === null)
    return "swapoff is not installed: install util-linux";
  if (onDisk() === undefined) return NO_DISK;
  return process.geteuid?.() === 0 ? undefined : "swapon needs root";
}

/** Swap for the time of a run. */
export interface OwnSwap extends Disposable {
  readonly path: string;
  /** How much of it is in use. */
  usedBytes(): number;
  /**
   * Leaves the area on, for a guest that is about to end: swapoff(2) of an area whose entries the kernel has lost (by the
   * very bug that a reproducer found) never returns.
   */
  abandon(): void;
}

/** A directory on a disk: swap on an image in memory would need memory to free memory. */
function onDisk(): string | undefined {
  const named = process.env.BYTEWITNESS_DIR ?? "";
  return [os.tmpdir(), named].find((path) => path !== "" && !["tmpfs", "ramfs"].includes(filesystemOf(path).type));
}

/**
 * Switches on `capacityBytes` of swap until disposed of: sparse, in TMPDIR or BYTEWITNESS_DIR, whichever is on a disk. The
 * device is declared not to rotate, because only then the kernel swaps large pages out whole.
 */
export function ownSwap(options: { capacityBytes: number }): OwnSwap {
  const { capacityBytes } = options;
  const directory = onDisk();
  if (directory === undefined) throw new Error(NO_DISK);
  const image = loopImage({ capacityBytes, directory });
  const { path } = image;
  let guard: ReturnType<typeof startGuard> | undefined;
  let open = true;
  const dismiss = () => {
    guard?.stdin.write("off\n");
    guard?.stdin.end();
  };
  const abandon = () => {
    open = false;
    dismiss();
  };
  const off = () => {
    if (!open) return;
    open = false;
    try {
      swapOff(path);
    } catch (error) {
      // Not an area (any more): the aim is reached.
      if (!isSyscallError(error, "EINVAL")) throw error;
    }
    dismiss();
    image[Symbol.dispose]();
  };
  try {
    formatSwap(image.device, capacityBytes);
    writeFileSync(`/sys/block/${path.slice("/dev/".length)}/queue/rotational`, "0");
    guard = startGuard(path);
    swapOn(path, { priority: PRIORITY });
  } catch (error) {
    off();
    throw error;
  }
  const usedBytes = () => swapAreas().find((area) => area.path === path)?.usedBytes ?? 0;
  return { path, usedBytes, abandon, [Symbol.dispose]: off };
}

/** Waits for a line; when the pipe ends without one, this process is dead and the area must go. */
function startGuard(path: string) {
  const child = Bun.spawn(["sh", "-c", 'PATH=$PATH:/usr/sbin:/sbin; read -r line || swapoff "$1"', "sh", path], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    // In a session of its own: a Ctrl-C or a kill of the whole group must not end it first.
    detached: true,
  });
  child.unref();
  return child;
}

/**
 * Lets swap readahead bring up to 2^`cluster` pages in at once (vm.page-cluster), until disposed of. Waits while another
 * run has another value. Documentation/admin-guide/sysctl/vm.rst.
 */
export async function swapReadahead(
  run: { readonly stopped: boolean; narrate(line: string): void },
  options: { readonly cluster: number },
): Promise<Disposable> {
  const path = "/proc/sys/vm/page-cluster";
  const wanted = String(checkUint("cluster", options.cluster));
  const spec = { setting: "vm/page-cluster", wanted, ...fileSettings([path]) };
  const lease = await leaseWhenFree(spec, { stopped: () => run.stopped, waiting: (reason) => run.narrate(reason) });
  try {
    writeFileSync(path, wanted);
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
  return lease;
}

/** A group for this process, whose memory can be reclaimed, into swap too; a reason when there is none. */
function enterReclaimable(): MemoryGroup | string {
  const group = MemoryGroup.enter(groupKeeper);
  if ("reason" in group) return group.reason;
  const { directory } = group.value;
  if (existsSync(join(directory, "memory.reclaim"))) {
    const limit = join(directory, "memory.swap.max");
    if (existsSync(limit)) writeFileSync(limit, "max");
    return group.value;
  }
  group.value[Symbol.dispose]();
  return "this kernel has no memory.reclaim (Linux 5.19 and later)";
}

/** Why `reclaimableGroup` would fail, undefined when it would not. */
export function groupReclaimMissing(): string | undefined {
  const group = enterReclaimable();
  if (typeof group === "string") return group;
  group[Symbol.dispose]();
  return undefined;
}

/** This process's own memory group, left and removed when it is disposed of. */
export interface ReclaimableGroup extends Disposable {
  readonly directory: string;
  /** `echo BYTES > memory.reclaim`: 0, or -errno (-EAGAIN: less could be reclaimed). Linux 5.19, cgroup-v2.rst. */
  tryReclaim(wanted: { readonly lengthBytes: number }): number;
}

/** Moves this process into a memory group of its own (cgroup2), whose pages can be reclaimed, until disposed of. */
export function reclaimableGroup(): ReclaimableGroup {
  const group = enterReclaimable();
  if (typeof group === "string") throw new Inconclusive(group);
  const { directory } = group;
  const tryReclaim = (wanted: { readonly lengthBytes: number }) => tryReclaimGroup(directory, wanted);
  return { directory, tryReclaim, [Symbol.dispose]: () => group[Symbol.dispose]() };
}
