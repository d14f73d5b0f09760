/**
 * What an argument can be: kinds, their values and their relations, as data next to each flag.
 *
 * Owns the grammar of sizes (KiB MiB GiB, 0x…, bare numbers are bytes), durations (ms s m h, bare numbers are seconds),
 * counts, choices and paths, and the message for a value that does not fit. Refuses to look at a command line: strict.ts
 * reads the words, citty parses what is left.
 */
import type { Path } from "../ops/file.ts";
import { UsageError } from "../ops/problems.ts";
import { plural } from "../units.ts";

export { UsageError };

/**
 * What other arguments must be for a flag to have an effect: `true` means given (or set), a word or a list means one of
 * these values, `{ not: "none" }` any other, `{ kind: ["counter"] }` one that begins so and ends there or goes on after a
 * colon. All entries must hold; a list of conditions asks for one of them.
 */
export type Condition = Readonly<
  Record<
    string,
    | true
    | string
    | readonly string[]
    | { readonly not: string | readonly string[] }
    | { readonly kind: readonly string[] }
  >
>;

interface Described {
  readonly description: string;
  /** Without this the flag has no effect and is refused: `onlyWith: { door: "write" }`. */
  readonly onlyWith?: Condition | readonly Condition[];
  /** Arguments that cannot be given together with this one, unless this one is as it would be anyway: `conflicts: ["seconds"]`. */
  readonly conflicts?: readonly string[];
  /** false: --shrink leaves it alone, because another option decides the same more exactly. */
  readonly shrinks?: false;
}

interface Many {
  /** The last positional may be given any number of times; its value is a list. */
  readonly many?: boolean;
}

interface Optional {
  /** May be left out although it has no default; its value is then undefined. */
  readonly optional?: boolean;
}

export type ArgumentSpec =
  | (Described & { readonly kind: "flag" })
  | (Described &
      Optional &
      Many & {
        readonly kind: "path";
        readonly default?: string;
        /** A file that the run makes: refused when it exists, created before the run, so that no verdict is lost later. */
        readonly newFile?: boolean;
      })
  | (Described & Optional & Many & { readonly kind: "text"; readonly default?: string })
  | (Described &
      Optional & { readonly kind: "count"; readonly default?: number; readonly min?: number; readonly max?: number })
  | (Described &
      Optional & { readonly kind: "size"; readonly default?: string; readonly min?: number; readonly max?: number })
  | (Described & Optional & { readonly kind: "duration"; readonly default?: string; readonly maxSeconds?: number })
  | (Described &
      Optional & { readonly kind: "choice"; readonly choices: readonly string[]; readonly default?: string });

export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

/** The arguments of one command: positionals in their order (each also a flag by its name), and flags. */
export interface Definitions {
  readonly positionals: ArgumentSpecs;
  readonly options: ArgumentSpecs;
}

type Raw<Spec> = Spec extends { kind: "flag" }
  ? boolean
  : Spec extends { kind: "count" | "size" | "duration" }
    ? number
    : Spec extends { kind: "choice"; choices: readonly (infer Choice)[] }
      ? Choice
      : Spec extends { kind: "path" }
        ? Path
        : string;

/** What an argument is after parsing: seconds for durations, bytes for sizes; undefined only where it is optional. */
export type ArgumentValue<Spec> = Spec extends { many: true }
  ? readonly Raw<Spec>[]
  : Spec extends { default: string | number }
    ? Raw<Spec>
    : Spec extends { optional: true }
      ? Raw<Spec> | undefined
      : Raw<Spec>;

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

/** "64KiB" or "0x1000" in bytes; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  // As reports print offsets, so that one can be pasted.
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
  const match = /^(\d+(?:\.\d+)?) ?(|B|KiB|MiB|GiB|TiB)$/.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (SIZE_UNITS[match[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** "1.5m" in seconds; undefined when it is not a duration. */
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
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
      if (value !== undefined && value >= min && value <= max) return value;
      const least = spec.min === undefined ? "" : ` of at least ${plural(min, "byte")}`;
      const most = spec.max === undefined ? "" : `${least && " and"} of at most ${plural(max, "byte")}`;
      throw new UsageError(`${shown} must be a size${least}${most} such as 4096, 64KiB, 2GiB or 0x1000, not ${quoted}`);
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

/**
 * The arguments' bytes as the kernel has them. A path need not be UTF-8, but process.argv replaces what is not; where
 * that happened, /proc/self/cmdline still has the truth. Returns the path unchanged when nothing was lost.
 */
export function pathBytes(path: string): Path {
  if (!path.includes("\ufffd")) return path;
  const { readFileSync } = require("node:fs") as typeof import("node:fs");
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
