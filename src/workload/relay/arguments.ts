/**
 * The flags of splice-relay.ts, and what they make of a run.
 *
 * Owns the experiments of report 2 as options, the combinations that cannot work, and the plan that seed and options
 * decide. Opens nothing but the socket that shows whether the kernel knows a congestion control.
 */
import { congestionMissing, type TcpTuning } from "../../ops/socket-option.ts";
import { Random } from "../random.ts";
import {
  END_KINDS,
  type Feed,
  INJECT_HOPS,
  INJECT_KINDS,
  JOURNAL_CALLS_DEFAULT,
  type RelayInjection,
  type RelayShape,
  SYSTEM_CONGESTION,
} from "./options.ts";
import type { RunPlan } from "./processes/plan.ts";

const ON_OFF = ["on", "off"] as const;

const POLL = { engine: "poll" } as const;
const SOCKETS = { from: "tcp", to: "tcp" } as const;
const SOME_TCP = [{ from: "tcp" }, { to: "tcp" }] as const;

export const RELAY_OPTIONS = {
  bytes: {
    conflicts: ["seconds"],
    kind: "size",
    min: 0,
    optional: true,
    description: "bytes to send, all connections together [4GiB]; a sink or tap alone: how many should come",
  },
  seconds: {
    onlyWith: { from: ["tcp", "unix", "pipe"] },
    kind: "duration",
    optional: true,
    description: "send for this long instead",
  },
  connections: {
    onlyWith: { from: ["tcp", "unix"], to: ["tcp", "unix"] },
    kind: "count",
    default: 1,
    min: 1,
    max: 20_000,
    description: "connections at once",
  },
  engine: {
    kind: "choice",
    choices: ["poll", "uring"],
    default: "poll",
    description: "splice(2), or IORING_OP_SPLICE",
  },
  wait: {
    onlyWith: POLL,
    kind: "choice",
    choices: ["eagain", "always"],
    optional: true,
    description:
      "wait for readiness only after EAGAIN (default), or before every splice as the report does (with --mss)",
  },
  move: { kind: "choice", choices: ON_OFF, default: "on", description: "SPLICE_F_MOVE" },
  nonblock: {
    kind: "choice",
    choices: ON_OFF,
    default: "on",
    description: "SPLICE_F_NONBLOCK; off needs --read empty",
  },
  read: {
    onlyWith: POLL,
    kind: "choice",
    choices: ["always", "empty"],
    default: "always",
    description: "read while the pipe holds data, or only when it is empty",
  },
  chunks: {
    onlyWith: POLL,
    kind: "choice",
    choices: ["many", "one"],
    default: "many",
    description: "send all chunks in the pipe at once (the report's pattern), or one at a time",
  },
  feed: {
    kind: "choice",
    choices: ["counter", "zero"],
    default: "counter",
    description: "bytes that record where they belong, or zeros: anything else is wrong",
  },
  from: { kind: "choice", choices: END_KINDS, default: "tcp", description: "what the relay splices from" },
  to: { kind: "choice", choices: END_KINDS, default: "tcp", description: "what the relay splices to" },
  pipeSize: { kind: "size", default: "1MiB", min: 4096, description: "capacity of the relay's pipe (F_SETPIPE_SZ)" },
  ask: {
    kind: "size",
    min: 1,
    optional: true,
    description: "bytes a splice-in asks for [the pipe's size; 4MiB from 1MiB on]",
  },
  mss: {
    onlyWith: SOCKETS,
    kind: "count",
    min: 88,
    max: 32_767,
    optional: true,
    description: "segment size of all sockets (TCP_MAXSEG)",
  },
  congestion: {
    onlyWith: SOME_TCP,
    kind: "text",
    optional: true,
    description: 'congestion control of all sockets, or "system" [reno on loopback without --mss, else the system\'s]',
  },
  namespaces: {
    onlyWith: SOCKETS,
    kind: "flag",
    description: "each role in its own network, joined by veth without offloads (root)",
  },
  edit: {
    onlyWith: { namespaces: true },
    kind: "count",
    min: 2,
    optional: true,
    description: "the kernel (nft) rewrites 16 bytes of every so many packets of the source; needs --namespaces",
  },
  ipv6: { conflicts: ["namespaces"], onlyWith: SOME_TCP, kind: "flag", description: "use ::1 instead of 127.0.0.1" },
  ktls: {
    onlyWith: { engine: "poll", from: "tcp" },
    kind: "flag",
    description: "kernel TLS between source and relay; see --pipe-size 4096",
  },
  tap: {
    onlyWith: POLL,
    kind: "flag",
    description: "judge the bytes in the pipe too (tee), so that damage is attributed to a hop",
  },
  inject: {
    onlyWith: POLL,
    kind: "choice",
    choices: INJECT_KINDS,
    default: "none",
    description: "damage one chunk, to prove it is found",
  },
  injectHop: {
    onlyWith: { inject: { not: "none" } },
    kind: "choice",
    choices: INJECT_HOPS,
    default: "in",
    description: "where: before the tap, after it (two-chunks always), or in the sink's memory",
  },
  timeout: { kind: "duration", default: "30s", description: "end when no byte moves for this long" },
  calls: {
    onlyWith: { journal: "on" },
    kind: "count",
    max: 10_000,
    optional: true,
    description: "show the relay's first calls (24 with --mss)",
  },
  journal: { kind: "choice", choices: ON_OFF, default: "on", description: "record every splice call" },
} as const;

/** Fewer, larger splices cost less; a pipe of this size takes them. */
const ASK_MORE_FROM = 1_048_576;
const ASK_BYTES = 4_194_304;
const ASK_BYTES_MAX = 1_073_741_824;

