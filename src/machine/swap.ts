/**
 * A swap area of a run's own, on a loop image.
 *
 * Owns the area and its end: swap outlives a process, so a small shell waits beside the run and switches the area off
 * when the run is gone, killed or not. The image has no name and goes with the area.
 */
import { existsSync } from "node:fs";
import os from "node:os";
import { isSyscallError } from "../ops/errors.ts";
import { loopImage, loopMissing } from "../ops/loop.ts";
import { formatSwap, swapAreas, swapOff, swapOn } from "../ops/swap.ts";

/** The highest priority: what is swapped out meanwhile goes here first. */
const PRIORITY = 32_767;

/** Why this run cannot have swap of its own, undefined when it can. */
export function swapMissing(): string | undefined {
  if (!existsSync("/proc/swaps")) return "this kernel has no swap (CONFIG_SWAP)";
  const noLoop = loopMissing();
  if (noLoop !== undefined) return noLoop;
  if (Bun.which("swapoff", { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }) === null)
    return "swapoff is not installed: install util-linux";
  return process.geteuid?.() === 0 ? undefined : "swapon needs root";
}

/** Swap for the time of a run. */
export interface OwnSwap extends Disposable {
  readonly path: string;
  /** How much of it is in use. */
  usedBytes(): number;
}

/** Switches on `capacityBytes` of swap (sparse, in TMPDIR unless said) until disposed of. */
export function ownSwap(options: { capacityBytes: number; directory?: string }): OwnSwap {
  const { capacityBytes, directory = os.tmpdir() } = options;
  const image = loopImage({ capacityBytes, directory });
  const { path } = image;
  let guard: ReturnType<typeof startGuard> | undefined;
  const off = () => {
    try {
      swapOff(path);
    } catch (error) {
      // Not an area (any more): the aim is reached.
      if (!isSyscallError(error, "EINVAL")) throw error;
    }
    guard?.stdin.write("off\n");
    guard?.stdin.end();
    image[Symbol.dispose]();
  };
  try {
    formatSwap(image.device, capacityBytes);
    guard = startGuard(path);
    swapOn(path, { priority: PRIORITY });
  } catch (error) {
    off();
    throw error;
  }
  const usedBytes = () => swapAreas().find((area) => area.path === path)?.usedBytes ?? 0;
  return { path, usedBytes, [Symbol.dispose]: off };
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
