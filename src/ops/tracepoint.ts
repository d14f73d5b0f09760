/**
 * Counting a kernel tracepoint in this thread: perf_event_open(2), tracefs (Documentation/trace/events.rst).
 *
 * Owns the event's number, read from tracefs, and a counter that dies with its descriptor, so nothing is left to restore
 * (a tracing instance would stay behind after SIGKILL). Refuses to record: it counts.
 */
import { readFileSync } from "node:fs";
import { ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import {
  PERF_ATTR_SIZE_VER0,
  PERF_FLAG_FD_CLOEXEC,
  PERF_TYPE_TRACEPOINT,
  perf_event_attr,
  SYS_perf_event_open,
} from "../sys/uapi/sched.ts";
import { Fd } from "./fd.ts";
import { read } from "./file.ts";
import { allocate, type Memory } from "./memory.ts";

const TRACEFS = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

export interface Tracepoint {
  readonly system: string;
  readonly name: string;
}

/** "absent": this kernel has tracing and the system's events, but not this one. "unknown": no one can know from here. */
export type Missing = { readonly why: "absent" | "unknown"; readonly reason: string };

function readable(path: string): { text: string } | { code: string } {
  try {
    return { text: readFileSync(path, "utf8") };
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? "error" };
  }
}

/** The event's number, or why there is none. */
function eventId({ system, name }: Tracepoint): { id: number } | Missing {
  let refused = false;
  for (const root of TRACEFS) {
    const answer = readable(`${root}/events/${system}/${name}/id`);
    if ("text" in answer) return { id: Number(answer.text) };
    if (answer.code === "EACCES" || answer.code === "EPERM") refused = true;
    // The system's own switch is there, its event is not: the kernel knows the one and not the other.
    else if ("text" in readable(`${root}/events/${system}/enable`)) {
      return { why: "absent", reason: `no tracepoint ${system}:${name}` };
    }
  }
  return { why: "unknown", reason: refused ? "tracepoints need root" : "this kernel shows no tracefs" };
}

export class TracepointCounter implements Disposable {
  readonly #fd: Fd;
  readonly #answer: Memory;

  /** Counts from now on, in the calling thread alone. */
  static open(event: Tracepoint): { readonly counter: TracepointCounter } | Missing {
    const found = eventId(event);
    if (!("id" in found)) return found;
    using attr = allocate(perf_event_attr.sizeBytes);
    attr.bytes.fill(0);
    const at = perf_event_attr.offsets;
    attr.view.setUint32(at.type, PERF_TYPE_TRACEPOINT, true);
    attr.view.setUint32(at.size, PERF_ATTR_SIZE_VER0, true);
    attr.view.setUint32(at.config, found.id, true);
    // pid 0 and cpu -1: this thread, wherever it runs.
    const result = libc.syscall(SYS_perf_event_open, attr.address, 0, -1, -1, PERF_FLAG_FD_CLOEXEC, 0);
    if (result >= 0) return { counter: new TracepointCounter(new Fd(result, `${event.system}:${event.name}`)) };
    const refused = errno() === ERRNO.EACCES || errno() === ERRNO.EPERM;
    return { why: "unknown", reason: refused ? "tracepoints need root" : "no performance counters here" };
  }

  private constructor(fd: Fd) {
    this.#fd = fd;
    this.#answer = allocate(8);
  }

  /** How often the event fired in this thread since `open`. */
  read(): number {
    read(this.#fd, this.#answer);
    return this.#answer.view.getUint32(0, true) + this.#answer.view.getUint32(4, true) * 2 ** 32;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
    this.#answer[Symbol.dispose]();
  }
}
