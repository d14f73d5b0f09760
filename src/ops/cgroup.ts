/**
 * A memory cgroup of our own: cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
 *
 * Owns making the group, moving this process in and out, and its limit. Only cgroup v2: a v1 limit kills a writer whose
 * pages are all dirty. Charges do not move with a process, so what it held before stays with its old group, and the new
 * group counts what is touched from then on (page cache too: io_uring's workers share the process's group).
 * Refuses to lower a limit below what is charged: that would reclaim or kill.
 */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { libc } from "../sys/libc.ts";
import { O_RDONLY, O_WRONLY } from "../sys/uapi/fcntl.ts";
import { assert, checked } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { openFile, read } from "./file.ts";
import { checkOffset } from "./integers.ts";
import { allocate, type Memory } from "./memory.ts";

/** Looks after what outlives a process: the parent's controller, and the group's directory. */
export interface GroupKeeper {
  /** Switches the memory controller on for the children of a group, given its cgroup.subtree_control, until disposed of. */
  enable(control: string): Disposable;
  /** A group was made at `directory`; the result is called when it is gone. */
  made(directory: string): { letGo(): void };
}

/** Where cgroup2 is mounted and which group this process is in; a string is the reason why there is none. */
export interface OwnGroup {
  readonly mountPoint: string;
  readonly directory: string;
}

export type OrReason<Value> = { readonly value: Value } | { readonly reason: string };

function words(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}

/** This process's group of the unified hierarchy, from /proc/self/cgroup and /proc/self/mountinfo (proc(5)). */
export function ownGroup(): OrReason<OwnGroup> {
  const line = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  for (const mount of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [left, right] = mount.split(" - ");
    if (right?.startsWith("cgroup2 ") !== true) continue;
    const [, , , root = "/", mountPoint = ""] = left?.split(" ") ?? [];
    // A container may see only a part of the hierarchy: its mount's root is cut from our path.
    const inside = line !== undefined && root !== "/" && line.startsWith(root) ? line.slice(root.length) : line;
    if (inside === undefined) return { reason: "this process is in no cgroup2 group" };
    return { value: { mountPoint, directory: join(mountPoint, inside) } };
  }
  return { reason: "cgroup2 is not mounted" };
}

interface Parent {
  readonly directory: string;
  /** Keeps the memory controller on for its children. */
  readonly controller: Disposable;
}

/** Where a child with memory limits can be made: a group without processes of its own, or the root (cgroups(7)). */
function parentFor(own: OwnGroup, keeper: GroupKeeper): OrReason<Parent> {
  const { mountPoint, directory } = own;
  if (!words(join(mountPoint, "cgroup.controllers")).includes("memory")) {
    const reason =
      "the memory controller is not on cgroup2 here (on v1, whose limit kills the writer, or switched off)";
    return { reason };
  }
  const candidates = directory === mountPoint ? [mountPoint] : [dirname(directory), mountPoint];
  for (const parent of candidates) {
    try {
      accessSync(join(parent, "cgroup.procs"), constants.W_OK);
      accessSync(parent, constants.W_OK);
      const controller = keeper.enable(join(parent, "cgroup.subtree_control"));
      return { value: { directory: parent, controller } };
    } catch {
      // Not ours to change, or it holds processes: try the next one.
    }
  }
  const hint = "root, or the command after `systemd-run --user --scope -p Delegate=yes`";
  return { reason: `no group above ${directory} lets this user make a memory group (needs ${hint})` };
}

