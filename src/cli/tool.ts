/**
 * A command as a value: what it takes, what it does, and what is below it.
 *
 * Owns `defineTool`, the one shape that the dispatcher walks: reproducers, commands and groups of commands are all of it.
 * Runs nothing.
 */
import type { ArgumentSpecs, Arguments, Definitions } from "./args.ts";
import { namedFiles } from "./asked.ts";
import type { Work } from "./citty.ts";
import { DESCRIBE_VARIABLE } from "./describe.ts";
import { writeStdout } from "./streams.ts";

/** What a command is called with. */
export interface Call {
  /** By their declared names, converted. */
  readonly args: Record<string, unknown>;
  /** Names of the arguments that were typed. */
  readonly given: ReadonlySet<string>;
  /** The words after "--", where a command takes them. */
  readonly rest: readonly string[];
  /** The words that led here: ["lab", "run"]. */
  readonly path: readonly string[];
}

export interface Tool {
  readonly name: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly definitions: Definitions;
  /** What may come after "--", as usage shows it: "-- SCRIPT …"; undefined when nothing may. */
  readonly rest?: string | undefined;
  readonly subCommands?: Readonly<Record<string, SubCommand>> | undefined;
  /** The subcommand of a command line that names none; without it and without `begin` one must be named. */
  readonly default?: string | undefined;
  /** Loads what a run needs: called when the words are good, while the parser loads. */
  readonly prepare?: (() => Promise<unknown>) | undefined;
  /** What is wrong with the arguments together, undefined when nothing is; before anything is done. */
  readonly check?: ((call: Call) => string | undefined) | undefined;
  /** The words that replace those of the command line, before any of them is read. */
  readonly expand?: ((argv: readonly string[]) => Promise<readonly string[]>) | undefined;
  readonly begin?: ((call: Call) => Promise<Work> | Work) | undefined;
}

/** A subcommand, or how to load it: only what is asked for is loaded. */
export type SubCommand = Tool | { readonly summary: string; readonly load: () => Promise<Tool> };

export interface CommandSpec<Positionals extends ArgumentSpecs, Options extends ArgumentSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly positionals?: Positionals;
  readonly options?: Options;
  readonly rest?: string;
  readonly subCommands?: Readonly<Record<string, SubCommand>>;
  readonly default?: string;
  /** Returns what is wrong with the arguments together, or throws a UsageError, before anything is done. */
  readonly check?: (args: Arguments<Positionals & Options>) => string | undefined;
  /** Returns the exit code; UsageErrors become one line and 254. `print` writes a line to stdout. */
  readonly run?: (call: {
    readonly args: Arguments<Positionals & Options>;
    readonly rest: readonly string[];
    print(line: string): void;
  }) => number | Promise<number>;
}

/** A command that makes no report: it returns its exit code. `help` is added; `version` too. */
export function defineTool<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(spec: CommandSpec<Positionals, Options>): Tool {
  const { name, summary, description, rest, subCommands, run } = spec;
  const check = spec.check as ((args: unknown) => string | undefined) | undefined;
  const print = (line: string) => writeStdout(`${line}\n`);
  const begin = (call: Call): Work => ({
    run: () => {
      if (process.env[DESCRIBE_VARIABLE] === undefined) {
        return run?.({ args: call.args as Arguments<Positionals & Options>, rest: call.rest, print }) ?? 0;
      }
      print(JSON.stringify({ name, summary, needs: [], newFiles: namedFiles(spec.options ?? {}, call.args) }));
      return 0;
    },
  });
  return {
    name,
    summary,
    description,
    definitions: { positionals: spec.positionals ?? {}, options: spec.options ?? {} },
    rest,
    subCommands,
    default: spec.default,
    ...(check === undefined ? {} : { check: (call: Call) => check(call.args) }),
    ...(run === undefined ? {} : { begin }),
  };
}
