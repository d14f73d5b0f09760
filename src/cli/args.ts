/**
 * Command lines, strictly: every flag declared, every value checked, one clear line when something is wrong.
 *
 * Owns the grammar of sizes (KiB MiB GiB, bare numbers are bytes), durations (ms s m h, bare numbers are seconds) and
 * counts. Parsing is our own: the libraries looked at accept unknown flags silently or read a SECONDS of -1 as a flag,
 * and the contract asks for one clear line in both cases.
 */
import { readFileSync } from "node:fs";
import { UsageError } from "../ops/errors.ts";
import type { Path } from "../ops/file.ts";

export { UsageError };

interface Described {
  readonly description: string;
}

export type ArgumentSpec =
  | (Described & { readonly kind: "flag" })
  | (Described & { readonly kind: "path"; readonly default?: string; readonly optional?: boolean })
  | (Described & { readonly kind: "text"; readonly default?: string; readonly optional?: boolean })
  | (Described & {
      readonly kind: "count";
      readonly default?: number;
      readonly min?: number;
      readonly max?: number;
      readonly optional?: boolean;
    })
  | (Described & {
      readonly kind: "size";
      readonly default?: string;
      readonly min?: number;
      readonly optional?: boolean;
    })
  | (Described & {
      readonly kind: "duration";
      readonly default?: string;
      readonly maxSeconds?: number;
      readonly optional?: boolean;
    })
  | (Described & {
      readonly kind: "choice";
      readonly choices: readonly string[];
      readonly default?: string;
      readonly optional?: boolean;
    });

export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

type Raw<Spec> = Spec extends { kind: "flag" }
  ? boolean
  : Spec extends { kind: "count" | "size" | "duration" }
    ? number
    : Spec extends { kind: "choice"; choices: readonly (infer Choice)[] }
      ? Choice
      : Spec extends { kind: "path" }
        ? Path
        : string;

/** What an argument is after parsing: seconds for durations, bytes for sizes; undefined when absent without a default. */
export type ArgumentValue<Spec> = Spec extends { kind: "flag" } | { default: string | number }
  ? Raw<Spec>
  : Raw<Spec> | undefined;

export type Arguments<Specs> = { -readonly [Name in keyof Specs]: ArgumentValue<Specs[Name]> };

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { ms: 0.001, "": 1, s: 1, m: 60, h: 3600 };

/** "64KiB" or "0x10000" in bytes; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  // As reports print offsets, so that one can be pasted.
  const hex = /^0x[0-9a-f]+$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(hex)) return hex;
  const match = /^(\d+(?:\.\d+)?) ?(|B|KiB|MiB|GiB|TiB)$/.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (SIZE_UNITS[match[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** "1.5m" in seconds; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(|ms|s|m|h)$/.exec(text);
  const seconds = match === null ? Number.NaN : Number(match[1]) * (SECONDS_PER_UNIT[match[2] ?? ""] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : undefined;
}

const DURATION_SECONDS_MAX = 7 * 24 * 3600;

/** Checks one value and converts it; the UsageError names `shown` ("--seconds", "SECONDS"). */
export function convert(spec: ArgumentSpec, text: string, shown: string): string | number {
  const quoted = JSON.stringify(text);
  switch (spec.kind) {
    case "count": {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      const min = spec.min ?? 0;
      const max = spec.max ?? Number.MAX_SAFE_INTEGER;
      if (value >= min && value <= max) return value;
      const range = spec.max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
      throw new UsageError(`${shown} must be a whole number ${range}, not ${quoted}`);
    }
    case "size": {
      const value = parseSize(text);
      if (value !== undefined && value >= (spec.min ?? 0)) return value;
      const least = spec.min === undefined ? "" : ` of at least ${spec.min} bytes`;
      throw new UsageError(`${shown} must be a size${least} such as 4096, 64KiB, 2GiB or 0x1000, not ${quoted}`);
    }
    case "duration": {
      const value = parseDuration(text);
      const max = spec.maxSeconds ?? DURATION_SECONDS_MAX;
      if (value !== undefined && value > 0 && value <= max) return value;
      throw new UsageError(
        `${shown} must be a time above 0 and up to ${max} seconds, such as 500ms, 30s or 2m, not ${quoted}`,
      );
    }
    case "choice":
      if (spec.choices.includes(text)) return text;
      throw new UsageError(`${shown} must be one of ${spec.choices.join(", ")}, not ${quoted}`);
    case "path":
      if (text === "") throw new UsageError(`${shown} must be a path, not an empty string`);
      return text;
    default:
      return text;
  }
}

