/** The command that repeats a run: every argument that differs from its default, and the seed. Pure. */
import { pathText } from "../ops/file.ts";
import { type ArgumentSpecs, convert, flagName } from "./args.ts";

const NOT_REPEATED = new Set(["json", "ktap", "quiet", "help", "version", "seed"]);

/** A word as a POSIX shell needs it. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function replayCommand(
  script: string,
  specs: { readonly positionals: ArgumentSpecs; readonly options: ArgumentSpecs },
  args: Readonly<Record<string, unknown>>,
  seed: number,
): string {
  const words: string[] = [];
  for (const [name, spec] of Object.entries({ ...specs.positionals, ...specs.options })) {
    const value = args[name];
    if (NOT_REPEATED.has(name) || value === undefined || value === false) continue;
    if (value === true) {
      words.push(flagName(name));
      continue;
    }
    const isDefault =
      "default" in spec && spec.default !== undefined && convert(spec, String(spec.default), name) === value;
    if (isDefault) continue;
    const text = value instanceof Uint8Array ? pathText(value) : String(value);
    if (
      name in specs.positionals &&
      words.every((word) => !word.startsWith("--")) &&
      allBefore(name, specs.positionals, args)
    ) {
      words.push(shellWord(text));
    } else {
      words.push(flagName(name), shellWord(text));
    }
  }
  return ["bun run", script, ...words, "--seed", String(seed)].join(" ");
}

/** True when every positional before `name` is printed too, so that its place on the line is right. */
function allBefore(name: string, positionals: ArgumentSpecs, args: Readonly<Record<string, unknown>>): boolean {
  for (const [other, spec] of Object.entries(positionals)) {
    if (other === name) return true;
    const value = args[other];
    const isDefault =
      "default" in spec && spec.default !== undefined && convert(spec, String(spec.default), other) === value;
    if (value === undefined || isDefault) return false;
  }
  return true;
}
