/**
 * A private instance of the kernel's tracer: Documentation/trace/ftrace.rst, "Instances".
 *
 * Owns one directory under tracefs for the time of a run: chosen events, a buffer of its own, CLOCK_MONOTONIC stamps. The
 * system's own tracing is not touched. An instance whose process was killed stays behind; the next `start` and
 * `removeStaleInstances` remove those whose process is gone. Needs root, and tracefs where the kernel usually mounts it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

const ROOTS = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
const PREFIX = "bytewitness-";
const BUFFER_KIB = 4096;

/** "system:name" of an event, as `set_event` takes it. */
export type EventName = `${string}:${string}`;

export class KernelTracer implements Disposable {
  /** Events that were asked for and that this kernel does not have. */
  readonly missing: readonly EventName[];
  readonly #directory: string;
  #open = true;

  private constructor(directory: string, missing: readonly EventName[]) {
    this.#directory = directory;
    this.missing = missing;
  }

  /** Starts to trace the events that exist; a sentence that says why nothing can be traced otherwise. */
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
    const missing = events.filter((event) => !existsSync(`${root}/events/${event.replace(":", "/")}/enable`));
    const tracer = new KernelTracer(directory, missing);
    try {
      writeFileSync(`${directory}/trace_clock`, "mono");
      writeFileSync(`${directory}/buffer_size_kb`, String(BUFFER_KIB));
      for (const event of events) {
        if (!missing.includes(event)) writeFileSync(`${directory}/events/${event.replace(":", "/")}/enable`, "1");
      }
    } catch (error) {
      tracer[Symbol.dispose]();
      return `the events could not be switched on: ${error instanceof Error ? error.message : String(error)}`;
    }
    return tracer;
  }

  /** Stops and returns the text of the trace: the newest events, as many as the buffer holds. */
  stop(): string {
    writeFileSync(`${this.#directory}/tracing_on`, "0");
    return readFileSync(`${this.#directory}/trace`, "utf8");
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    removeInstance(this.#directory);
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
  return readdirSync(`${root}/instances`).flatMap((name) => {
    const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) return [];
    removeInstance(`${root}/instances/${name}`);
    return [`removed the tracing instance ${name}, whose process is gone`];
  });
}