/** The name as typed: "fileMb" is "--file-mb". */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The name as printed for a positional: "fileMb" is "FILE_MB". */
export function positionalName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** The declared flag nearest to a mistyped one, by shared prefix, if any is near. */
function suggestion(typed: string, names: readonly string[]): string {
  const near = names.find((name) => name.startsWith(typed.slice(0, 5)) && typed.length > 3);
  return near === undefined ? "" : ` (did you mean ${near}?)`;
}

/**
 * Parses `argv` against positionals (in order) and options. The same name in both means "the positional by name".
 * Throws UsageError for anything that was not declared.
 */
export function parseArguments(
  argv: readonly string[],
  specs: { readonly positionals: ArgumentSpecs; readonly options: ArgumentSpecs },
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const all: ArgumentSpecs = { ...specs.positionals, ...specs.options };
  const byFlag = new Map(Object.keys(all).map((name) => [flagName(name), name] as const));
  const waiting = Object.keys(specs.positionals);
  const rest = [...argv];
  let flagsEnded = false;
  while (rest.length > 0) {
    const token = rest.shift() as string;
    if (token === "--" && !flagsEnded) {
      flagsEnded = true;
    } else if (!flagsEnded && /^--?[A-Za-z]/.test(token)) {
      const [flag = "", inline] = splitOnce(token);
      const name = byFlag.get(flag);
      const spec = name === undefined ? undefined : all[name];
      if (name === undefined || spec === undefined) {
        throw new UsageError(`unknown flag ${flag}${suggestion(flag, [...byFlag.keys()])}; --help lists the flags`);
      }
      if (spec.kind === "flag") {
        if (inline !== undefined) throw new UsageError(`${flag} takes no value`);
        values[name] = true;
        continue;
      }
      const text = inline ?? rest.shift();
      if (text === undefined) throw new UsageError(`${flag} needs a value`);
      if (name in values) throw new UsageError(`${flag} was given twice`);
      values[name] = convert(spec, text, flag);
    } else {
      const name = waiting.shift();
      const spec = name === undefined ? undefined : all[name];
      if (name === undefined || spec === undefined) {
        throw new UsageError(`unexpected argument ${JSON.stringify(token)}; --help shows what can be given`);
      }
      if (name in values) throw new UsageError(`${positionalName(name)} was given twice`);
      values[name] = convert(spec, token, positionalName(name));
    }
  }
  fillDefaults(values, specs.positionals, positionalName);
  fillDefaults(values, specs.options, flagName);
  return values;
}

function splitOnce(token: string): [string, string | undefined] {
  const at = token.indexOf("=");
  return at < 0 ? [token, undefined] : [token.slice(0, at), token.slice(at + 1)];
}

function fillDefaults(values: Record<string, unknown>, specs: ArgumentSpecs, shown: (name: string) => string): void {
  for (const [name, spec] of Object.entries(specs)) {
    if (name in values) continue;
    if (spec.kind === "flag") values[name] = false;
    else if (spec.default !== undefined) values[name] = convert(spec, String(spec.default), shown(name));
    else if (spec.optional !== true) throw new UsageError(`${shown(name)} is missing: ${spec.description}`);
  }
}

/**
 * The arguments' bytes as the kernel has them. A path need not be UTF-8, but process.argv replaces what is not; where
 * that happened, /proc/self/cmdline still has the truth. Returns the path unchanged when nothing was lost.
 */
export function pathBytes(path: string): Path {
  if (!path.includes("\ufffd")) return path;
  const raw = readFileSync("/proc/self/cmdline");
  for (let start = 0; start < raw.length; ) {
    const end = raw.indexOf(0, start);
    const bytes = raw.subarray(start, end);
    const text = bytes.toString("utf8");
    if (text === path) return new Uint8Array(bytes);
    if (text.startsWith("--") && text.endsWith(`=${path}`))
      return new Uint8Array(bytes.subarray(bytes.indexOf(0x3d) + 1));
    start = end + 1;
  }
  return path;
}
