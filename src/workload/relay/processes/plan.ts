/** What a self-contained run of the relay is to do, decided by options and seed before anything starts. Types only. */
import type { EndKind, Feed, RelayShape } from "../options.ts";

export interface RunPlan {
  readonly shape: RelayShape;
  readonly feed: Feed;
  readonly from: EndKind;
  readonly to: EndKind;
  readonly connections: number;
  readonly bytesPerConnection: number | undefined;
  readonly seconds: number | undefined;
  readonly ipv6: boolean;
  /** Each role in a network namespace of its own, joined by veth pairs without offloads. */
  readonly namespaces: boolean;
  /** Every so many of the source's packets are edited by the kernel; needs `namespaces`. */
  readonly edit: number | undefined;
  /** Show the relay's first calls even when nothing is wrong. */
  readonly firstCalls: number;
  /** Bring the relay's journal over, for a trace. */
  readonly journal: boolean;
  readonly sinkPauseMs?: number;
}
