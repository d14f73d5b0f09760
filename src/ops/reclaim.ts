/**
 * Asking the kernel to take memory back: caches of the machine, pages of a cgroup.
 *
 * Owns vm.drop_caches and memory.reclaim. Neither loses data: dirty pages are not dropped. Dropping caches slows the
 * whole machine down for a while; a file system of one's own is better mounted anew, a mapping paged out by madvise.
 */
import { negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { O_WRONLY } from "../sys/uapi/fcntl.ts";
import { openFile, write } from "./file.ts";
import { checkOffset } from "./integers.ts";
import { cString } from "./memory.ts";

const CACHES = { pages: "1", slab: "2", both: "3" } as const;

/**
 * `echo N > /proc/sys/vm/drop_caches`: clean pages of all files ("pages"), dentries and inodes ("slab"), or both. Needs
 * root. Documentation/admin-guide/sysctl/vm.rst.
 */
export function dropCaches(what: keyof typeof CACHES): void {
  using file = openFile("/proc/sys/vm/drop_caches", { flags: O_WRONLY });
  using text = cString(CACHES[what]);
  write(file, text, { lengthBytes: 1 });
}

/**
 * `echo BYTES > DIRECTORY/memory.reclaim`: reclaims from a cgroup (v2); 0, or -errno (-EAGAIN: less could be reclaimed).
 * Linux 5.19 and later. Documentation/admin-guide/cgroup-v2.rst.
 */
export function tryReclaimGroup(directory: string, { lengthBytes }: { readonly lengthBytes: number }): number {
  using file = openFile(`${directory}/memory.reclaim`, { flags: O_WRONLY });
  const text = String(checkOffset("lengthBytes", lengthBytes));
  using memory = cString(text);
  const result = negated(libc.write(file.number, memory.at(0, text.length), text.length));
  return Math.min(result, 0);
}
