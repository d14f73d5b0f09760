/**
 * A recording as a trace file that Perfetto and chrome://tracing open: the JSON form of the Trace Event Format.
 *
 * Owns the mapping: one track for each thread and descriptor that the calls used, for requests of a ring as many as are in
 * flight, one slice for each call, a flow arrow from a call
 * that filled a pipe, a socket or a file to the call that took from it, findings as instants. Times are microseconds with
 * three decimals, so no nanosecond is lost.
 * Source: "Trace Event Format" (Google, 2016), phases X, M, i, s, f.
 */
import type { ReportedFinding } from "../report/document.ts";
import { callLine, DescriptorNames, isRequest } from "./lines.ts";
import type { RecordedCall } from "./recorder.ts";
import { type RoleCalls, roleTracks } from "./role-tracks.ts";
import { SIGNATURES } from "./signatures.ts";

export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  readonly ph: "X" | "M" | "i" | "s" | "f";
  readonly ts?: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly bp?: "e";
  readonly s?: "g" | "t";
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface TraceFile {
  readonly displayTimeUnit: "ns";
  readonly otherData: Readonly<Record<string, unknown>>;
  readonly traceEvents: readonly TraceEvent[];
}

const PID = 1;
/** The track of calls that use no descriptor, and of findings. */
const PROCESS_TRACK = 1;

/** The trace; `dropped` calls were made before the first that is here. */
export function traceOf(
  calls: readonly RecordedCall[],
  about: { tool: string; findings: readonly ReportedFinding[]; dropped: number; roles?: readonly RoleCalls[] },
): TraceFile {
  const names = new DescriptorNames();
  const tracks = new Map<string, number>();
  const lanes = new Lanes();
  const events: TraceEvent[] = [
    named("process_name", PROCESS_TRACK, about.tool),
    named("thread_name", PROCESS_TRACK, "process"),
  ];
  const transfers: Transfer[] = [];
  let lastUs = 0;
  for (const recorded of calls) {
    const descriptors = descriptorsOf(recorded).map((number) => names.nameOf(number));
    const line = callLine(recorded, names);
    names.learn(recorded);
    const ts = recorded.startNs / 1000;
    const dur = Math.max(0.001, (recorded.endNs - recorded.startNs) / 1000);
    const owner = ownerOf(recorded, descriptors[0] ?? newName(recorded, names));
    const lane = isRequest(recorded.call) ? lanes.free(owner, { ts, dur }) : owner;
    const tid = lane === undefined ? PROCESS_TRACK : trackOf(lane, tracks, events);
    lastUs = Math.max(lastUs, ts + dur);
    events.push({
      name: recorded.call,
      cat: recorded.result < 0 ? "error" : "call",
      ph: "X",
      ...{ ts, dur, pid: PID, tid },
      args: { line, result: recorded.result, index: recorded.index },
    });
    if (movesBytes(recorded)) transfers.push({ ...ends(recorded.call, descriptors), slice: { ts, dur, tid } });
  }
  events.push(...flowsOf(transfers));
  for (const [index, finding] of about.findings.entries())
    events.push({
      name: `finding ${index + 1}: ${finding.kind}`,
      ...{ cat: "finding", ph: "i", ts: lastUs, pid: PID, tid: PROCESS_TRACK, s: "g" },
      args: { offsetBytes: finding.offsetBytes, lengthBytes: finding.lengthBytes, detail: finding.detail },
    });
  const { roles = [] } = about;
  const lost = Object.fromEntries(roles.map(({ role, dropped }) => [`droppedCallsOf_${role}`, dropped]));
  return {
    displayTimeUnit: "ns",
    otherData: { tool: about.tool, droppedCalls: about.dropped, ...lost },
    traceEvents: [...events, ...roleTracks(roles, about.findings)],
  };
}

function named(what: "process_name" | "thread_name", tid: number, name: string): TraceEvent {
  return { name: what, ph: "M", pid: PID, tid, args: { name } };
}

/** The name of a call's track. Slices of one track must not overlap in part: each thread has tracks of its own. */
function ownerOf({ call, thread }: RecordedCall, descriptor: string | undefined): string | undefined {
  const maker = [...(thread === undefined ? [] : [`thread ${thread}`]), ...(isRequest(call) ? ["io_uring"] : [])];
  if (maker.length === 0) return descriptor;
  return `${maker.join(", ")}${descriptor === undefined ? "" : `: ${descriptor}`}`;
}

/** Requests of one descriptor that are in flight at once need tracks side by side. */
class Lanes {
  readonly #ends = new Map<string, number>();

