/**
 * Each role in a network of its own, joined by veth pairs without offloads.
 *
 * Owns the addresses: 10.77.1.0/24 between source and relay, 10.77.2.0/24 between relay and sink.
 */
import { joinByVeth } from "../../../ops/netns.ts";
import type { ToRole } from "./protocol.ts";
import { RoleFailure, type RoleProcess } from "./roles.ts";

/** Where the source listens. */
export const SOURCE_HOST = "10.77.1.1";
/** Where the relay listens. */
export const RELAY_HOST = "10.77.2.1";

interface Roles {
  readonly source: RoleProcess;
  readonly relay: RoleProcess;
  readonly sink: RoleProcess;
}

/** Waits until every role is alone, joins them, and waits until each has its addresses. */
export async function joinNetworks(
  { source, relay, sink }: Roles,
  edit: number | undefined,
  until: <Value>(promise: Promise<Value>) => Promise<Value>,
): Promise<void> {
  const roles = [source, relay, sink];
  for (const role of roles) await until(role.wait("network"));
  const pairs = [
    [
      { pid: source.pid, name: "bw0" },
      { pid: relay.pid, name: "bw0" },
    ],
    [
      { pid: relay.pid, name: "bw1" },
      { pid: sink.pid, name: "bw1" },
    ],
  ] as const;
  for (const [one, other] of pairs) {
    const wrong = joinByVeth(one, other);
    if (wrong !== undefined) throw new RoleFailure("relay", wrong, true);
  }
  const interfaces = (list: readonly [string, string][], editEvery?: number): ToRole => ({
    type: "interfaces",
    network: {
      interfaces: list.map(([name, host]) => ({ name, host })),
      ...(editEvery === undefined ? {} : { edit: editEvery }),
    },
  });
  source.send(interfaces([["bw0", SOURCE_HOST]], edit));
  relay.send(
    interfaces([
      ["bw0", "10.77.1.2"],
      ["bw1", RELAY_HOST],
    ]),
  );
  sink.send(interfaces([["bw1", "10.77.2.2"]]));
  for (const role of roles) await until(role.wait("joined"));
}
