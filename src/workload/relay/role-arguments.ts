/**
 * The flags of one role alone: what a source, a relay or a sink takes, and the values of what it does not take.
 *
 * Owns the choice from the table of arguments.ts. Opens nothing.
 */
import { RELAY_OPTIONS, type RelayArguments } from "./arguments.ts";

const LISTEN = { kind: "text", description: "HOST:PORT to listen on" } as const;
const CONNECT = { kind: "text", description: "HOST:PORT to connect to" } as const;

/** These of the table; conditions on what a role does not have are met by the role itself. */
function only<const Name extends keyof typeof RELAY_OPTIONS>(...names: Name[]): Pick<typeof RELAY_OPTIONS, Name> {
  const chosen = names.map((name) => {
    const { onlyWith, ...spec } = RELAY_OPTIONS[name] as (typeof RELAY_OPTIONS)[Name] & { onlyWith?: object };
    const kept = Object.entries(onlyWith ?? {}).filter(([other]) => (names as string[]).includes(other));
    return [name, kept.length === 0 ? spec : { ...spec, onlyWith: Object.fromEntries(kept) }];
  });
  return Object.fromEntries(chosen) as Pick<typeof RELAY_OPTIONS, Name>;
}

/** What each role alone takes, and no more. */
export const ROLE_OPTIONS = {
  source: {
    listen: LISTEN,
    ...only("bytes", "seconds", "connections", "feed", "mss", "congestion", "ktls", "timeout"),
  },
  relay: {
    listen: LISTEN,
    connect: CONNECT,
    ...only(
      ...([
        "connections",
        "engine",
        "wait",
        "move",
        "nonblock",
        "read",
        "chunks",
        "feed",
        "pipeSize",
        "ask",
        "mss",
      ] as const),
      ...(["congestion", "tap", "timeout", "journal"] as const),
    ),
    bytes: { ...RELAY_OPTIONS.bytes, onlyWith: { tap: true }, description: "length to check with --tap" },
  },
  sink: { connect: CONNECT, ...only("bytes", "connections", "feed", "tap", "mss", "congestion", "timeout") },
} as const;

/** The table's values, for roles that take a part of it. */
const DEFAULTS = {
  ...{ bytes: undefined, seconds: undefined, connections: 1, listen: undefined, connect: undefined },
  ...{ engine: "poll", wait: undefined, move: "on", nonblock: "on", read: "always", chunks: "many", feed: "counter" },
  ...{ from: "tcp", to: "tcp", pipeSize: 1_048_576, ask: undefined, mss: undefined, congestion: undefined },
  ...{ namespaces: false, edit: undefined, ipv6: false, ktls: false, tap: false, inject: "none", injectHop: "in" },
  ...{ timeout: 30, calls: undefined, journal: "on" },
} as const satisfies RelayArguments;

/** A role's arguments with the table's values for what the role does not take. */
export function roleArguments<Args extends object>(args: Args): RelayArguments & Args {
  return { ...DEFAULTS, ...args };
}
