/** How a command and its subcommands are shown in usage: as they are typed here. */
import { shellWord, thisScript } from "../machine/invocation.ts";

export function shownCommand(path: readonly string[]): string {
  return [thisScript(), ...path.slice(1).map(shellWord)].join(" ");
}
