/**
 * Calls as a compact trace, in the form of the strace in report 2.
 *
 * Owns the text only: when a call began, and how long it took as strace -T prints it. Offsets are those of the stream that left the relay; `==>` marks the calls
 * that carried a damaged range.
 */
import { errnoName } from "../../../sys/errno.ts";
import type { JournalCall } from "../../journal.ts";
import { WAIT_IN, WAIT_OUT } from "./transfers.ts";

/** The splice flags as strace's hexadecimal: SPLICE_F_MOVE is 1, SPLICE_F_NONBLOCK 2. */
export function spliceFlagsText(options: { move: boolean; nonblock: boolean }): string {
  return `0x${((options.move ? 1 : 0) | (options.nonblock ? 2 : 0)).toString(16)}`;
}

export interface TraceOptions {
  readonly flags: string;
  /** Sequences of the calls to mark. */
  readonly marked?: ReadonlySet<number>;
  readonly startNs: number;
}

/** The lines of a trace. */
export function traceLines(calls: readonly JournalCall[], options: TraceOptions): string[] {
  return calls.map((call) => traceLine(call, options));
}

function traceLine(call: JournalCall, options: TraceOptions): string {
  const mark = options.marked?.has(call.sequence) === true ? "==>" : "   ";
  const seconds = Math.max(0, (call.atNs - options.startNs) / 1e9).toFixed(6);
  const took = ((call.endNs - call.atNs) / 1e9).toFixed(6);
  return `${mark} ${seconds.padStart(10)}  ${callText(call, options.flags, ` <${took}>`)}`;
}

function callText(call: JournalCall, flags: string, took: string): string {
  const asked = `0x${call.requestedBytes.toString(16)}`;
  const result = call.result < 0 ? `-1 ${errnoName(-call.result)}` : String(call.result);
  const place = call.ordinal > 0 ? `   #${call.ordinal} at ${call.streamOffsetBytes}` : "";
  switch (call.what) {
    case "wait":
      return `poll(server ${waitText(call.requestedBytes, "in")}, client ${waitText(call.requestedBytes, "out")}) = ${readyText(call.result)}${took}`;
    case "splice-in":
      return `splice(server, pipe, ${asked}, ${flags}) = ${result}${took}${place}`;
    case "splice-out":
      return `splice(pipe, client, ${asked}, ${flags}) = ${result}${took}${place}`;
    default:
      return `${call.what}: ${call.result} bytes at ${call.streamOffsetBytes}`;
  }
}

function waitText(events: number, which: "in" | "out"): string {
  return (events & (which === "in" ? WAIT_IN : WAIT_OUT)) !== 0 ? `[${which}]` : "[]";
}

function readyText(events: number): string {
  const names = [(events & WAIT_IN) !== 0 ? "in [server]" : "", (events & WAIT_OUT) !== 0 ? "out [client]" : ""];
  const ready = names.filter((name) => name !== "");
  return `${ready.length} (${ready.join(", ")})`;
}
