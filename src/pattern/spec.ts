/**
 * What `--pattern` means: the grammar of pattern names, and the patterns that need nothing but themselves.
 *
 * Owns reading it (grammar.ts is what `--help` and refusals print). Refuses to open anything: a reference, lines and fio
 * come back as what they are, for those who read files. Throws RangeError, one line, for what it cannot understand.
 */
import { Counter } from "./counter.ts";
import { GRAMMAR } from "./grammar.ts";
import type { LinesOptions } from "./lines.ts";
import type { NumberedOptions } from "./numbered.ts";
import type { Pattern } from "./pattern.ts";

/** The patterns that few runs want, each loaded when it is named. */
const named = {
  constant: () => require("./constant.ts") as typeof import("./constant.ts"),
  lines: () => require("./lines.ts") as typeof import("./lines.ts"),
  numbered: () => require("./numbered.ts") as typeof import("./numbered.ts"),
  prng: () => require("./prng.ts") as typeof import("./prng.ts"),
  tagged: () => require("./tagged.ts") as typeof import("./tagged.ts"),
  zero: () => require("./zero.ts") as typeof import("./zero.ts"),
};

export interface PatternArguments {
  readonly pattern: string;
  readonly generation: number;
  readonly writer: number;
  readonly recordBytes: number;
}

export type PatternSpec =
  | { readonly kind: "stream"; readonly pattern: Pattern }
  | { readonly kind: "reference"; readonly path: string }
  /** Numbered lines: as the options have them, or (none given) as the file has them, or as fill.ts writes them. */
  | { readonly kind: "lines"; readonly options: LinesOptions | undefined }
  | { readonly kind: "fio" };

/** Understands a `--pattern`; throws RangeError with one line stating what is wrong. */
export function parsePattern(args: PatternArguments): PatternSpec {
  const colon = args.pattern.indexOf(":");
  const name = colon < 0 ? args.pattern : args.pattern.slice(0, colon);
  const options = colon < 0 ? "" : args.pattern.slice(colon + 1);
  if (colon >= 0 && options === "") {
    if (WITHOUT_OPTIONS.includes(name)) throw new RangeError(`--pattern ${name} takes no options, and no colon`);
    throw new RangeError(`--pattern ${name}: needs something after the colon`);
  }
  switch (name) {
    case "reference":
      if (options === "") throw new RangeError("--pattern reference needs the file to compare with: reference:FILE");
      return { kind: "reference", path: options };
    case "fio":
      if (options !== "") throw new RangeError(`--pattern fio takes no options, not ${JSON.stringify(options)}`);
      return { kind: "fio" };
    case "lines":
      return { kind: "lines", options: options === "" ? undefined : linesOf(options) };
    case "counter":
      return stream(counterOf(options, args.generation));
    case "byte":
      return stream(constantOf(bytesOf(options)));
    case "prng":
      return stream(named.prng().prng({ seed: wholeNumber(options, "prng:SEED") }));
    case "tagged":
    case "zero":
      if (options !== "") throw new RangeError(`--pattern ${name} takes no options, not ${JSON.stringify(options)}`);
      return stream(name === "zero" ? named.zero().zero() : named.tagged().tagged(args));
    default:
      throw new RangeError(`--pattern is ${GRAMMAR}, not ${args.pattern}`);
  }
}

const WITHOUT_OPTIONS = ["fio", "tagged", "zero"];

/** Zeros have a pattern of their own: holes are not read. */
function constantOf(bytes: readonly number[]): Pattern {
  return bytes.every((byte) => byte === 0) ? named.zero().zero() : named.constant().constant(bytes);
}

const stream = (pattern: Pattern): PatternSpec => ({ kind: "stream", pattern });

