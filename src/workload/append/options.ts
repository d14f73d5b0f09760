/**
 * The command line of uring-append as plain data: the report's positionals, its control and the doors as options.
 */
import { PRESSURES } from "../pressure/index.ts";
import { DOOR_NAMES, DOORS } from "./doors.ts";
import { INJECTIONS } from "./inject.ts";

/** The doors, a line each, for --help. */
const doorLines = DOOR_NAMES.map((name) => `  ${name.padEnd(20)} ${DOORS[name].about}`);

/** Doors whose pieces are requests of a ring. */
const RING_DOORS: readonly string[] = [...DOOR_NAMES.filter((name) => name.startsWith("uring")), "all"];

export const appendOptions = {
  description: ["Doors:", ...doorLines].join("\n"),
  positionals: {
    prefix: {
      kind: "path",
      optional: true,
      description: "files are PREFIX.0, PREFIX.1, …; left out, the run makes its own XFS (root) or uses TMPDIR",
    },
    seconds: { kind: "duration", default: "60s", description: "how long to go on" },
    fileMb: {
      kind: "count",
      default: 48,
      min: 1,
      max: 1048576,
      shrinks: false,
      description: "MiB after which a file is full",
    },
  },
  options: {
    door: {
      kind: "choice",
      choices: [...DOOR_NAMES, "all"] as const,
      default: "uring-append",
      description: "how to append (see below); all: one after the other on the same plan",
    },
    pressure: {
      kind: "choice",
      choices: PRESSURES,
      default: "auto",
      description:
        "what makes the kernel fail: auto takes what this machine and these privileges allow; none is exactly the report's workload",
    },
    chunkMin: { kind: "size", default: "1MiB", min: 8, description: "shortest chunk of one append" },
    chunkMax: { kind: "size", default: "24MiB", min: 8, description: "longest chunk of one append" },
    queueDepth: {
      onlyWith: { door: RING_DOORS },
      kind: "count",
      default: 1,
      min: 1,
      max: 256,
      description: "pieces of a chunk in flight at once, as linked requests",
    },
    jobs: {
      // The calls of other processes are recorded nowhere.
      conflicts: ["trace", "emitC", "emitKselftest", "explain"],
      kind: "count",
      default: 1,
      min: 1,
      max: 64,
      description: "parallel instances, as processes, with one merged verdict",
    },
    files: {
      kind: "count",
      min: 1,
      optional: true,
      description: "stop after this many files, if the time is not up before",
    },
    appends: {
      kind: "count",
      min: 1,
      optional: true,
      description: "appends in each file, if it is not full before",
    },
    async: {
      onlyWith: { door: RING_DOORS },
      kind: "flag",
      description: "IOSQE_ASYNC on every request: never inline (a control: stops the bug)",
    },
    fsync: { kind: "flag", description: "fsync each file and drop its page cache before reading it back" },
    keep: { kind: "flag", description: "keep clean files too" },
    inject: {
      kind: "choice",
      choices: INJECTIONS,
      optional: true,
      description: "damage one place ourselves, to see the whole chain go red on a healthy kernel",
    },
  },
} as const;

/** All arguments of the command line, for types. */
export type AppendSpecs = typeof appendOptions.positionals & typeof appendOptions.options;
