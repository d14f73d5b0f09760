/**
 * What a reproducer is, apart from a run of it: for the survey and for tables, which must not run it to know it.
 *
 * Owns the two environment variables by which another command asks. Refuses to look at the machine: needs are probed by
 * a run alone.
 */
import type { Known } from "../report/document.ts";
import type { AnyArgs, AnyReproducer } from "./contract.ts";

/**
 * Set to anything, a script whose arguments are good prints its description as one JSON object and ends 0. Set to
 * "elsewhere", they are for another machine: what they name is not looked for on this one.
 */
export const DESCRIBE_VARIABLE = "BYTEWITNESS_DESCRIBE";

/** True when the arguments are checked for a run on another machine. */
export const isForElsewhere = () => process.env[DESCRIBE_VARIABLE] === "elsewhere";

/** Set to "no", a script that would change something for the whole system is skipped instead. */
export const SYSTEM_WIDE_VARIABLE = "BYTEWITNESS_SYSTEM_WIDE";

/** The process that started this one for itself: this one ends with it. */
export const PARENT_VARIABLE = "BYTEWITNESS_PARENT";

/** SIGTERM, so that it cleans up, when the process named by the environment dies. What this one starts is not tied to it. */
export function dieWithNamedParent(): void {
  const parent = process.env[PARENT_VARIABLE];
  delete process.env[PARENT_VARIABLE];
  if (parent === undefined) return;
  const { dieWithParent } = require("../ops/parent.ts") as typeof import("../ops/parent.ts");
  const { SIGTERM } = require("../sys/uapi/mount.ts") as typeof import("../sys/uapi/mount.ts");
  dieWithParent(Number(parent), SIGTERM);
}

/** Names a file, to which a command of ours writes its exit code at its end: so the lab knows that a report was given. */
export const VERDICT_VARIABLE = "BYTEWITNESS_VERDICT";

// Taken out of the environment: what this process starts announces nothing.
const verdictFile = process.env[VERDICT_VARIABLE];
delete process.env[VERDICT_VARIABLE];

/** The exit code, announced where somebody asked for it. */
export function announced(code: number): number {
  if (verdictFile !== undefined) {
    try {
      require("node:fs").writeFileSync(verdictFile, String(code));
    } catch {
      // The exit code alone then counts for nothing, which is what its reader expects of a lost word.
    }
  }
  return code;
}

export interface Description {
  readonly name: string;
  readonly summary: string;
  readonly needs: readonly string[];
  /** Files that the arguments ask for: flag and path. */
  readonly newFiles: readonly (readonly [flag: string, path: string])[];
  /** With the arguments given. */
  readonly systemWide?: string;
  readonly known?: Known;
}

export function systemWideChange({ systemWide }: AnyReproducer, args: AnyArgs): string | undefined {
  return typeof systemWide === "function" ? systemWide(args) : systemWide;
}

export function knownOf({ known }: AnyReproducer, args: AnyArgs): Known | undefined {
  return typeof known === "function" ? known(args) : known;
}

export function describeTool(tool: AnyReproducer, args: AnyArgs, newFiles: Description["newFiles"]): Description {
  const systemWide = systemWideChange(tool, args);
  const known = knownOf(tool, args);
  return {
    name: tool.name,
    summary: tool.summary,
    needs: (tool.requires ?? []).map((need) => need.name),
    newFiles,
    ...(systemWide === undefined ? {} : { systemWide }),
    ...(known === undefined ? {} : { known }),
  };
}
