/**
 * The front desk: from the words of a command line to an exit code, for every command there is.
 *
 * Owns the way down subcommands, help and version, and the order: words, relations between them, work. The guard around
 * it turns whatever fails into the contract's codes. citty is loaded for help and for work: a version, or a word that is
 * wrong, needs none of it. Refuses to know any command.
 */
import { EXIT } from "../report/document.ts";
import { type ArgumentSpecs, type Definitions, flagName, UsageError } from "./args.ts";
import { announced } from "./describe.ts";
import { failureOf } from "./failure.ts";
import { enter, settle } from "./guard.ts";
import { printProblem, writeStdout } from "./streams.ts";
import { contradiction, nearest, strict } from "./strict.ts";
import type { Call, SubCommand, Tool } from "./tool.ts";
import { VERSION } from "./version.ts";

/** Set by the shells' completion scripts (complete.ts). */
const COMPLETE_VARIABLE = "BYTEWITNESS_COMPLETE";

/** What every command understands in addition to its own. */
const ALWAYS = {
  help: { kind: "flag", description: "this text" },
  version: { kind: "flag", description: "the version" },
} as const satisfies ArgumentSpecs;

/** Runs a command as the process's whole purpose; never returns. */
export async function runTool(tool: Tool, argv: readonly string[] = process.argv.slice(2)): Promise<never> {
  enter(tool.name, (error) => failed(tool.name, error));
  return settle(announced(await dispatch(tool, argv)));
}

/** The exit code of a command line; whatever is thrown becomes a line and a code. */
async function dispatch(tool: Tool, argv: readonly string[]): Promise<number> {
  try {
    if (process.env[COMPLETE_VARIABLE] !== undefined) {
      const { suggestionLines, suggestions } = await import("./complete.ts");
      return print(suggestionLines(await suggestions(tool, argv, ALWAYS)));
    }
    return await descend(tool, (await tool.expand?.(argv)) ?? argv, [tool.name]);
  } catch (error) {
    return failed(tool.name, error);
  }
}

function failed(name: string, error: unknown): number {
  const { code, line } = failureOf(error);
  printProblem(name, line);
  return code;
}

async function descend(tool: Tool, argv: readonly string[], path: readonly string[]): Promise<number> {
  const { subCommands } = tool;
  const dashes = argv.indexOf("--");
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const [first] = own;
  if (subCommands !== undefined && first !== undefined && !first.startsWith("-")) {
    const sub = Object.hasOwn(subCommands, first) ? subCommands[first] : undefined;
    if (sub !== undefined) return descend(await loaded(sub), argv.slice(1), [...path, first]);
    if (tool.begin === undefined || Object.keys(tool.definitions.positionals).length === 0) {
      throw unknownCommand(first, tool, path);
    }
  }
  if (own.includes("--help") || own.includes("-h")) return print(await helpText(tool, path));
  if (own.includes("--version")) return print(`${path[0]} ${VERSION}\n`);
  if (first?.startsWith("-") && subCommands !== undefined) await refuseLate(own, tool, path);
  if (tool.begin !== undefined) return runOne(tool, argv, path);
  const standard = tool.default === undefined ? undefined : subCommands?.[tool.default];
  if (standard !== undefined) return descend(await loaded(standard), argv, [...path, tool.default as string]);
  if (first !== undefined) strict(own, { positionals: {}, options: ALWAYS });
  throw new UsageError(`say which: ${Object.keys(subCommands ?? {}).join(", ")}; --help shows what each does`);
}

/** A subcommand behind flags, unless it is the value of one. */
async function refuseLate(own: readonly string[], tool: Tool, path: readonly string[]): Promise<void> {
  const { options } = tool.definitions;
  const takesNext = new Set(
    Object.keys(options)
      .filter((name) => options[name]?.kind !== "flag")
      .map(flagName),
  );
  const late = own.find(
    (word, index) => Object.hasOwn(tool.subCommands ?? {}, word) && !takesNext.has(own[index - 1] ?? ""),
  );
  if (late === undefined) return;
  const { thisScript } = await import("../machine/invocation.ts");
  throw new UsageError(`${late} comes first: ${thisScript([...path.slice(1), late])} …`);
}

function print(text: string): number {
  writeStdout(text);
  return EXIT.clean;
}

async function loaded(sub: SubCommand): Promise<Tool> {
  return "load" in sub ? await sub.load() : sub;
}

function unknownCommand(word: string, tool: Tool, path: readonly string[]): UsageError {
  const names = Object.keys(tool.subCommands ?? {});
  const near = nearest(word, names);
  const meant = near === undefined ? "" : ` (did you mean ${near}?)`;
  return new UsageError(`${path.join(" ")} has no ${JSON.stringify(word)}${meant}: it has ${names.join(", ")}`);
}

/** Help without loading what is below. */
async function helpText(tool: Tool, path: readonly string[]): Promise<string> {
  const below = Object.entries(tool.subCommands ?? {}).map(([name, sub]) => [name, sub.summary]);
  const { usageText } = await import("./citty.ts");
  const { thisScript } = await import("../machine/invocation.ts");
  return usageText({
    command: thisScript(path.slice(1)),
    summary: tool.summary,
    description: tool.description,
    definitions: withAlways(tool.definitions),
    rest: tool.rest,
    alone: tool.begin !== undefined || tool.default !== undefined,
    subCommands: Object.fromEntries(below),
  });
}

function withAlways({ positionals, options }: Definitions): Definitions {
  return { positionals, options: { ...options, ...ALWAYS } };
}

async function runOne(tool: Tool, argv: readonly string[], path: readonly string[]): Promise<number> {
  const dashes = tool.rest === undefined ? -1 : argv.indexOf("--");
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const rest = dashes < 0 ? [] : argv.slice(dashes + 1);
  const definitions = withAlways(tool.definitions);
  const canonical = strict(own, definitions);
  const { given } = canonical;
  const prepared = tool.prepare?.();
  const { runLeaf } = await import("./citty.ts");
  await prepared;
  return runLeaf(definitions, canonical, (args) => {
    const call: Call = { args, given, rest, path };
    const wrong = contradiction(definitions, args, given) ?? tool.check?.(call);
    if (wrong !== undefined) throw new UsageError(wrong);
    return (tool.begin as NonNullable<Tool["begin"]>)(call);
  });
}
