/** The relay of report 2 as one import: roles, plans, outcomes. Owns nothing itself. */

export { packetEditorMissing } from "../../ops/packet-editor.ts";
export {
  bytesPerConnectionOf,
  checkRelayArguments,
  congestionRefused,
  RELAY_OPTIONS,
  type RelayArguments,
  runPlanOf,
  shapeOf,
  tcpOf,
} from "./arguments.ts";
export { Sink } from "./ends/sink.ts";
export { Source } from "./ends/source.ts";
export { Relay } from "./engine/relay.ts";
export { outcomeOfRelay, outcomeOfRun, outcomeOfSink, outcomeOfSource } from "./evidence/outcome.ts";
export { playRole, roleOfThisProcess } from "./processes/child.ts";
export { RoleFailure } from "./processes/roles.ts";
export { SelfContainedRun } from "./processes/run.ts";
