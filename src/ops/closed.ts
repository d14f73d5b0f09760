/**
 * Standard descriptors that were closed when this process started (`command >&-`).
 *
 * Owns how that is seen afterwards: the runtime opens /dev/null in their place, close-on-exec, as no inherited descriptor
 * can be. Refuses to guess what another process passed on (`bun run`): that is as good as /dev/null.
 */
/** Device number 1:3, null(4). */
const NULL_DEVICE = 0x103;
/** O_CLOEXEC in /proc/self/fdinfo, proc(5): octal, the same on every architecture that Bun runs on. */
const CLOSE_ON_EXEC = 0o2000000;

export function wasClosed(fd: 0 | 1): boolean {
  // Loaded where it is asked for: node:fs costs as much as to judge a megabyte.
  const { fstatSync, readFileSync } = require("node:fs") as typeof import("node:fs");
  try {
    if (fstatSync(fd).rdev !== NULL_DEVICE) return false;
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
  } catch {
    return false;
  }
}
