/**
 * What a relay run is made of: the experiments of report 2 as plain values that cross process borders as JSON.
 *
 * Owns the names of the ends, engines and injections. Refuses to read a command line: scripts do that.
 */
import type { TcpTuning } from "../../ops/socket-option.ts";

/** How one end of the relay is reached. Both listen and connect can be socket addresses; files and pipes are opened. */
export type EndKind = "tcp" | "unix" | "file" | "pipe";

export const END_KINDS = ["tcp", "unix", "file", "pipe"] as const;

/** The name that leaves the system's congestion control alone. */
export const SYSTEM_CONGESTION = "system";

/** Damage made on purpose inside the relay, to prove that the chain finds it. */
export const INJECT_KINDS = ["none", "foreign", "zeroed", "duplicated", "lost", "bit-flipped", "two-chunks"] as const;

export type InjectKind = (typeof INJECT_KINDS)[number];

/** Where the damage is made: before the tap sees the bytes, after it, or in the sink's own memory. */
export const INJECT_HOPS = ["in", "out", "sink"] as const;

export type InjectHop = (typeof INJECT_HOPS)[number];

export interface RelayInjection {
  readonly kind: Exclude<InjectKind, "none">;
  readonly hop: InjectHop;
  readonly seed: number;
  /** Which connection, and which bytes of its stream are the chunk that is damaged. */
  readonly connection: number;
  readonly fromBytes: number;
  readonly lengthBytes: number;
}

/** The relay's own behaviour; every field is one experiment of the mail. */
export interface RelayShape {
  readonly engine: "poll" | "uring";
  /** "always" asks for readiness before every splice, as the report's loop; "eagain" only after one would block. */
  readonly wait: "always" | "eagain";
  readonly move: boolean;
  readonly nonblock: boolean;
  /** Read while bytes are still in the pipe, or only when it is empty. */
  readonly read: "always" | "empty";
  /** A splice-out asks for everything in the pipe, or for one splice-in's bytes. */
  readonly chunks: "many" | "one";
  readonly pipeBytes: number;
  /** Most bytes one splice-in asks for, and the pipe holds before the next: may be more than its nominal capacity. */
  readonly askBytes: number;
  readonly tap: boolean;
  readonly ktls: boolean;
  /** Options of every TCP socket; an absent congestion control is chosen by address. */
  readonly tcp: TcpTuning;
  /** No byte moves on any connection for so long: the run ends. */
  readonly timeoutSeconds: number;
  readonly injection?: RelayInjection;
  /** Calls the journal keeps; 0 keeps none (to measure what it costs). */
  readonly journalCalls: number;
}

export const JOURNAL_CALLS_DEFAULT = 1 << 18;

export const SHAPE_DEFAULT: RelayShape = {
  engine: "poll",
  wait: "eagain",
  move: true,
  nonblock: true,
  read: "always",
  chunks: "many",
  pipeBytes: 1 << 20,
  askBytes: 1 << 22,
  tap: false,
  ktls: false,
  tcp: {},
  timeoutSeconds: 30,
  journalCalls: JOURNAL_CALLS_DEFAULT,
};

/** What the streams carry. Each connection has a generation of its own, so that bytes that cross over are "stale". */
export interface Feed {
  readonly pattern: "counter" | "zero";
  readonly generation: number;
}