function wholeNumber(text: string, shown: string): number {
  const value = /^(?:\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(
    `--pattern ${shown} takes a whole number up to 2^53 - 1, such as 7 or 0xff, not ${JSON.stringify(text)}`,
  );
}

/** "0xAA", "170", "0xdeadbeef" (in the order they are written) or "0xde,0xad". */
function bytesOf(text: string): number[] {
  const bytes = text.split(",").flatMap((part) => {
    const digits = /^0x((?:[0-9a-f]{2})+|[0-9a-f])$/i.exec(part)?.[1];
    if (digits !== undefined) return (digits.match(/../g) ?? [digits]).map((pair) => Number.parseInt(pair, 16));
    return /^\d{1,3}$/.test(part) ? [Number(part)] : [Number.NaN];
  });
  const { CONSTANT_BYTES_MAX } = named.constant();
  if (bytes.every((byte) => byte <= 255) && bytes.length <= CONSTANT_BYTES_MAX) return bytes;
  throw new RangeError(
    `--pattern byte: takes one to ${CONSTANT_BYTES_MAX} bytes such as byte:0xAA, byte:170 or byte:0xdeadbeef, not ${JSON.stringify(text)}`,
  );
}

const COUNTER_OPTIONS: ReadonlyMap<string, ReadonlyMap<string, NumberedOptions>> = new Map([
  ["width", choicesOf({ "32": { width: 32 }, "64": { width: 64 } })],
  ["order", choicesOf({ le: { order: "little" }, be: { order: "big" } })],
  ["unit", choicesOf({ bytes: { unit: "bytes" }, words: { unit: "words" }, sectors: { unit: "sectors" } })],
]);

function choicesOf(choices: Readonly<Record<string, NumberedOptions>>): ReadonlyMap<string, NumberedOptions> {
  return new Map(Object.entries(choices));
}

function counterOf(text: string, generation: number): Pattern {
  if (text === "") return new Counter({ generation });
  if (generation !== 0) throw new RangeError("--generation marks the words of plain counter, not of counter:OPTIONS");
  const seen = new Set<string>();
  let options: NumberedOptions = {};
  for (const part of text.split(",")) {
    const [key = "", value = ""] = part.split("=", 2);
    if (seen.has(key)) throw new RangeError(`--pattern counter: ${key} was given twice`);
    seen.add(key);
    if (key === "start") {
      options = { ...options, start: wholeNumber(value, "counter:start=N") };
      continue;
    }
    const choices = COUNTER_OPTIONS.get(key);
    const chosen = choices?.get(value);
    if (chosen !== undefined) options = { ...options, ...chosen };
    else if (choices !== undefined)
      throw new RangeError(
        `--pattern counter: ${key} is ${[...choices.keys()].join(" or ")}, not ${JSON.stringify(value)}`,
      );
    else throw new RangeError(`--pattern counter: takes width, order, unit and start, not ${JSON.stringify(part)}`);
  }
  return named.numbered().numbered(options);
}

const LINE_OPTIONS: readonly (keyof LinesOptions)[] = ["start", "digits", "prefix", "suffix"];

/** "start=1,digits=6,prefix=msg " : what is not given is empty, one digit at least, from 0. */
function linesOf(text: string): LinesOptions {
  let options: LinesOptions = { prefix: "", suffix: "", digits: 1, start: 0 };
  const seen = new Set<string>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const key = part.slice(0, Math.max(0, equals)) as keyof LinesOptions;
    const value = part.slice(equals + 1);
    if (!LINE_OPTIONS.includes(key)) {
      throw new RangeError(
        `--pattern lines: takes ${LINE_OPTIONS.map((name) => `${name}=`).join(", ")}, not ${JSON.stringify(part)}`,
      );
    }
    if (seen.has(key)) throw new RangeError(`--pattern lines: ${key} was given twice`);
    seen.add(key);
    const number = key === "start" || key === "digits" ? wholeNumber(value, `lines:${key}=N`) : value;
    options = { ...options, [key]: number };
  }
  try {
    named.lines().lines(options);
    return options;
  } catch (error) {
    throw error instanceof RangeError ? new RangeError(`--pattern lines: ${error.message}`) : error;
  }
}
