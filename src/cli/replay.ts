/** The command that repeats a run: every argument that differs from its default, and the seed. Pure. */

import { type Path, pathText } from "../ops/file.ts";
import { shellWord } from "../ops/shell.ts";
import { type ArgumentSpec, convert, type Definitions, flagName } from "./args.ts";

const NOT_REPEATED = new Set([
  "json",
  "ktap",
  "quiet",
  "verbose",
  "help",
  "version",
  "seed",
  "explain",
  "shrink",
  "shrinkSeconds",
  "replay",
]);

function isDefault(spec: ArgumentSpec | undefined, name: string, value: unknown): boolean {
  if (spec === undefined || !("default" in spec) || spec.default === undefined) return false;
  return convert(spec, String(spec.default), name) === value;
}

/** New files of the last run exist now: a repetition would be refused. */
function isRepeated(spec: ArgumentSpec, name: string): boolean {
  return !NOT_REPEATED.has(name) && !(spec.kind === "path" && spec.newFile === true);
}

/** The words that give these arguments again, for a process of its own; bytes that are not UTF-8 are lost here. */
export function argumentWords(definitions: Definitions, args: Readonly<Record<string, unknown>>): string[] {
  return exactWords(definitions, args).map(pathText);
}

/** Positionals where all before them are given, flags elsewhere. */
function exactWords(definitions: Definitions, args: Readonly<Record<string, unknown>>): Path[] {
  const words: Path[] = [];
  let positional = true;
  for (const [name, spec] of Object.entries({ ...definitions.positionals, ...definitions.options })) {
    const value = args[name];
    if (!isRepeated(spec, name) || value === undefined || value === false || isDefault(spec, name, value)) {
      positional = false;
      continue;
    }
    if (Array.isArray(value)) {
      words.push(...(value as Path[]));
      continue;
    }
    const word = value instanceof Uint8Array ? value : String(value);
    const dashed = pathText(word).startsWith("-") && pathText(word) !== "-";
    if (value === true) words.push(flagName(name));
    else if (dashed) words.push(joined(`${flagName(name)}=`, word));
    else if (positional && name in definitions.positionals) words.push(word);
    else words.push(flagName(name), word);
  }
  return words;
}

function joined(flag: string, word: Path): Path {
  if (typeof word === "string") return flag + word;
  return new Uint8Array(Buffer.concat([Buffer.from(flag), word]));
}

/** The words of a run as its report records them: subcommands, arguments, seed. */
export function recordedWords(
  subCommands: readonly string[],
  definitions: Definitions,
  args: Readonly<Record<string, unknown>>,
  seed: number,
): Path[] {
  return [...subCommands, ...exactWords(definitions, args), "--seed", String(seed)];
}

/** `command` is how the script is started, as shell words: "bun run uring-append.ts". */
export function replayCommand(
  command: string,
  definitions: Definitions,
  args: Readonly<Record<string, unknown>>,
  seed: number,
): string {
  return [command, ...exactWords(definitions, args).map(shellWord), "--seed", String(seed)].join(" ");
}
