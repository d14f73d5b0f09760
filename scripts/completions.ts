#!/usr/bin/env bun
/**
 * completions: completion of every command's flags, values and subcommands for bash, zsh or fish.
 *
 *   eval "$(bun run completions.ts bash)"                 in ~/.bashrc; completes `bun run NAME.ts …` from the checkout's root
 *   eval "$(bytewitness completions bash)"                where the package is installed
 *   bytewitness completions fish | source                 in fish
 *
 * The shells ask the commands themselves, so that what is completed is what is understood.
 */
import { runCommand } from "bytewitness";
import packageJson from "../package.json" with { type: "json" };
import { completionScript, SHELLS } from "../src/cli/complete.ts";
import { PACKAGE_ROOT } from "../src/ops/self.ts";

await runCommand({
  name: "completions",
  summary: "completion of flags, values and subcommands for bash, zsh or fish",
  positionals: { shell: { kind: "choice", choices: SHELLS, description: "the shell that evaluates what is printed" } },
  run: ({ args, print }) => {
    const installed = PACKAGE_ROOT.includes("/node_modules/");
    const scripts = installed ? [] : Object.keys(packageJson.scripts).filter((name) => name.endsWith(".ts"));
    print(completionScript(args.shell, scripts).trimEnd());
    return 0;
  },
});