  /** The first track of `owner` that is free from `ts` on. */
  free(owner = "io_uring", { ts, dur }: Pick<Slice, "ts" | "dur">): string {
    for (let count = 1; ; count++) {
      const name = count === 1 ? owner : `${owner} (${count})`;
      if ((this.#ends.get(name) ?? -Infinity) > ts) continue;
      this.#ends.set(name, ts + dur);
      return name;
    }
  }
}

function trackOf(owner: string, tracks: Map<string, number>, events: TraceEvent[]): number {
  const known = tracks.get(owner);
  if (known !== undefined) return known;
  const tid = PROCESS_TRACK + 1 + tracks.size;
  tracks.set(owner, tid);
  events.push(named("thread_name", tid, owner));
  return tid;
}

/** The descriptors a call used, in the order of its arguments. */
function descriptorsOf({ call, args }: RecordedCall): number[] {
  const parameters = SIGNATURES[call]?.parameters ?? [];
  return parameters.flatMap(({ kind }, index) => (kind === "fd" ? [args[index] as number] : []));
}

/** The name of the descriptor that a call just made. */
function newName({ call, result }: RecordedCall, names: DescriptorNames): string | undefined {
  return SIGNATURES[call]?.gives === "fd" && result >= 0 ? names.nameOf(result) : undefined;
}

interface Slice {
  readonly ts: number;
  readonly dur: number;
  readonly tid: number;
}

const endOf = ({ ts, dur }: Slice) => ts + dur;

/** A call that moved bytes: the names of where they came from and went to, and when. */
interface Transfer {
  readonly source?: string;
  readonly sink?: string;
  readonly slice: Slice;
}

function movesBytes({ call, result }: RecordedCall): boolean {
  return result > 0 && SIGNATURES[call]?.gives === "count" && call !== "lseek";
}

/**
 * Arrows from the call that put bytes somewhere to the next that took bytes out of there. Bytes are there when a call has
 * ended: a reader may have slept in its call since before they were written. It may also return before the call that
 * wrote them does.
 */
function flowsOf(transfers: readonly Transfer[]): TraceEvent[] {
  const byEnd = [...transfers].sort((a, b) => endOf(a.slice) - endOf(b.slice));
  const fills = new Map<string, { readonly slices: Slice[]; next: number }>();
  for (const { sink, slice } of byEnd) {
    if (sink === undefined) continue;
    const known = fills.get(conduit(sink));
    if (known === undefined) fills.set(conduit(sink), { slices: [slice], next: 0 });
    else known.slices.push(slice);
  }
  const events: TraceEvent[] = [];
  for (const { source, slice } of byEnd) {
    const place = source === undefined ? undefined : fills.get(conduit(source));
    if (place === undefined) continue;
    const { slices } = place;
    let latest = place.next;
    while (latest + 1 < slices.length && endOf(slices[latest + 1] as Slice) < endOf(slice)) latest += 1;
    const from = slices[latest];
    if (from === undefined || from === slice || from.ts >= endOf(slice)) continue;
    place.next = latest + 1;
    events.push(...arrow(events.length / 2 + 1, from, slice));
  }
  return events;
}

/** An arrow's two ends: inside both slices, and never back in time. */
function arrow(id: number, from: Slice, to: Slice): TraceEvent[] {
  const flow = { name: "bytes", cat: "flow", pid: PID, id };
  const lastUs = endOf(to) - to.dur / 1000;
  const leftUs = Math.min(from.ts + from.dur / 2, Math.max(from.ts, lastUs));
  const takenUs = Math.min(Math.max(to.ts + to.dur / 2, leftUs), Math.max(lastUs, leftUs));
  return [
    { ...flow, ph: "s", ts: leftUs, tid: from.tid },
    { ...flow, ph: "f", bp: "e", ts: takenUs, tid: to.tid },
  ];
}

/** Both ends of a pipe are one place. */
function conduit(name: string): string {
  return name.replace(/\.(read|write)$/, "");
}

/** Where a call takes its bytes from and where it puts them. */
function ends(name: string, [first, second]: readonly string[]): { source?: string; sink?: string } {
  const call = name.replace("io_uring ", "");
  if (call === "sendfile") return { ...(second && { source: second }), ...(first && { sink: first }) };
  if (second !== undefined) return { ...(first && { source: first }), sink: second };
  if (/^(p?read|recv)/.test(call)) return first === undefined ? {} : { source: first };
  return first === undefined ? {} : { sink: first };
}
