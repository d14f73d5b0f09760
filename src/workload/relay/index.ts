/** The relay of report 2 as one import: roles, plans, outcomes. Owns nothing itself. */

export { packetEditorMissing } from "../../ops/packet-editor.ts";
export {
  checkRelayArguments,
  congestionRefused,
  RELAY_OPTIONS,
  RELAY_POSITIONALS,
  type RelayArguments,
  runPlanOf,
  shapeOf,
  tcpOf,
} from "./arguments.ts";
export { playRole, roleOfThisProcess } from "./child.ts";
export { outcomeOfRelay, outcomeOfRun, outcomeOfSink, outcomeOfSource } from "./outcome.ts";
export { Relay } from "./relay.ts";
export { RoleFailure } from "./roles.ts";
export { SelfContainedRun } from "./run.ts";
export { Sink } from "./sink.ts";
export { Source } from "./source.ts";
