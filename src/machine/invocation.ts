/**
 * How commands of this package are written so that they work when they are pasted where the user is.
 *
 * Owns the choice: `bun run NAME.ts` inside the checkout, `bunx bytewitness NAME` where the package is installed, else
 * `bun PATH`; and the word of whoever started this process (BYTEWITNESS_INVOKED), which a lab sets in its guests. The
 * shell's quoting is ops/shell.ts's. Starts nothing.
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import type { Path } from "../ops/file.ts";
import { PACKAGE_ROOT, scriptPath, workingDirectory } from "../ops/self.ts";
import { shellWord } from "../ops/shell.ts";

/**
 * The shell words that start this very script, where they are not those of this machine: a guest's reports name the
 * host's command. Arguments follow it.
 */
export const INVOKED_VARIABLE = "BYTEWITNESS_INVOKED";

/** How this script is started again: shell words without its arguments. `subCommands` as they were given after it. */
export function thisScript(subCommands: readonly string[] = []): string {
  return [process.env[INVOKED_VARIABLE] ?? scriptCommand(scriptPath()), ...subCommands.map(shellWord)].join(" ");
}

/** How another command of this package is started: `commandOf("verify")`. */
export function commandOf(name: string): string {
  for (const directory of ["scripts", "scripts/gallery"]) {
    const path = join(PACKAGE_ROOT, directory, `${name}.ts`);
    if (real(path) !== undefined) return scriptCommand(path);
  }
  return scriptCommand(join(PACKAGE_ROOT, "scripts", `${name}.ts`));
}

/** A whole command line for a shell. */
export function commandLine(command: string, words: readonly Path[]): string {
  return [command, ...words.map(shellWord)].join(" ");
}

/**
 * How any script is started from here. `bun run` starts a package's scripts in its root: only there do paths that are
 * relative to this process mean the same to the next one.
 */
export function scriptCommand(script: string): string {
  const path = real(resolve(script)) ?? resolve(script);
  const name = basename(path);
  const own = path.startsWith(`${PACKAGE_ROOT}/scripts/`);
  const here = workingDirectory();
  if (own && name in packageJson.scripts && here === PACKAGE_ROOT) return `bun run ${name}`;
  const bin = own ? installedBin() : undefined;
  if (bin !== undefined) return name === "bytewitness.js" ? bin : `${bin} ${name.replace(/\.ts$/, "")}`;
  const near = here === undefined ? path : relative(here, path);
  const shown = near.startsWith("../") ? path : near;
  // A bare name could be a command of Bun's.
  return `bun ${shellWord(shown.includes("/") ? shown : `./${shown}`)}`;
}

/** A file's path without links, by Bun's resolver: help, too, prints commands, and loads no binding and no node:fs. */
function real(path: string): string | undefined {
  try {
    return Bun.resolveSync(path, "/");
  } catch {
    return undefined;
  }
}

/** How the installed package's command is reached from here; undefined when it is not. */
function installedBin(): string | undefined {
  const bin = join(PACKAGE_ROOT, packageJson.bin.bytewitness);
  const isIn = (PATH?: string) => {
    const found = Bun.which("bytewitness", PATH === undefined ? {} : { PATH });
    return found !== null && real(found) === bin;
  };
  for (let at = workingDirectory() ?? "/"; ; at = dirname(at)) {
    if (isIn(join(at, "node_modules/.bin"))) return "bunx bytewitness";
    if (at === dirname(at)) break;
  }
  return isIn() ? "bytewitness" : undefined;
}
