/**
 * Swap areas: swapon(2), swapoff(2), mkswap(8).
 *
 * Owns the header of an area and the two calls. They change the whole system: `ownSwap` (machine/) uses them with a
 * guard, so that an area is gone after every end of a run. Refuses to write a header over anything: the caller gives a
 * device of its own making.
 */
import { readFileSync } from "node:fs";
import { libc } from "../sys/libc.ts";
import { SWAP_FLAG_PREFER } from "../sys/uapi/mman.ts";
import { checked } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { write } from "./file.ts";
import { checkUint } from "./integers.ts";
import { allocate, cString, PAGE_BYTES } from "./memory.ts";
import { sync } from "./space.ts";

/** union swap_header of <linux/swap.h>: version, last page and number of bad pages behind 1024 bytes for a boot loader. */
const INFO_AT = 1024;
const MAGIC = Buffer.from("SWAPSPACE2", "latin1");

/** The header of a swap area of `capacityBytes` (at least ten pages), as mkswap(8) writes it without label and UUID. */
export function formatSwap(device: Fd, capacityBytes: number): void {
  const pages = Math.floor(capacityBytes / PAGE_BYTES);
  if (!(Number.isSafeInteger(capacityBytes) && pages >= 10)) {
    throw new RangeError(`a swap area has at least ${10 * PAGE_BYTES} bytes, not ${capacityBytes}`);
  }
  using page = allocate(PAGE_BYTES);
  page.bytes.fill(0);
  page.view.setUint32(INFO_AT, 1, true);
  page.view.setUint32(INFO_AT + 4, pages - 1, true);
  page.bytes.set(MAGIC, PAGE_BYTES - MAGIC.length);
  write(device, page, { offsetBytes: 0 });
  sync(device);
}

/**
 * `int swapon(const char *path, int swapflags)`. `priority` (0 to 32767) is SWAP_FLAG_PREFER with that priority: the
 * highest is used first. Errors: EBUSY (an area already), EINVAL (no header), EPERM. swapon(2).
 */
export function swapOn(path: string, options: { priority?: number } = {}): void {
  using name = cString(path);
  const { priority } = options;
  if (priority !== undefined && checkUint("priority", priority) > 0x7fff) {
    throw new RangeError(`priority must be 0 to 32767, not ${priority}`);
  }
  const flags = priority === undefined ? 0 : SWAP_FLAG_PREFER | priority;
  checked(libc.swapon(name.address, flags), "swapon", () => `"${path}"`);
}

/** `int swapoff(const char *path)`: reads everything back in. Errors: EINVAL (not an area), ENOMEM, EPERM. swapoff(2). */
export function swapOff(path: string): void {
  using name = cString(path);
  checked(libc.swapoff(name.address), "swapoff", () => `"${path}"`);
}

/** A line of /proc/swaps. */
export interface SwapArea {
  readonly path: string;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly priority: number;
}

/** The areas in use: /proc/swaps, proc(5). */
export function swapAreas(): SwapArea[] {
  const [, ...lines] = readFileSync("/proc/swaps", "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [path = "", , size, used, priority] = line.split(/\s+/);
    return {
      path: path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
      capacityBytes: Number(size) * 1024,
      usedBytes: Number(used) * 1024,
      priority: Number(priority),
    };
  });
}
