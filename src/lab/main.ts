/**
 * The lab's front desk: subcommands, flags, signals, exit codes.
 *
 * Not `runReproducer`: the lab makes no report of its own, it hands on the one of the script behind `--`. Flags are as
 * strict as everywhere (unknown ones are 254), parsed by the same grammar.
 */
import { constants } from "node:os";
import { type ArgumentSpecs, type Arguments, parseArguments, UsageError } from "../cli/args.ts";
import { helpText } from "../cli/help.ts";
import { EXIT } from "../report/document.ts";
import { commandBisect } from "./commands/bisect.ts";
import { commandKernels } from "./commands/kernels.ts";
import { commandMatrix } from "./commands/matrix.ts";
import { commandMerge } from "./commands/merge.ts";
import { commandRun } from "./commands/run.ts";
import { kconfigFragment } from "./kconfig.ts";
import { LabError, readText } from "./kernels/cache.ts";
import { narrator } from "./narrate.ts";
import { labOptions, listOf, MACHINE } from "./options.ts";
import { shardOf } from "./results.ts";
import { findKernel, shellOnKernel } from "./run.ts";

const KERNEL = {
  kernel: {
    kind: "text",
    description: '6.1.170, "newest 6.12", newest, a package, a .deb, a vmlinuz, a build tree, or host',
  },
} as const satisfies ArgumentSpecs;

const RUN = {
  ...KERNEL,
  artifacts: { kind: "path", optional: true, description: "directory for files of a run that did not end clean" },
  console: { kind: "flag", description: "show the kernel's console on stderr" },
  ...MACHINE,
} as const satisfies ArgumentSpecs;

const MATRIX = {
  kernels: { kind: "text", description: "kernels with commas between them, as --kernel takes them, host too" },
  jobs: { kind: "count", default: 1, min: 1, max: 64, description: "guests at a time" },
  shard: {
    kind: "text",
    optional: true,
    description: "K/N: only every N-th kernel, from the K-th on; merge puts the results together",
  },
  results: {
    kind: "path",
    optional: true,
    description: "file of results, kept after each kernel and taken up by the next run",
  },
  report: { kind: "path", optional: true, description: "of surveys: case by kernel as a page, FILE.html" },
  json: { kind: "flag", description: "stdout is one JSON object with the script's report for each kernel" },
  ktap: { kind: "flag", description: "stdout is KTAP version 1" },
  ...MACHINE,
} as const satisfies ArgumentSpecs;

const MERGE = {
  report: MATRIX.report,
  json: MATRIX.json,
  ktap: MATRIX.ktap,
  help: MACHINE.help,
} as const satisfies ArgumentSpecs;

const BISECT = {
  good: { kind: "text", description: "a packaged kernel on which the script ends 0" },
  bad: { kind: "text", description: "a packaged kernel on which it ends 1" },
  grep: { kind: "text", optional: true, description: "show the changelog lines that hold this word" },
  requireTrigger: { kind: "flag", description: "kernels that never entered the racy path are no evidence" },
  ...MACHINE,
} as const satisfies ArgumentSpecs;

const KERNELS = {
  flavour: MACHINE.flavour,
  refresh: { kind: "flag", description: "ask the mirror again now" },
  json: { kind: "flag", description: "stdout is one JSON object" },
  quiet: MACHINE.quiet,
  help: MACHINE.help,
} as const satisfies ArgumentSpecs;

const KCONFIG = { fs: MACHINE.fs, help: MACHINE.help } as const satisfies ArgumentSpecs;

const SHELL = { ...KERNEL, ...MACHINE } as const satisfies ArgumentSpecs;

interface Invocation {
  readonly own: readonly string[];
  /** The first word after "--". */
  readonly script: string | undefined;
  readonly scriptArguments: readonly string[];
  readonly signal: AbortSignal;
}

function needScript({ script }: Invocation): string {
  if (script === undefined)
    throw new UsageError("no script: say which one after --, as in: -- uring-append.ts --seconds 5");
  return script;
}

/** The parser demands these flags; an empty value is as good as none. */
function needed(value: string | undefined, flag: string): string {
  if (!value) throw new UsageError(`${flag} is missing; --help says what it takes`);
  return value;
}

function reportFile(path: unknown): string | undefined {
  if (path === undefined) return undefined;
  if (!String(path).endsWith(".html")) throw new UsageError(`--report: a page ends with .html, ${path} does not`);
  return String(path);
}

function parse<Specs extends ArgumentSpecs>(own: readonly string[], options: Specs): Arguments<Specs> {
  return parseArguments(own, { positionals: {}, options }) as Arguments<Specs>;
}

