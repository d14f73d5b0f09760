/**
 * The evidence that a command line asks for: the flags of every reproducer, and whether they make sense.
 *
 * Owns the declarations alone; what makes the evidence (witness.ts) is loaded only when one of them is given.
 */
import type { Path } from "../ops/file.ts";
import { type ArgumentSpec, type ArgumentSpecs, flagName, UsageError } from "./args.ts";

/** The flags of every reproducer that ask for evidence. */
export const EVIDENCE_OPTIONS = {
  report: {
    kind: "path",
    optional: true,
    newFile: true,
    description: "write the report as a page (FILE.html) or for a mail (FILE.txt, FILE.md)",
  },
  trace: {
    kind: "path",
    optional: true,
    newFile: true,
    description: "write every call as a trace for ui.perfetto.dev",
  },
  emitC: { kind: "path", optional: true, newFile: true, description: "write a C program that shows the same finding" },
  emitKselftest: {
    kind: "path",
    optional: true,
    newFile: true,
    description: "the same as a kernel selftest (KTAP, skip 4)",
  },
  explain: { kind: "flag", description: "add what the kernel's own tracepoints show about the finding (root)" },
  shrink: { kind: "flag", description: "search for the smallest run that is still corrupt, and report that one" },
  shrinkSeconds: {
    kind: "duration",
    optional: true,
    onlyWith: { shrink: true },
    description: "time for the search (60s, or ten times the first run)",
  },
} as const satisfies ArgumentSpecs;

export interface EvidenceArguments {
  readonly report?: Path | undefined;
  readonly trace?: Path | undefined;
  readonly emitC?: Path | undefined;
  readonly emitKselftest?: Path | undefined;
  readonly explain: boolean;
}

/** The names of those arguments given that name a new file, which the run makes. */
export function newFiles(specs: ArgumentSpecs, args: Readonly<Record<string, unknown>>): string[] {
  const isNewFile = ([, spec]: [string, ArgumentSpec]) => spec.kind === "path" && spec.newFile === true;
  const names = Object.entries(specs)
    .filter(isNewFile)
    .map(([name]) => name);
  return names.filter((name) => args[name] !== undefined);
}

const REPORT_ENDINGS = /\.(html|txt|md)$/;

/**
 * Flag and path of each new file that the arguments name. Throws a UsageError for what is wrong wherever the run is: the
 * ending of a reproducer's report, a file named twice, standard output.
 */
export function namedFiles(
  specs: ArgumentSpecs,
  args: Readonly<Record<string, unknown>>,
): (readonly [string, string])[] {
  const named = newFiles(specs, args).map((name) => [flagName(name), textOf(args[name] as Path)] as const);
  const byPath = new Map<string, string>();
  for (const [flag, path] of named) {
    if (flag === "--report" && specs.report === EVIDENCE_OPTIONS.report && !REPORT_ENDINGS.test(path)) {
      throw new UsageError(
        `--report ${path}: the ending chooses the form; write a page to FILE.html or a mail to FILE.txt`,
      );
    }
    // Elsewhere it is standard input or output: a file of that name is surely not what is meant.
    if (path === "-") throw new UsageError(`${flag} names a new file, not -; write ./- for a file of that name`);
    const other = byPath.get(path);
    if (other !== undefined) throw new UsageError(`${other} and ${flag} name the same file, ${path}; name two`);
    byPath.set(path, flag);
  }
  return named;
}

const textOf = (path: Path) => (typeof path === "string" ? path : Buffer.from(path).toString("utf8"));

/** The new files that the arguments name, made; undefined where they name none. Throws UsageError. */
export async function documentsOf(specs: ArgumentSpecs, args: Readonly<Record<string, unknown>>) {
  if (newFiles(specs, args).length === 0) return undefined;
  const { Documents } = await import("./documents.ts");
  return new Documents(specs, args);
}

/** True when something must be watched or written. */
export function asksForEvidence({ report, trace, emitC, emitKselftest, explain }: EvidenceArguments): boolean {
  return explain || [report, trace, emitC, emitKselftest].some((path) => path !== undefined);
}
