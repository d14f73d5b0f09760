/** The command that repeats a run: every argument that differs from its default, and the seed. Pure. */
import { pathText } from "../ops/file.ts";
import { type ArgumentSpec, type ArgumentSpecs, convert, flagName } from "./args.ts";

const NOT_REPEATED = new Set(["json", "ktap", "quiet", "help", "version", "seed"]);

/** A word as a POSIX shell needs it. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

type Specs = { readonly positionals: ArgumentSpecs; readonly options: ArgumentSpecs };

function isDefault(spec: ArgumentSpec | undefined, name: string, value: unknown): boolean {
  if (spec === undefined || !("default" in spec) || spec.default === undefined) return false;
  return convert(spec, String(spec.default), name) === value;
}

/** The words that give these arguments again: positionals where all before them are given, flags elsewhere. */
export function argumentWords(specs: Specs, args: Readonly<Record<string, unknown>>): string[] {
  const words: string[] = [];
  let positional = true;
  for (const [name, spec] of Object.entries({ ...specs.positionals, ...specs.options })) {
    const value = args[name];
    if (NOT_REPEATED.has(name) || value === undefined || value === false || isDefault(spec, name, value)) {
      positional = false;
      continue;
    }
    const text = value instanceof Uint8Array ? pathText(value) : String(value);
    if (value === true) words.push(flagName(name));
    else if (positional && name in specs.positionals && !text.startsWith("-")) words.push(text);
    else words.push(flagName(name), text);
  }
  return words;
}

export function replayCommand(
  script: string,
  specs: Specs,
  args: Readonly<Record<string, unknown>>,
  seed: number,
): string {
  return ["bun run", script, ...argumentWords(specs, args).map(shellWord), "--seed", String(seed)].join(" ");
}
