/**
 * The front desk of every reproducer: arguments in, one report out, the exit code of the contract.
 *
 * Owns the way from the command line to a run. Scripts say what is theirs and call `runReproducer` once. stdout
 * carries the report only; everything else goes to stderr.
 */
import { isCallee } from "../ops/thread/functions.ts";
import { EXIT } from "../report/document.ts";
import { type ArgumentSpec, type ArgumentSpecs, parseArguments, pathBytes, UsageError } from "./args.ts";
import { type AnyArgs, type AnyReproducer, COMMON_OPTIONS, type Common, type Reproducer } from "./contract.ts";
import { announced, DESCRIBE_VARIABLE, describe } from "./describe.ts";
import { Execution } from "./execution.ts";
import { helpText } from "./help.ts";
import { complain, writeStdout } from "./streams.ts";
import { VERSION } from "./version.ts";

/** Runs a reproducer as the process's whole purpose; never returns. */
export async function runReproducer<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(reproducer: Reproducer<Positionals, Options>): Promise<never> {
  // Another thread or process of a run imports the script for one of its functions: no second run begins there.
  if (isCallee()) return undefined as never;
  process.exit(announced(await execute(reproducer as unknown as AnyReproducer)));
}

async function execute(tool: AnyReproducer): Promise<number> {
  const options = { ...(tool.options ?? {}), ...COMMON_OPTIONS } as ArgumentSpecs;
  const specs = { positionals: tool.positionals ?? {}, options };
  const argv = process.argv.slice(2);
  if (argv.includes("--help")) return writeAndExit(helpText(tool, specs));
  if (argv.includes("--version")) return writeAndExit(`${tool.name} ${VERSION}\n`);
  let args: AnyArgs & Common;
  try {
    args = parseArguments(argv, specs) as AnyArgs & Common;
    restorePathBytes(args, { ...specs.positionals, ...specs.options });
    const wrong = args.json && args.ktap ? "--json and --ktap cannot be given together" : tool.check?.(args);
    if (wrong !== undefined) throw new UsageError(wrong);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(tool.name, error.message);
    return EXIT.badArguments;
  }
  if (process.env[DESCRIBE_VARIABLE] !== undefined) return writeAndExit(`${JSON.stringify(describe(tool, args))}\n`);
  return new Execution(tool, specs, args).run();
}

function writeAndExit(text: string): number {
  writeStdout(text);
  return EXIT.clean;
}

function restorePathBytes(args: AnyArgs, specs: ArgumentSpecs): void {
  for (const [name, spec] of Object.entries(specs) as [string, ArgumentSpec][]) {
    const value = args[name];
    if (spec.kind === "path" && typeof value === "string") args[name] = pathBytes(value);
  }
}