type Subcommand = {
  readonly summary: string;
  readonly options: ArgumentSpecs;
  readonly run: (invocation: Invocation) => Promise<number>;
};

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  run: {
    summary: "boot a kernel, run a script there, end with its exit code",
    options: RUN,
    run: async (invocation) => {
      const args = parse(invocation.own, RUN);
      return await commandRun({
        kernel: needed(args.kernel, "--kernel"),
        script: needScript(invocation),
        scriptArguments: invocation.scriptArguments,
        options: labOptions(args, invocation.script),
        artifactDirectory: args.artifacts === undefined ? undefined : String(args.artifacts),
        showConsole: args.console,
        ownWords: invocation.own,
        narrate: narrator(args.quiet),
        signal: invocation.signal,
      });
    },
  },
  matrix: {
    summary: "run a script on many kernels, show a table",
    options: MATRIX,
    run: async (invocation) => {
      const args = parse(invocation.own, MATRIX);
      if (args.json && args.ktap) throw new UsageError("--json and --ktap exclude each other: stdout is one of them");
      const kernels = shardOf(listOf(needed(args.kernels, "--kernels"), "--kernels"), args.shard);
      if (typeof kernels === "string") throw new UsageError(`--shard: ${kernels}`);
      return await commandMatrix({
        kernels,
        reportFile: reportFile(args.report),
        resultsFile: args.results === undefined ? undefined : String(args.results),
        jobs: args.jobs,
        form: args.json ? "json" : args.ktap ? "ktap" : "table",
        script: needScript(invocation),
        scriptArguments: invocation.scriptArguments,
        options: labOptions(args, invocation.script),
        narrate: narrator(args.quiet),
        signal: invocation.signal,
      });
    },
  },
  merge: {
    summary: "put files of results together: lab.ts merge FILE... [flags]",
    options: MERGE,
    run: async ({ own }) => {
      // Files first: what is behind the first flag belongs to the flags.
      const first = own.findIndex((word) => word.startsWith("--"));
      const files = first < 0 ? own : own.slice(0, first);
      const args = parse(first < 0 ? [] : own.slice(first), MERGE);
      if (args.json && args.ktap) throw new UsageError("--json and --ktap exclude each other: stdout is one of them");
      return commandMerge(files, {
        form: args.json ? "json" : args.ktap ? "ktap" : "table",
        reportFile: reportFile(args.report),
      });
    },
  },
  bisect: {
    summary: "find the first good or first bad packaged kernel between two",
    options: BISECT,
    run: async (invocation) => {
      const args = parse(invocation.own, BISECT);
      return await commandBisect({
        good: needed(args.good, "--good"),
        bad: needed(args.bad, "--bad"),
        grep: args.grep,
        requireTrigger: args.requireTrigger,
        script: needScript(invocation),
        scriptArguments: invocation.scriptArguments,
        options: labOptions(args, invocation.script),
        narrate: narrator(args.quiet),
        signal: invocation.signal,
      });
    },
  },
  kernels: {
    summary: "list the kernels that can be had",
    options: KERNELS,
    run: async ({ own }) => {
      const { flavour, refresh, json, quiet } = parse(own, KERNELS);
      return await commandKernels({ flavour, refresh, json }, narrator(quiet));
    },
  },
  kconfig: {
    summary: "print the configuration that a guest needs of a kernel tree",
    options: KCONFIG,
    run: async ({ own }) => {
      process.stdout.write(kconfigFragment(parse(own, KCONFIG).fs));
      return EXIT.clean;
    },
  },
  shell: {
    summary: "a prompt in the guest, with the scripts in place",
    options: SHELL,
    run: async ({ own }) => {
      const args = parse(own, SHELL);
      const options = labOptions(args, undefined);
      const narrate = narrator(args.quiet);
      return await shellOnKernel(await findKernel(needed(args.kernel, "--kernel"), options, narrate), options, narrate);
    },
  },
};

function overview(): string {
  const lines = Object.entries(SUBCOMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return [
    "lab: run any script on another kernel, in a virtual machine",
    "",
    "usage: bun run lab.ts SUBCOMMAND [flags] [-- SCRIPT ...]",
    "",
    ...lines,
    "",
    "bun run lab.ts SUBCOMMAND --help lists the flags.",
  ].join("\n");
}

/** Runs the command line of `lab.ts`; returns the exit code. */
export async function labMain(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "--help" || name === "help") {
    process.stdout.write(`${overview()}\n`);
    return EXIT.clean;
  }
  if (name === undefined) {
    // stdout is for reports; nothing was asked for, and a bisection must not take that for good.
    process.stderr.write(`${overview()}\n`);
    return EXIT.badArguments;
  }
  const subcommand = SUBCOMMANDS[name];
  if (!subcommand || !Object.hasOwn(SUBCOMMANDS, name)) {
    process.stderr.write(`lab: no subcommand ${name}: it is one of ${Object.keys(SUBCOMMANDS).join(", ")}\n`);
    return EXIT.badArguments;
  }
  const dashes = rest.indexOf("--");
  const own = dashes < 0 ? rest : rest.slice(0, dashes);
  const [script, ...scriptArguments] = dashes < 0 ? [] : rest.slice(dashes + 1);
  if (own.includes("--help")) {
    const tool = { name: "lab", summary: subcommand.summary };
    const text = helpText(tool, { positionals: {}, options: subcommand.options });
    process.stdout.write(`${text.replace("run lab.ts", `run lab.ts ${name}`).trimEnd()}\n`);
    return EXIT.clean;
  }
  const { signal, exitCode } = watch();
  try {
    const code = await subcommand.run({ own, script, scriptArguments, signal });
    return exitCode() ?? code;
  } catch (error) {
    if (exitCode() !== undefined) return exitCode() as number;
    if (error instanceof LabError || error instanceof UsageError) {
      process.stderr.write(`lab: ${error.message}\n`);
      return error instanceof LabError ? error.exitCode : EXIT.badArguments;
    }
    process.stderr.write(`lab: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.ownFailure;
  }
}

/** Signals end the guests; so does the death of the `bun run` above us, which forwards signals but not its SIGKILL. */
function watch(): { signal: AbortSignal; exitCode: () => number | undefined } {
  const controller = new AbortController();
  let code: number | undefined;
  const stop = (number: number) => {
    code ??= 128 + number;
    controller.abort();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop(constants.signals[name]));
  const parent = process.ppid;
  if (readText(`/proc/${parent}/cmdline`)?.includes("bun")) {
    const timer = setInterval(() => {
      if (readText(`/proc/${parent}/stat`) === undefined) stop(constants.signals.SIGTERM);
    }, 500);
    timer.unref();
  }
  return { signal: controller.signal, exitCode: () => code };
}