function decimal(memory: Memory, lengthBytes: number): number {
  let value = 0;
  for (let i = 0; i < lengthBytes; i++) {
    const digit = (memory.bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}

/** The group this process is in until it is disposed of. */
export class MemoryGroup implements Disposable {
  readonly directory: string;
  readonly #back: Back;
  readonly #max: Fd;
  readonly #current: Fd;
  readonly #stat: Fd;
  readonly #text = allocate(64);
  readonly #statText = allocate(8192);
  readonly #limitText = allocate(64);
  readonly #maxText = allocate(64);
  #limitLength = 0;
  #limited = false;
  #open = true;

  /** Makes the group without a limit and moves this process there; a reason instead when that cannot be. */
  static enter(keeper: GroupKeeper): OrReason<MemoryGroup> {
    const own = ownGroup();
    if ("reason" in own) return own;
    const parent = parentFor(own.value, keeper);
    if ("reason" in parent) return parent;
    const directory = join(parent.value.directory, `bytewitness-${process.pid}`);
    const { controller } = parent.value;
    let made: Back["made"];
    try {
      mkdirSync(directory);
      made = keeper.made(directory);
    } catch (error) {
      controller[Symbol.dispose]();
      return { reason: `${directory} cannot be made: ${(error as Error).message}` };
    }
    const back = { origin: own.value.directory, controller, made };
    try {
      return { value: new MemoryGroup(directory, back) };
    } catch (error) {
      leave(directory, back);
      return { reason: `${directory} cannot be used: ${(error as Error).message}` };
    }
  }

  private constructor(directory: string, back: Back) {
    this.directory = directory;
    this.#back = back;
    this.#max = openFile(join(directory, "memory.max"), { flags: O_WRONLY });
    this.#current = openFile(join(directory, "memory.current"), { flags: O_RDONLY });
    this.#maxText.bytes.set(Buffer.from("max\n"));
    this.#stat = openFile(join(directory, "memory.stat"), { flags: O_RDONLY });
    try {
      writeFileSync(join(directory, "memory.swap.max"), "0");
    } catch {
      // A kernel without swap accounting has no such file.
    }
    writeFileSync(join(directory, "cgroup.procs"), String(process.pid));
  }

  /** memory.current: bytes charged to the group. */
  currentBytes(): number {
    return decimal(this.#text, read(this.#current, this.#text, { offsetBytes: 0 }));
  }

  get limited(): boolean {
    return this.#limited;
  }

  /**
   * Reads memory.stat for its side effect: the kernel sums its per-processor counters (mem_cgroup_flush_stats). Without
   * that, what dirty throttling sees of this group can be two seconds old.
   */
  flushStatistics(): void {
    read(this.#stat, this.#statText, { offsetBytes: 0 });
  }

  /** Makes ready a limit of what is charged now plus `headroomBytes`; returns it. It is in force after `limit`. */
  prepareLimit(headroomBytes: number): number {
    checkOffset("headroomBytes", headroomBytes);
    const limitBytes = this.currentBytes() + headroomBytes;
    const text = Buffer.from(`${limitBytes}\n`);
    this.#limitText.bytes.set(text);
    this.#limitLength = text.length;
    return limitBytes;
  }

  /** memory.max becomes the prepared limit. Allocates nothing, so that our own heap does not run into it. */
  limit(): void {
    assert(this.#limitLength > 0, "no limit was prepared");
    this.#limited = true;
    const written = libc.pwrite(this.#max.number, this.#limitText.address, this.#limitLength, 0);
    checked(written, "pwrite", this.#max.label);
  }

  /** memory.max becomes "max". Allocates nothing. */
  lift(): void {
    if (!this.#limited) return;
    this.#limited = false;
    checked(libc.pwrite(this.#max.number, this.#maxText.address, 4, 0), "pwrite", this.#max.label);
  }

  /** memory.events: how often the limit was reached (max), reclaim failed (oom), and a process was killed (oom_kill). */
  events(): Readonly<Record<string, number>> {
    const pairs = words(join(this.directory, "memory.events"));
    const result: Record<string, number> = {};
    for (let i = 0; i + 1 < pairs.length; i += 2) result[pairs[i] as string] = Number(pairs[i + 1]);
    return result;
  }

  /** Lifts the limit, moves this process back and removes the group. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.lift();
    this.#open = false;
    for (const file of [this.#max, this.#current, this.#stat]) file.close();
    for (const text of [this.#text, this.#statText, this.#limitText, this.#maxText]) text[Symbol.dispose]();
    leave(this.directory, this.#back);
  }
}

/** What leaving a group undoes. */
interface Back {
  readonly origin: string;
  readonly controller: Disposable;
  readonly made: { letGo(): void };
}

/** Moves everyone back and removes the group. What cannot be done stays registered: an empty, unlimited group. */
function leave(directory: string, { origin, controller, made }: Back): void {
  // Children of ours (a helper process) may be in the group too: none is left behind.
  for (const pid of words(join(directory, "cgroup.procs")))
    attempt(() => writeFileSync(join(origin, "cgroup.procs"), pid));
  attempt(() => {
    rmdirSync(directory);
    made.letGo();
  });
  controller[Symbol.dispose]();
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // The next one may still work.
  }
}
