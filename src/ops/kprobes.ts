/**
 * Probes on kernel functions, for what no tracepoint shows: Documentation/trace/kprobetrace.rst.
 *
 * Owns a group of probes of this process in `kprobe_events`, and removing it; groups of processes that are gone go at the
 * next start. "kprobe:FUNCTION" is an event when the function is entered, "kretprobe:FUNCTION" one with its result;
 * "kprobe:FUNCTION(name=$arg3 …)" shows arguments, "kprobe:MODULE:FUNCTION" has the module loaded first. Functions that this kernel lacks or has inlined are refused by it.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const GROUP = "bytewitness_";
const PROBE = /^(kprobe|kretprobe):(?:(\w+):)?(\w+)(?:\(([^)]*)\))?$/;

/** Adds a probe; where its event is below the `events` directory, or undefined when the kernel refuses it. */
export function addProbe(root: string, name: string): string | undefined {
  const [, kind, , symbol, shown = ""] = PROBE.exec(name) ?? [];
  if (kind === undefined || symbol === undefined) return undefined;
  // A function may have both.
  const event = `${GROUP}${process.pid}/${symbol}${kind === "kretprobe" ? "_returned" : ""}`;
  const fetched = kind === "kretprobe" ? "result=$retval:s64" : shown;
  try {
    appendFileSync(`${root}/kprobe_events`, `${kind === "kprobe" ? "p" : "r"}:${event} ${symbol} ${fetched}\n`);
    return event;
  } catch {
    // No kprobes in this kernel, no such function, or one that must not be probed.
    return undefined;
  }
}

/** The module that a probe names. */
export function moduleOf(name: string): string | undefined {
  return PROBE.exec(name)?.[2];
}

export function isProbe(name: string): boolean {
  return PROBE.test(name);
}

/** Removes the probes of a process; its events must be switched off. */
export function removeProbes(root: string, pid: number): void {
  for (const event of probesIn(root)) {
    if (!event.startsWith(`${GROUP}${pid}/`)) continue;
    try {
      appendFileSync(`${root}/kprobe_events`, `-:${event}\n`);
    } catch {
      // Still switched on in an instance; the next start removes it.
    }
  }
}

/** Processes that have probes of ours. */
export function probeOwners(root: string): number[] {
  const owners = probesIn(root).map((event) => Number(event.slice(GROUP.length).split("/")[0]));
  return [...new Set(owners)];
}

function probesIn(root: string): string[] {
  const path = `${root}/kprobe_events`;
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => new RegExp(`^[pr]\\d*:(${GROUP}\\d+/\\w+) `).exec(line)?.[1] ?? []);
}
