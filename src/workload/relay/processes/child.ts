/**
 * A role in a process of its own, started by a run: source, relay or sink.
 *
 * Owns the conversation: wait for the plan, report the address, report progress, report the result, answer questions about
 * calls, end. Everything that goes wrong is one "failed" message; the run decides what that means.
 */

import { bringUp, enterNewNetwork, setAddress, switchOffloadsOff } from "../../../ops/netns.ts";
import { editedPackets, editPackets } from "../../../ops/packet-editor.ts";
import { Sink } from "../ends/sink.ts";
import { Source } from "../ends/source.ts";
import { Relay, type RelayMeans, type RelayPlan } from "../engine/relay.ts";
import { answer } from "../evidence/attribution.ts";
import { firstCalls } from "../evidence/transfers.ts";
import { Control } from "./control.ts";
import type { Of, ToRole } from "./protocol.ts";

/** The machine lacks something a role needs; no fault of ours. */
class RoleRefusal extends Error {
  override readonly name = "RoleRefusal";
}

/** Marks a process as a role; the value is a `RoleStart` as JSON. */
export const ROLE_VARIABLE = "BYTEWITNESS_RELAY_ROLE";

export type RoleName = "source" | "relay" | "sink";

export interface RoleStart {
  readonly role: RoleName;
  readonly parentPid: number;
  /** Start in an empty network of one's own and wait for the message that names the interfaces. */
  readonly ownNetwork: boolean;
}

/** The role this process was started for, or undefined in an ordinary process. */
export function roleOfThisProcess(): RoleStart | undefined {
  const text = process.env[ROLE_VARIABLE];
  return text === undefined ? undefined : (JSON.parse(text) as RoleStart);
}

/** Plays the role; never returns. */
export async function playRole(start: RoleStart, means: RelayMeans): Promise<never> {
  const control = new Control(start.parentPid);
  try {
    if (start.ownNetwork) joinNetwork(control);
    await play(start, control, means);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const name = error instanceof Error ? error.name : "Error";
    control.emit({ type: "failed", name, message });
    process.exit(255);
  }
  process.exit(0);
}

function joinNetwork(control: Control): void {
  enterNewNetwork();
  bringUp("lo");
  control.emit({ type: "network" });
  const plan = await1(control, "interfaces").network;
  for (const { name, host } of plan.interfaces) {
    setAddress(name, host);
    bringUp(name);
    switchOffloadsOff(name);
  }
  const refused = plan.edit === undefined ? undefined : editPackets(plan.edit);
  if (refused !== undefined) throw new RoleRefusal(refused);
  control.emit({ type: "joined" });
}

/** Waits for one message of a type; others are not expected before it, but for a stop, which is remembered. */
function await1<Type extends ToRole["type"]>(control: Control, type: Type): Of<ToRole, Type> {
  for (;;) {
    for (const message of control.next()) if (message.type === type) return message as Of<ToRole, Type>;
  }
}

async function play({ role, ownNetwork }: RoleStart, control: Control, means: RelayMeans): Promise<void> {
  const listening = (address: string) => control.emit({ type: "listening", address });
  const progress = (bytes: number) => control.emit({ type: "progress", bytes });
  const narrate = (line: string) => control.emit({ type: "narrate", line });
  const stopped = () => {
    control.received();
    return control.stopped;
  };
  if (role === "source") {
    const { plan } = await1(control, "start-source");
    using source = new Source(plan, { listening, stopped });
    const result = await source.run();
    control.emit({ type: "source-done", result, edited: ownNetwork ? editedPackets() : 0 });
    return;
  }
  if (role === "sink") {
    const { plan } = await1(control, "start-sink");
    const damaged = () => control.emit({ type: "damaged" });
    const sink = new Sink(plan, { progress, stopped, damaged }, means.makeJudge);
    control.emit({ type: "sink-done", result: await sink.run() });
    return;
  }
  const { plan } = await1(control, "start-relay");
  await playRelay(plan, control, { listening, progress, narrate }, means);
}

/** Calls of the journal that go into a trace. */
const TRACED_MAX = 50_000;

async function playRelay(
  plan: RelayPlan,
  control: Control,
  hooks: { listening: (address: string) => void; progress: (bytes: number) => void; narrate: (line: string) => void },
  means: RelayMeans,
): Promise<void> {
  let isOver = false;
  const handle = (message: ToRole) => {
    if (message.type === "quit") isOver = true;
    if (message.type === "damaged") relay.journal.preserve();
    if (message.type === "calls") {
      control.emit({ type: "calls", answers: message.questions.map((question) => answer(relay.journal, question)) });
    }
    if (message.type === "journal") {
      const from = Math.max(0, relay.journal.count - TRACED_MAX);
      const calls = relay.journal.find(() => true, from);
      control.emit({ type: "journal", calls, dropped: relay.journal.count - calls.length });
    }
    if (message.type === "first-calls") {
      control.emit({ type: "first-calls", calls: firstCalls(relay.journal, 0, message.count) });
    }
  };
  const ready = () => control.received().forEach(handle);
  const watch = { fd: control.fd, ready };
  using relay = new Relay(plan, { ...hooks, watch, stopped: () => control.stopped }, means);
  const result = await relay.run();
  control.emit({ type: "relay-done", result, injected: relay.injector?.done, tapped: relay.tap?.finish() });
  while (!isOver) control.next().forEach(handle);
}
