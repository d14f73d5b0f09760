/**
 * Reproducers at the front desk: what a script declares becomes a tool that ends in one report.
 *
 * Owns the common flags' way into each of them. Scripts state what is theirs and call `runReproducer` once. stdout carries
 * the report only; everything else goes to stderr.
 */
import { isCallee } from "../ops/thread/callee.ts";
import type { ArgumentSpecs } from "./args.ts";
import { namedFiles } from "./asked.ts";
import { type AnyReproducer, COMMON_OPTIONS, type Reproducer } from "./contract.ts";
import { DESCRIBE_VARIABLE, describeTool } from "./describe.ts";
import { runTool } from "./desk.ts";
import { writeStdout } from "./streams.ts";
import type { Tool } from "./tool.ts";

/** Another command wants to know what this one is: nothing is run. */
const isDescribed = () => process.env[DESCRIBE_VARIABLE] !== undefined;

/** A reproducer as a tool, for subcommands; `runReproducer` runs one. */
export function defineReproducer<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(reproducer: Reproducer<Positionals, Options>): Tool {
  const tool = reproducer as unknown as AnyReproducer;
  const { name, summary, description, check, subCommands } = tool;
  const definitions = {
    positionals: tool.positionals ?? {},
    options: { ...(tool.options ?? {}), ...COMMON_OPTIONS },
  };
  return {
    name,
    summary,
    description,
    definitions,
    subCommands,
    expand: async (argv) => {
      if (!argv.some((word) => word.startsWith("--replay"))) return argv;
      const { withRecording } = await import("./recording.ts");
      return withRecording(name, COMMON_OPTIONS, argv);
    },
    prepare: () => Promise.all([tool.prepare?.(), isDescribed() ? undefined : import("./execution.ts")]),
    ...(check === undefined ? {} : { check: ({ args }) => check(args) }),
    begin: async (call) => {
      if (!isDescribed()) {
        if (call.args.shrink === true) {
          const { ShrinkWork } = await import("./shrink.ts");
          return new ShrinkWork(definitions, call);
        }
        const { Execution } = await import("./execution.ts");
        return new Execution(tool, definitions, call);
      }
      return {
        run: () => {
          const asked = namedFiles(definitions.options, call.args);
          writeStdout(`${JSON.stringify(describeTool(tool, call.args, asked))}\n`);
          return 0;
        },
      };
    },
  };
}

/** Runs a reproducer as the process's whole purpose; never returns. */
export async function runReproducer<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(reproducer: Reproducer<Positionals, Options>): Promise<never> {
  // Another thread or process of a run imports the script for one of its functions: no second run begins there.
  if (isCallee()) return undefined as never;
  return runTool(defineReproducer(reproducer));
}
