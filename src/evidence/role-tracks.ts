/**
 * The journal of a role in another process as tracks of a trace: one for each kind of call and stream.
 *
 * Owns the arrows from the call that took bytes in to the one that sent them on, by their place in the stream, and where a
 * finding is: at the call that sent its first byte. Source: "Trace Event Format" (Google, 2016).
 */
import type { ReportedFinding } from "../report/document.ts";
import type { TraceEvent } from "./perfetto.ts";

/** A call as the journals have it. */
export interface RoleCall {
  /** The call as strace names it. */
  readonly what: string;
  /** Place in the journal, from 0; grows by one per call. */
  readonly sequence: number;
  /** Both ends of the call on CLOCK_MONOTONIC. */
  readonly atNs: number;
  readonly endNs: number;
  readonly requestedBytes: number;
  /** Bytes moved, or -errno. */
  readonly result: number;
  /** Where the call's first byte is in the stream. */
  readonly streamOffsetBytes: number;
  /** Of several streams, which; 0 where there is one. */
  readonly channel: number;
}

export interface RoleCalls {
  /** "relay" */
  readonly role: string;
  readonly calls: readonly RoleCall[];
  /** Calls that the journal could not keep. */
  readonly dropped: number;
}

/** Process numbers of roles in the trace, after the run's own. */
const FIRST_PID = 2;

export function roleTracks(roles: readonly RoleCalls[], findings: readonly ReportedFinding[]): TraceEvent[] {
  const beginNs = roles.flatMap(({ calls }) => calls).reduce((least, { atNs }) => Math.min(least, atNs), Infinity);
  return roles.flatMap((role, index) => new RoleTracks(role, FIRST_PID + index, beginNs).events(findings));
}

class RoleTracks {
  readonly #role: RoleCalls;
  readonly #pid: number;
  readonly #beginNs: number;
  readonly #tracks = new Map<string, number>();
  readonly #events: TraceEvent[] = [];
  /** Splice-ins of each channel whose bytes are still in the pipe. */
  readonly #waiting = new Map<number, RoleCall[]>();
  #flows = 0;

  constructor(role: RoleCalls, pid: number, beginNs: number) {
    this.#role = role;
    this.#pid = pid;
    this.#beginNs = beginNs;
  }

  events(findings: readonly ReportedFinding[]): TraceEvent[] {
    const { role, calls } = this.#role;
    this.#events.push({ name: "process_name", ph: "M", pid: this.#pid, tid: 1, args: { name: role } });
    for (const call of calls) {
      this.#events.push({
        name: call.what,
        cat: call.result < 0 ? "error" : "call",
        ph: "X",
        ...this.#place(call),
        dur: Math.max(0.001, (call.endNs - call.atNs) / 1000),
        args: {
          requestedBytes: call.requestedBytes,
          result: call.result,
          streamOffsetBytes: call.streamOffsetBytes,
          sequence: call.sequence,
        },
      });
      if (call.result > 0) this.#flow(call);
    }
    this.#events.push(...findings.flatMap((finding, index) => this.#finding(finding, index)));
    return this.#events;
  }

  #place({ what, channel, atNs }: RoleCall): { ts: number; pid: number; tid: number } {
    const name = `${what}, ${channel % 2 === 0 ? "down" : "up"} of connection ${Math.floor(channel / 2)}`;
    let tid = this.#tracks.get(name);
    if (tid === undefined) {
      tid = 1 + this.#tracks.size;
      this.#tracks.set(name, tid);
      this.#events.push({ name: "thread_name", ph: "M", pid: this.#pid, tid, args: { name } });
    }
    return { ts: (atNs - this.#beginNs) / 1000, pid: this.#pid, tid };
  }

  /** An arrow from each splice-in to every splice-out that sent some of its bytes. */
  #flow(call: RoleCall): void {
    const waiting = this.#waiting.get(call.channel) ?? [];
    if (call.what === "splice-in") this.#waiting.set(call.channel, [...waiting, call]);
    if (call.what !== "splice-out") return;
    const end = call.streamOffsetBytes + call.result;
    for (const taken of waiting.filter(({ streamOffsetBytes: start }) => start < end)) {
      this.#flows += 1;
      const flow = { name: "bytes", cat: "flow", id: this.#pid * 1_000_000 + this.#flows };
      this.#events.push({ ...flow, ph: "s", ...this.#place(taken) });
      this.#events.push({ ...flow, ph: "f", bp: "e", ...this.#place(call) });
    }
    this.#waiting.set(
      call.channel,
      waiting.filter(({ streamOffsetBytes, result }) => streamOffsetBytes + result > end),
    );
  }

  #finding({ kind, offsetBytes, lengthBytes, detail }: ReportedFinding, index: number): TraceEvent[] {
    const sent = this.#role.calls.find(
      ({ what, result, streamOffsetBytes: start }) =>
        what === "splice-out" && start <= offsetBytes && offsetBytes < start + result,
    );
    if (sent === undefined) return [];
    const args = { offsetBytes, lengthBytes, detail };
    return [{ name: `finding ${index + 1}: ${kind}`, cat: "finding", ph: "i", s: "t", ...this.#place(sent), args }];
  }
}
