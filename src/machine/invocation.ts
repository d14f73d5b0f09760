/**
 * How commands of this package are written so that they work when they are pasted where the user is.
 *
 * Owns the choice: `bun run NAME.ts` inside the checkout, `bunx bytewitness NAME` where the package is installed, else
 * `bun PATH`; and the word of whoever started this process (BYTEWITNESS_INVOKED), which a lab sets in its guests. Knows
 * the shell's quoting. Starts nothing.
 */
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import type { Path } from "../ops/file.ts";
import { PACKAGE_ROOT, scriptPath } from "../ops/self.ts";

/**
 * The shell words that start this very script, where they are not those of this machine: a guest's reports name the
 * host's command. Arguments follow it.
 */
export const INVOKED_VARIABLE = "BYTEWITNESS_INVOKED";

/** A word as a POSIX shell needs it. */
export function shellWord(word: Path): string {
  if (typeof word !== "string") return shellBytes(word);
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Bytes that are not UTF-8 cannot be a plain word: printf makes them. */
function shellBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  if (Buffer.from(text, "utf8").equals(bytes)) return shellWord(text);
  const octal = Array.from(bytes, (byte) =>
    /[A-Za-z0-9_./:=,@+ -]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `\\${byte.toString(8).padStart(3, "0")}`,
  );
  return `"$(printf '${octal.join("")}')"`;
}

/** How this script is started again: shell words without its arguments. `subCommands` as they were given after it. */
export function thisScript(subCommands: readonly string[] = []): string {
  return [process.env[INVOKED_VARIABLE] ?? scriptCommand(scriptPath()), ...subCommands.map(shellWord)].join(" ");
}

/** How another command of this package is started: `commandOf("verify")`. */
export function commandOf(name: string): string {
  for (const directory of ["scripts", "scripts/gallery"]) {
    const path = join(PACKAGE_ROOT, directory, `${name}.ts`);
    if (existsSync(path)) return scriptCommand(path);
  }
  return scriptCommand(join(PACKAGE_ROOT, "scripts", `${name}.ts`));
}

/** A whole command line for a shell. */
export function commandLine(command: string, words: readonly Path[]): string {
  return [command, ...words.map(shellWord)].join(" ");
}

function scriptCommand(script: string): string {
  const path = real(resolve(script));
  const name = basename(path);
  const own = path.startsWith(`${PACKAGE_ROOT}/scripts/`);
  if (own && name in packageJson.scripts && packageOf(process.cwd()) === PACKAGE_ROOT) return `bun run ${name}`;
  const bin = own ? installedBin() : undefined;
  if (bin !== undefined) return name === "bytewitness.js" ? bin : `${bin} ${name.replace(/\.ts$/, "")}`;
  const near = relative(process.cwd(), path);
  const shown = near.startsWith("../") ? path : near;
  // A bare name could be a command of Bun's.
  return `bun ${shellWord(shown.includes("/") ? shown : `./${shown}`)}`;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The directory of the package.json that `bun run` would take here. */
function packageOf(directory: string): string | undefined {
  for (let at = real(directory); ; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return at;
    if (at === dirname(at)) return undefined;
  }
}

/** How the installed package's command is reached from here; undefined when it is not. */
function installedBin(): string | undefined {
  const bin = join(PACKAGE_ROOT, packageJson.bin.bytewitness);
  for (let at = real(process.cwd()); ; at = dirname(at)) {
    const link = join(at, "node_modules/.bin/bytewitness");
    if (existsSync(link) && real(link) === bin) return "bunx bytewitness";
    if (at === dirname(at)) break;
  }
  const found = Bun.which("bytewitness");
  return found !== null && real(found) === bin ? "bytewitness" : undefined;
}
