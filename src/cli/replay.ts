/** The command that repeats a run: every argument that differs from its default, and the seed. Pure. */
import { type Path, pathText } from "../ops/file.ts";
import { type ArgumentSpec, type ArgumentSpecs, convert, flagName } from "./args.ts";

const NOT_REPEATED = new Set(["json", "ktap", "quiet", "help", "version", "seed"]);

/** A word as a POSIX shell needs it. */
export function shellWord(word: Path): string {
  if (typeof word !== "string") return shellBytes(word);
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

type Specs = { readonly positionals: ArgumentSpecs; readonly options: ArgumentSpecs };

function isDefault(spec: ArgumentSpec | undefined, name: string, value: unknown): boolean {
  if (spec === undefined || !("default" in spec) || spec.default === undefined) return false;
  return convert(spec, String(spec.default), name) === value;
}

/** The words that give these arguments again, for a process of its own; bytes that are no UTF-8 are lost here. */
export function argumentWords(specs: Specs, args: Readonly<Record<string, unknown>>): string[] {
  return exactWords(specs, args).map(pathText);
}

/** Positionals where all before them are given, flags elsewhere. */
function exactWords(specs: Specs, args: Readonly<Record<string, unknown>>): Path[] {
  const words: Path[] = [];
  let positional = true;
  for (const [name, spec] of Object.entries({ ...specs.positionals, ...specs.options })) {
    const value = args[name];
    if (NOT_REPEATED.has(name) || value === undefined || value === false || isDefault(spec, name, value)) {
      positional = false;
      continue;
    }
    const word = value instanceof Uint8Array ? value : String(value);
    if (value === true) words.push(flagName(name));
    else if (positional && name in specs.positionals && !pathText(word).startsWith("-")) words.push(word);
    else words.push(flagName(name), word);
  }
  return words;
}

/** Bytes that are no UTF-8 can be spelled by no plain word: printf makes them. */
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

export function replayCommand(
  script: string,
  specs: Specs,
  args: Readonly<Record<string, unknown>>,
  seed: number,
): string {
  return ["bun run", script, ...exactWords(specs, args).map(shellWord), "--seed", String(seed)].join(" ");
}
