/**
 * The lab's commands and their flags, for the front desk that all commands share.
 *
 * Owns what is checked before anything is downloaded, and the signals that end guests. The lab makes no report of its
 * own: it hands on the one of the script behind `--`.
 */
import { type ArgumentSpecs, UsageError } from "../cli/args.ts";
import { abortable } from "../cli/interruption.ts";
import { argumentWords } from "../cli/replay.ts";
import { defineTool, type Tool } from "../cli/tool.ts";
import { EXIT } from "../report/document.ts";
import { commandBisect } from "./commands/bisect.ts";
import { commandKernels } from "./commands/kernels.ts";
import { commandMatrix } from "./commands/matrix.ts";
import { commandMerge } from "./commands/merge.ts";
import { commandRun } from "./commands/run.ts";
import { kconfigFragment } from "./kconfig.ts";
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

/** The guest's flags where this machine's own kernel may be named: then there is no guest. */
const GUEST = Object.fromEntries(
  Object.entries(MACHINE).map(([name, spec]) =>
    name === "timeout" || name === "quiet"
      ? [name, spec]
      : [name, { ...spec, onlyWith: { ...("onlyWith" in spec ? spec.onlyWith : {}), kernel: { not: "host" } } }],
  ),
) as typeof MACHINE;

const RUN = {
  ...KERNEL,
  artifacts: {
    onlyWith: { kernel: { not: "host" } },
    kind: "path",
    optional: true,
    description: "directory for files of a run that did not end clean",
  },
  console: { onlyWith: { kernel: { not: "host" } }, kind: "flag", description: "show the kernel's console on stderr" },
  ...GUEST,
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
  ktap: { kind: "flag", conflicts: ["json"], description: "stdout is KTAP version 1" },
  ...MACHINE,
} as const satisfies ArgumentSpecs;

const MERGE = { report: MATRIX.report, json: MATRIX.json, ktap: MATRIX.ktap } as const satisfies ArgumentSpecs;

const BISECT = {
  good: { kind: "text", description: "a packaged kernel on which the script ends 0" },
  bad: { kind: "text", description: "a packaged kernel on which it ends 1" },
  grep: { kind: "text", optional: true, description: "show the changelog lines that hold this word" },
  requireTrigger: { kind: "flag", description: "kernels that never entered the racy path are not evidence" },
  ...MACHINE,
} as const satisfies ArgumentSpecs;

const KERNELS = {
  flavour: MACHINE.flavour,
  refresh: { kind: "flag", description: "ask the mirror again now" },
  json: { kind: "flag", description: "stdout is one JSON object" },
  quiet: MACHINE.quiet,
} as const satisfies ArgumentSpecs;

const KCONFIG = { fs: MACHINE.fs } as const satisfies ArgumentSpecs;

const SHELL = { ...KERNEL, ...MACHINE } as const satisfies ArgumentSpecs;

/** What comes after "--": the script, and words for it. */
function scriptOf(rest: readonly string[]): { script: string; scriptArguments: readonly string[] } {
  const [script, ...scriptArguments] = rest;
  if (script === undefined)
    throw new UsageError("no script: say which one after --, as in: -- uring-append.ts --seconds 5");
  return { script, scriptArguments };
}

/** An empty value is as good as none. */
function needed(value: string | undefined, flag: string): string {
  if (!value) throw new UsageError(`${flag} is missing; --help shows what it takes`);
  return value;
}

function reportFile(path: unknown): string | undefined {
  if (path === undefined) return undefined;
  if (!String(path).endsWith(".html")) throw new UsageError(`--report: a page ends with .html, ${path} does not`);
  return String(path);
}

function kernelsOf(list: string, shard: string | undefined): string[] {
  const kernels = shardOf(listOf(needed(list, "--kernels"), "--kernels"), shard);
  if (typeof kernels === "string") throw new UsageError(`--shard: ${kernels}`);
  return kernels;
}

const SCRIPT = "-- SCRIPT …";

const run = defineTool({
  name: "run",
  summary: "boot a kernel, run a script there, end with its exit code",
  options: RUN,
  rest: SCRIPT,
  run: ({ args, rest }) => {
    const narrate = narrator(args.quiet);
    return abortable(
      (signal) =>
        commandRun({
          kernel: needed(args.kernel, "--kernel"),
          ...scriptOf(rest),
          options: labOptions(args, rest[0]),
          artifactDirectory: args.artifacts === undefined ? undefined : String(args.artifacts),
          showConsole: args.console,
          ownWords: argumentWords({ positionals: {}, options: RUN }, args),
          narrate,
          signal,
        }),
      narrate,
    );
  },
});

const matrix = defineTool({
  name: "matrix",
  summary: "run a script on many kernels, show a table",
  options: MATRIX,
  rest: SCRIPT,
  run: ({ args, rest }) => {
    const narrate = narrator(args.quiet);
    return abortable(
      (signal) =>
        commandMatrix({
          kernels: kernelsOf(args.kernels, args.shard),
          reportFile: reportFile(args.report),
          resultsFile: args.results === undefined ? undefined : String(args.results),
          jobs: args.jobs,
          form: args.json ? "json" : args.ktap ? "ktap" : "table",
          ...scriptOf(rest),
          options: labOptions(args, rest[0]),
          machineWords: argumentWords({ positionals: {}, options: MACHINE }, args),
          narrate,
          signal,
        }),
      narrate,
    );
  },
});

const merge = defineTool({
  name: "merge",
  summary: "put files of results together",
  positionals: { file: { kind: "path", many: true, description: "files that matrix --results wrote" } },
  options: MERGE,
  run: async ({ args }) =>
    commandMerge(args.file.map(String), {
      form: args.json ? "json" : args.ktap ? "ktap" : "table",
      reportFile: reportFile(args.report),
    }),
});

const bisect = defineTool({
  name: "bisect",
  summary: "find the first good or first bad packaged kernel between two",
  options: BISECT,
  rest: SCRIPT,
  run: ({ args, rest }) => {
    const narrate = narrator(args.quiet);
    return abortable(
      (signal) =>
        commandBisect({
          good: needed(args.good, "--good"),
          bad: needed(args.bad, "--bad"),
          grep: args.grep,
          requireTrigger: args.requireTrigger,
          ...scriptOf(rest),
          options: labOptions(args, rest[0]),
          machineWords: argumentWords({ positionals: {}, options: MACHINE }, args),
          narrate,
          signal,
        }),
      narrate,
    );
  },
});

const kernels = defineTool({
  name: "kernels",
  summary: "list the kernels that are available",
  options: KERNELS,
  run: ({ args: { flavour, refresh, json, quiet } }) => commandKernels({ flavour, refresh, json }, narrator(quiet)),
});

const kconfig = defineTool({
  name: "kconfig",
  summary: "print the configuration that a guest needs of a kernel tree",
  options: KCONFIG,
  run: ({ args, print }) => {
    print(kconfigFragment(args.fs).trimEnd());
    return EXIT.clean;
  },
});

const shell = defineTool({
  name: "shell",
  summary: "a prompt in the guest, with the scripts in place",
  options: SHELL,
  run: ({ args }) => {
    const narrate = narrator(args.quiet);
    return abortable(async () => {
      const options = labOptions(args, undefined);
      const kernel = await findKernel(needed(args.kernel, "--kernel"), options, narrate);
      return await shellOnKernel(kernel, options, narrate);
    }, narrate);
  },
});

export const lab: Tool = defineTool({
  name: "lab",
  summary: "run any script on another kernel, in a virtual machine",
  subCommands: { run, matrix, merge, bisect, kernels, kconfig, shell },
});
