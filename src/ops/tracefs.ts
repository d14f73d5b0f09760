/**
 * A private instance of the kernel's tracer: Documentation/trace/ftrace.rst, "Instances".
 *
 * Owns one directory under tracefs for the time of a run: chosen events and probes, a buffer of its own, CLOCK_MONOTONIC stamps. The
 * system's own tracing is not touched. An instance whose process was killed stays behind; the next `start` and
 * `removeStaleInstances` remove those whose process is gone. Needs root, and tracefs where the kernel usually mounts it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { programPath } from "./filesystem.ts";
import { addProbe, isProbe, moduleOf, probeOwners, removeProbes } from "./kprobes.ts";

const ROOTS = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
const PREFIX = "bytewitness-";
const BUFFER_KIB = 4096;

/** "system:name" of an event, as `set_event` takes it, or a probe: "kprobe:FUNCTION", "kretprobe:MODULE:FUNCTION". */
export type EventName = `${string}:${string}`;

export class KernelTracer implements Disposable {
  /** Events that were asked for and that this kernel does not have. */
  readonly missing: readonly EventName[];
  readonly #root: string;
  readonly #directory: string;
  #open = true;

  private constructor(root: string, directory: string, missing: readonly EventName[]) {
    this.#root = root;
    this.#directory = directory;
    this.missing = missing;
  }

  /** Starts to trace the events that exist; otherwise the reason why nothing can be traced. */
  static start(events: readonly EventName[]): KernelTracer | string {
    if (process.geteuid?.() !== 0) return "the kernel's tracer needs root";
    const root = tracefs();
    if (root === undefined) return "this kernel shows no tracefs under /sys/kernel/tracing";
    removeStaleInstances();
    const directory = `${root}/instances/${PREFIX}${process.pid}`;
    try {
      mkdirSync(directory);
    } catch (error) {
      return `no tracing instance could be made: ${error instanceof Error ? error.message : String(error)}`;
    }
    const paths = events.map((event) => [event, eventPath(root, event)] as const);
    const missing = paths.flatMap(([event, path]) => (path === undefined ? [event] : []));
    const tracer = new KernelTracer(root, directory, missing);
    try {
      writeFileSync(`${directory}/trace_clock`, "mono");
      writeFileSync(`${directory}/buffer_size_kb`, String(BUFFER_KIB));
      for (const [, path] of paths) if (path !== undefined) writeFileSync(`${directory}/events/${path}/enable`, "1");
    } catch (error) {
      tracer[Symbol.dispose]();
      return `the events could not be switched on: ${error instanceof Error ? error.message : String(error)}`;
    }
    return tracer;
  }

  /**
   * Stops and returns the text of the trace: the newest events, as many as the buffer holds, of this process, its
   * children and the kernel's own threads. What other programs did stays unread.
   */
  stop(): string {
    writeFileSync(`${this.#directory}/tracing_on`, "0");
    const text = readFileSync(`${this.#directory}/trace`, "utf8");
    const own = new OwnTasks();
    return text
      .split("\n")
      .filter((line) => own.made(line))
      .join("\n");
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    removeInstance(this.#directory);
    removeProbes(this.#root, process.pid);
  }
}

/** Where an event is below the `events` directory; a probe is made for it. Undefined when this kernel does not have it. */
function eventPath(root: string, event: EventName): string | undefined {
  if (isProbe(event)) {
    const module = moduleOf(event);
    if (module !== undefined) loadModule(module);
    return addProbe(root, event);
  }
  const path = event.replace(":", "/");
  const exists = () => existsSync(`${root}/events/${path}/enable`);
  // A file system's events come with its module, which a mount would load later.
  if (!exists()) loadModule(path.replace(/\/.*/, ""));
  return exists() ? path : undefined;
}

function loadModule(name: string): void {
  const modprobe = programPath("modprobe");
  if (modprobe !== null && !existsSync(`/sys/module/${name}`)) Bun.spawnSync([modprobe, "-q", name]);
}

/** Whose an event is, by the task that it names: `bun-114 [000] …`. */
class OwnTasks {
  readonly #names = new Set<string>();
  readonly #known = new Map<number, boolean>();

  constructor() {
    for (const tid of readdirSync("/proc/self/task")) {
      this.#known.set(Number(tid), true);
      this.#names.add(textOf(`/proc/self/task/${tid}/comm`).trim());
    }
  }

  made(line: string): boolean {
    const [, name = "", pid] = /^\s*(.+)-(\d+)\s+\[\d+\]/.exec(line) ?? [];
    if (pid === undefined) return false;
    return this.#isOwn(Number(pid), name);
  }

  #isOwn(pid: number, name: string): boolean {
    const known = this.#known.get(pid);
    if (known !== undefined) return known;
    const [, parent] = /^\d+ \(.*\) \S (\d+)/s.exec(textOf(`/proc/${pid}/stat`)) ?? [];
    // A thread that has ended is known by its name only; 2 is the parent of the kernel's threads.
    const own =
      parent === undefined
        ? this.#names.has(name) || name.startsWith("iou-wrk-")
        : Number(parent) === 2 || pid === 2 || (Number(parent) > 2 && this.#isOwn(Number(parent), ""));
    this.#known.set(pid, own);
    return own;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function tracefs(): string | undefined {
  return ROOTS.find((root) => existsSync(`${root}/instances`));
}

function removeInstance(directory: string): void {
  // An instance with events switched on is busy for a moment longer.
  writeFileSync(`${directory}/events/enable`, "0");
  rmdirSync(directory);
}

/** Removes instances of ours whose process is gone; a line for each. */
export function removeStaleInstances(): string[] {
  const root = tracefs();
  if (root === undefined || process.geteuid?.() !== 0) return [];
  const removed = readdirSync(`${root}/instances`).flatMap((name) => {
    const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) return [];
    removeInstance(`${root}/instances/${name}`);
    return [`removed the tracing instance ${name}, whose process is gone`];
  });
  const owners = probeOwners(root).filter((pid) => !existsSync(`/proc/${pid}`));
  for (const pid of owners) removeProbes(root, pid);
  return [...removed, ...owners.map((pid) => `removed the kernel probes of process ${pid}, which is gone`)];
}
