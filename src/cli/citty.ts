/**
 * The way to citty: argument kinds as its ArgDefs, one command as its CommandDef, usage by its renderer.
 *
 * Owns both translations. Refuses citty's `runMain` (it ends 1, which means corruption here) and its way down
 * subcommands (a parent's `run` would fire after its subcommand's): desk.ts walks by itself and runs the leaf.
 */
import { type ArgDef, type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { EXIT } from "../report/document.ts";
import { type ArgumentSpec, type ArgumentSpecs, type Definitions, flagName, positionalName } from "./args.ts";
import { colorWanted, terminalColumns } from "./streams.ts";
import { type Canonical, typedValues } from "./strict.ts";

const VALUE_HINTS = { path: "PATH", text: "TEXT", count: "N", size: "SIZE", duration: "TIME" } as const;

/** A kind as an ArgDef. Values stay text here: the kind reads them after citty parsed the words. */
function argDef(spec: ArgumentSpec, description = spec.description): ArgDef {
  if (spec.kind === "flag") return { type: "boolean", description };
  const value = spec.default === undefined ? {} : { default: String(spec.default) };
  // Required ones are refused by strict.ts, in our words.
  const required = spec.default === undefined && spec.optional !== true;
  if (spec.kind === "choice") {
    return { type: "enum", options: [...spec.choices], description, required, ...value };
  }
  return { type: "string", valueHint: VALUE_HINTS[spec.kind], description, required, ...value };
}

function argDefs(specs: ArgumentSpecs): ArgsDef {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, argDef(spec)]));
}

/** What a command does between its first line and its exit code. */
export interface Work {
  setup?(): Promise<void> | void;
  run(): Promise<number> | number;
  cleanup?(): Promise<void> | void;
  /** The last word on the exit code, after clean-up. */
  end?(code: number): number;
}

/**
 * Parses canonical words and does the work that they ask for; its exit code. citty learns of the arguments that
 * are on the line: it spells each in three ways, and 40 absent ones cost as much as loading it.
 */
export async function runLeaf(
  definitions: Definitions,
  { words, lists, given }: Pick<Canonical, "words" | "lists" | "given">,
  begin: (values: Record<string, unknown>) => Promise<Work> | Work,
): Promise<number> {
  let work: Work | undefined;
  const specs = Object.entries({ ...definitions.positionals, ...definitions.options });
  const command = defineCommand({
    args: argDefs(Object.fromEntries(specs.filter(([name]) => given.has(name)))),
    setup: async ({ args }) => {
      work = await begin(typedValues(definitions, args, lists));
      await work.setup?.();
    },
    run: () => work?.run() ?? EXIT.ownFailure,
    cleanup: () => work?.cleanup?.(),
  });
  const { result } = await runCommand(command, { rawArgs: [...words] });
  return work?.end?.(result as number) ?? (result as number);
}

export interface Usage {
  /** As it is typed: "bun run lab.ts run". */
  readonly command: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly definitions: Definitions;
  /** What comes after "--". */
  readonly rest?: string | undefined;
  /** Names and summaries. */
  readonly subCommands?: Readonly<Record<string, string>>;
  /** True when it also runs without a subcommand. */
  readonly alone?: boolean;
}

/** More subcommands than these are not named in the line of usage: the list is below. */
const NAMED_MAX = 10;

/** The help text: citty's usage, the tool's own words, and the grammar that all share. */
export async function usageText(usage: Usage): Promise<string> {
  const { positionals, options } = usage.definitions;
  // citty prints a positional in capitals; those that are also flags show it.
  const shown = Object.entries(positionals).map(([name, spec]) => {
    const { type: _type, ...rest } = argDef(spec, `${choicesText(spec)}${spec.description} (also ${flagName(name)})`);
    return [positionalName(name).toLowerCase(), { ...rest, type: "positional" }];
  });
  const flags = Object.entries(options).filter(([name]) => !(name in positionals));
  const args = { ...Object.fromEntries(shown), ...flagDefs(Object.fromEntries(flags)) } as ArgsDef;
  const subCommands = Object.entries(usage.subCommands ?? {}).map(([name, description]) => [
    name,
    { meta: { name, description } } satisfies CommandDef,
  ]);
  const command: CommandDef = {
    meta: { name: usage.command, description: usage.summary },
    args,
    ...(subCommands.length === 0 ? {} : { subCommands: Object.fromEntries(subCommands) }),
  };
  const rendered = (await renderUsage(command)).replace("<command> --help", "COMMAND --help");
  const { inColumns } = await import("./columns.ts");
  const text = inColumns(commandFirst(rendered, usage), terminalColumns(1));
  const plain = colorWanted() ? text : Bun.stripANSI(text);
  const withRest = usage.rest === undefined ? plain : plain.replace(/^(.*USAGE.*?) *$/m, `$1 ${usage.rest}`);
  return [
    withRest.replaceAll(/ +$/gm, "").trimEnd(),
    ...(usage.description === undefined ? [] : ["", usage.description.trimEnd()]),
    "",
    "Sizes take KiB, MiB, GiB or 0x… (bare numbers are bytes); times take ms, s, m, h (bare numbers are seconds).",
    `Exit codes: ${EXIT.clean} verified and clean, ${EXIT.corrupt} corruption found, ${EXIT.inconclusive} skipped or inconclusive,`,
    `${EXIT.badArguments} bad arguments, ${EXIT.ownFailure} our own failure, 130, 143 and 129 after SIGINT, SIGTERM and SIGHUP.`,
    "",
  ].join("\n");
}

/** Subcommands come before flags; a command that also runs alone has them in brackets. */
function commandFirst(text: string, { subCommands = {}, alone = false }: Usage): string {
  const names = Object.keys(subCommands);
  if (names.length === 0) return text;
  const word = names.length > NAMED_MAX ? "COMMAND" : names.join("|");
  return text.replace(` [OPTIONS] ${names.join("|")}`, ` ${alone ? `[${word}]` : word} [OPTIONS]`);
}

/** Flags under the name that people type. */
function flagDefs(specs: ArgumentSpecs): ArgsDef {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [flagName(name).slice(2), argDef(spec)]));
}

function choicesText(spec: ArgumentSpec): string {
  return spec.kind === "choice" ? `${spec.choices.join("|")}: ` : "";
}
