/** The entry of commands that judge nothing themselves (doctor, new): a command as the process's whole purpose. */
import type { ArgumentSpecs } from "./args.ts";
import { runTool } from "./desk.ts";
import { type CommandSpec, defineTool } from "./tool.ts";

/** Runs a command as the process's whole purpose; never returns. */
export async function runCommand<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(command: CommandSpec<Positionals, Options>): Promise<never> {
  return runTool(defineTool(command));
}
