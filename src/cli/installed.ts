/**
 * The commands of an installed package: `bytewitness NAME …` runs what `bun run NAME.ts …` runs in the checkout.
 *
 * Owns finding them: every script of this package, named as its file, described by the first line of its header; and a
 * user's own, by its path (`bytewitness ./X.ts`). A command is loaded only when it is called, as the script that it is.
 */
import "./guard.ts";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PACKAGE_ROOT } from "../ops/self.ts";
import { EXIT } from "../report/document.ts";
import { printProblem } from "./streams.ts";
import type { Tool } from "./tool.ts";

/** They check the sources of this package, or make the tarball. */
const OF_THE_REPOSITORY = new Set(["check.ts", "prepack.ts"]);

/** Names and paths of the scripts; those that check the repository itself are not installed. */
function installedScripts(): Record<string, string> {
  const scripts: Record<string, string> = {};
  for (const directory of ["scripts", "scripts/gallery"]) {
    for (const file of readdirSync(join(PACKAGE_ROOT, directory)).sort()) {
      if (!file.endsWith(".ts") || OF_THE_REPOSITORY.has(file)) continue;
      scripts[file.slice(0, -3)] = join(PACKAGE_ROOT, directory, file);
    }
  }
  return scripts;
}

/** "verify: the judge alone, on any file" in the script's header. */
function summaryOf(name: string, path: string): string {
  const text = readFileSync(path, "utf8").slice(0, 2000);
  const line = /^\/\*\*\n \* ([\s\S]*?)(?:\n \*\n|\n \*\/)/m.exec(text)?.[1] ?? "";
  const words = line.replaceAll(/\n \* /g, " ").replace(new RegExp(`^${name}: `), "");
  return words.replace(/[.:] .*$/s, "").replace(/[.:]$/, "");
}

/** Runs the command line; never returns. */
export async function installed(argv: readonly string[]): Promise<never> {
  const [name, ...rest] = argv;
  const path = name === undefined || name.startsWith("-") ? undefined : scriptOf(name);
  // A name that is just being typed is completed, not run.
  const completing = process.env.BYTEWITNESS_COMPLETE !== undefined && rest.length === 0;
  if (path !== undefined && !completing && existsSync(path)) {
    process.argv = [process.argv[0] as string, path, ...rest];
    await import(path);
    // The script's last act is to end the process.
    await new Promise(() => {});
  }
  if (path !== undefined && !completing && name?.includes("/") === true) {
    printProblem("bytewitness", `no such script: ${name}`);
    process.exit(EXIT.badArguments);
  }
  // Only help, the version and mistakes get here.
  const { runTool } = await import("./desk.ts");
  const load = (): Promise<Tool> => Promise.reject(new Error("a script is a command of its own"));
  const subCommands = Object.fromEntries(
    Object.entries(installedScripts()).map(([script, file]) => [script, { summary: summaryOf(script, file), load }]),
  );
  const summary = "finds and proves silent data corruption in the Linux kernel";
  return runTool({ name: "bytewitness", summary, definitions: { positionals: {}, options: {} }, subCommands }, argv);
}

function scriptOf(name: string): string | undefined {
  // A user's own script: under the guard, so that one that does not load ends 255, where Bun alone would end it 1.
  if (name.includes("/") && /\.[cm]?[jt]s$/.test(name)) return resolve(name);
  return installedScripts()[name.replace(/\.ts$/, "")];
}