const BYTES_DEFAULT = 4_294_967_296;

type OnOff = "on" | "off";

/** The arguments after parsing. */
export interface RelayArguments {
  readonly bytes: number | undefined;
  readonly seconds: number | undefined;
  readonly connections: number;
  readonly listen: string | undefined;
  readonly connect: string | undefined;
  readonly engine: "poll" | "uring";
  readonly wait: "eagain" | "always" | undefined;
  readonly move: OnOff;
  readonly nonblock: OnOff;
  readonly read: "always" | "empty";
  readonly chunks: "many" | "one";
  readonly feed: Feed["pattern"];
  readonly from: (typeof END_KINDS)[number];
  readonly to: (typeof END_KINDS)[number];
  readonly pipeSize: number;
  readonly ask: number | undefined;
  readonly mss: number | undefined;
  readonly congestion: string | undefined;
  readonly namespaces: boolean;
  readonly edit: number | undefined;
  readonly ipv6: boolean;
  readonly ktls: boolean;
  readonly tap: boolean;
  readonly inject: (typeof INJECT_KINDS)[number];
  readonly injectHop: (typeof INJECT_HOPS)[number];
  readonly timeout: number;
  readonly calls: number | undefined;
  readonly journal: OnOff;
}

/** What declarations cannot express: one line about values that do not work together, or undefined. */
export function checkRelayArguments(args: RelayArguments): string | undefined {
  const sockets = args.from === "tcp" && args.to === "tcp";
  if (args.nonblock === "off" && args.read !== "empty") {
    return "--nonblock off blocks for ever once the pipe is full, as in the report: add --read empty";
  }
  if (args.engine === "uring" && !sockets) return "--engine uring splices between TCP sockets only";
  if (args.injectHop === "sink" && ["duplicated", "lost", "two-chunks"].includes(args.inject)) {
    return `--inject ${args.inject} changes the pipe: use --inject-hop in or out`;
  }
  if (args.feed === "zero" && ["zeroed", "duplicated"].includes(args.inject)) {
    return `--inject ${args.inject} cannot be seen in a stream of zeros: use --feed counter`;
  }
  return undefined;
}

/** Bytes of each connection's stream: what a source sends, and what a sink alone expects. */
export function bytesPerConnectionOf({ bytes, seconds, connections }: RelayArguments): number | undefined {
  return seconds === undefined ? Math.ceil((bytes ?? BYTES_DEFAULT) / connections) : undefined;
}

/** Options of the sockets, in every role. */
export function tcpOf(args: RelayArguments): TcpTuning {
  return {
    ...(args.mss === undefined ? {} : { maxSegmentBytes: args.mss }),
    ...(args.congestion === undefined ? {} : { congestion: args.congestion }),
  };
}

/** Why the kernel will not take the congestion control that was asked for; undefined when it will. */
export function congestionRefused({ congestion }: Partial<RelayArguments>): string | undefined {
  return congestion === undefined || congestion === SYSTEM_CONGESTION ? undefined : congestionMissing(congestion);
}

/** The relay's behaviour that the arguments ask for. */
export function shapeOf(args: RelayArguments, injection?: RelayInjection): RelayShape {
  return {
    engine: args.engine,
    wait: args.wait ?? (args.mss === undefined || args.engine === "uring" ? "eagain" : "always"),
    move: args.move === "on",
    nonblock: args.nonblock === "on",
    read: args.read,
    chunks: args.chunks,
    pipeBytes: args.pipeSize,
    askBytes: Math.min(args.ask ?? (args.pipeSize >= ASK_MORE_FROM ? ASK_BYTES : args.pipeSize), ASK_BYTES_MAX),
    tap: args.tap,
    ktls: args.ktls,
    timeoutSeconds: args.timeout,
    journalCalls: args.journal === "on" ? JOURNAL_CALLS_DEFAULT : 0,
    tcp: tcpOf(args),
    ...(injection === undefined ? {} : { injection }),
  };
}

/** The plan of a self-contained run: a pure function of seed and arguments. */
export function runPlanOf(args: RelayArguments, seed: number): RunPlan {
  const random = new Random(seed, "relay");
  // Three bytes other than zero, so that no word of the stream looks like zeros; room for the connections above it.
  const generation = random.between(1, 0xfe) * 65_536 + random.between(1, 0x7f) * 256 + random.between(1, 0xff);
  const bytesPerConnection = bytesPerConnectionOf(args);
  const spanBytes = Math.min(bytesPerConnection ?? 67_108_864, 1_073_741_824);
  const injection: RelayInjection | undefined =
    args.inject === "none"
      ? undefined
      : {
          kind: args.inject,
          // The tap has seen the first of two chunks by the time the second arrives.
          hop: args.inject === "two-chunks" ? "out" : args.injectHop,
          seed,
          connection: random.below(args.connections),
          fromBytes: random.below(Math.max(1, Math.floor(spanBytes * 0.7))),
          lengthBytes: Math.max(16, Math.min(random.between(64, 1448), spanBytes >> 2, args.pipeSize >> 2)),
        };
  return {
    shape: shapeOf(args, injection),
    feed: { pattern: args.feed, generation },
    from: args.from,
    to: args.to,
    connections: args.connections,
    bytesPerConnection,
    seconds: args.seconds,
    ipv6: args.ipv6,
    namespaces: args.namespaces,
    edit: args.edit,
    journal: false,
    firstCalls: args.calls ?? (args.mss === undefined ? 0 : 24),
  };
}
