/**
 * The front desk of commands that judge nothing themselves (doctor, new): strict arguments, help, exit codes.
 */
import { EXIT } from "../report/document.ts";
import { type ArgumentSpecs, type Arguments, parseArguments, UsageError } from "./args.ts";
import { announced, DESCRIBE_VARIABLE } from "./describe.ts";
import { helpText } from "./help.ts";
import { complain, writeStdout } from "./streams.ts";

export interface Command<Positionals extends ArgumentSpecs, Options extends ArgumentSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly positionals?: Positionals;
  readonly options?: Options;
  /** Throws a UsageError for what is wrong with the arguments, before anything is done. */
  readonly check?: (args: Arguments<Positionals & Options>) => void;
  /** Returns the exit code; UsageErrors become one line and 254. `print` writes a line to stdout. */
  readonly run: (call: {
    readonly args: Arguments<Positionals & Options>;
    print(line: string): void;
  }) => number | Promise<number>;
}

/** Runs a command as the process's whole purpose; never returns. */
export async function runCommand<
  const Positionals extends ArgumentSpecs = Record<never, never>,
  const Options extends ArgumentSpecs = Record<never, never>,
>(command: Command<Positionals, Options>): Promise<never> {
  const help = { kind: "flag", description: "this text" } as const;
  const specs = { positionals: command.positionals ?? {}, options: { ...command.options, help } };
  const argv = process.argv.slice(2);
  if (argv.includes("--help")) {
    writeStdout(helpText(command, specs));
    process.exit(EXIT.clean);
  }
  try {
    const args = parseArguments(argv, specs) as Arguments<Positionals & Options>;
    command.check?.(args);
    if (process.env[DESCRIBE_VARIABLE] !== undefined) {
      writeStdout(`${JSON.stringify({ name: command.name, summary: command.summary, needs: [] })}\n`);
      process.exit(EXIT.clean);
    }
    process.exit(announced(await command.run({ args, print: (line) => writeStdout(`${line}\n`) })));
  } catch (error) {
    const usage = error instanceof UsageError;
    complain(command.name, usage ? error.message : `our own failure: ${error instanceof Error ? error.stack : error}`);
    process.exit(usage ? EXIT.badArguments : EXIT.ownFailure);
  }
}
