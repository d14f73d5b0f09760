/**
 * Limits of this process. Owns getrlimit(2) and setrlimit(2) on open files and processes, and a control group's pids.max.
 */
import { dirname, join } from "node:path";
import { libc } from "../sys/libc.ts";
import { rlimit } from "../sys/uapi/fcntl.ts";
import { RLIMIT_NOFILE, RLIMIT_NPROC } from "../sys/uapi/mount.ts";
import { tryReadText } from "./file.ts";
import { allocate } from "./memory.ts";

/** Fewer open files than this and the runtime itself ends in the middle of a run. */
const FILES_MIN = 32;
/** With fewer threads the runtime aborts, here or in a process that a run starts, or waits for one without end. */
const PROCESSES_MIN = 64;
/** The same of what a control group has left, when this process has most of its own threads. */
const ROOM_MIN = 32;

/** Which limit is too narrow for a run, and what to do; undefined when none is. Raises the limit of open files first. */
export function narrowLimit(): string | undefined {
  const files = raiseFileLimit();
  if (files < FILES_MIN) return `this process may open ${files} files: raise it (ulimit -n 256)`;
  const processes = processLimit();
  if (processes < PROCESSES_MIN)
    return `this user may have ${processes} processes and threads: raise it (ulimit -u 256)`;
  const group = narrowestGroup();
  if (group === undefined || group.room >= ROOM_MIN) return undefined;
  return `this control group has room for ${group.room} more processes and threads: raise pids.max in ${group.directory}, now ${group.max}`;
}

/** Where the controller's hierarchy is mounted: the unified one, a hybrid one, version 1. */
const GROUP_PLACES = [
  { line: /^0::(\/.*)$/m, places: ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] },
  { line: /^\d+:(?:[^:]*,)?pids(?:,[^:]*)?:(\/.*)$/m, places: ["/sys/fs/cgroup/pids"] },
];

interface GroupRoom {
  readonly directory: string;
  readonly max: number;
  readonly room: number;
}

/** The control group, ours or one above it, that has least room for processes; undefined where none has a limit. */
function narrowestGroup(): GroupRoom | undefined {
  const groups = textOf("/proc/self/cgroup");
  let narrowest: GroupRoom | undefined;
  for (const { line, places } of GROUP_PLACES) {
    const path = line.exec(groups)?.[1];
    for (const place of path === undefined ? [] : places) {
      for (let directory = join(place, path as string); directory.startsWith(place); directory = dirname(directory)) {
        const max = Number.parseInt(textOf(join(directory, "pids.max")), 10);
        if (Number.isNaN(max)) continue;
        const room = max - Number(textOf(join(directory, "pids.current")));
        if (room < (narrowest?.room ?? Infinity)) narrowest = { directory, max, room };
      }
    }
  }
  return narrowest;
}

const textOf = (path: string) => tryReadText(path) ?? "";

/** Raises the soft limit of open files to the hard one; how many files this process may then open. getrlimit(2). */
export function raiseFileLimit(): number {
  using limits = allocate(rlimit.sizeBytes);
  if (libc.getrlimit(RLIMIT_NOFILE, limits.address) < 0) return 1024;
  const at = rlimit.offsets;
  const hard = limits.view.getUint32(at.rlim_max, true) + limits.view.getUint32(at.rlim_max + 4, true) * 2 ** 32;
  const before = limits.view.getUint32(at.rlim_cur, true);
  limits.bytes.copyWithin(at.rlim_cur, at.rlim_max, at.rlim_max + 8);
  return libc.setrlimit(RLIMIT_NOFILE, limits.address) < 0 ? before : hard;
}

/** How many processes and threads this user may have, all of them together; root is not limited. getrlimit(2), RLIMIT_NPROC. */
function processLimit(): number {
  if (process.geteuid?.() === 0) return Infinity;
  using limits = allocate(rlimit.sizeBytes);
  if (libc.getrlimit(RLIMIT_NPROC, limits.address) < 0) return Infinity;
  const at = rlimit.offsets.rlim_cur;
  return limits.view.getUint32(at, true) + limits.view.getUint32(at + 4, true) * 2 ** 32;
}
