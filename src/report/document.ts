/**
 * The report as a value: the JSON contract, schema 2, and the rules that turn findings into a verdict.
 *
 * Pure. Every renderer (text, JSON, KTAP) takes a `RunReport` and returns a string.
 */
import type { CallReference, Finding, FindingGroup, Segment } from "../judge/finding.ts";

export const SCHEMA = 2;

export const VERDICTS = ["clean", "corrupt", "skipped", "inconclusive"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Exit codes of the contract; `git bisect run` reads 0, 1 and 125, and stops at 128 and above. */
export const EXIT = {
  clean: 0,
  corrupt: 1,
  inconclusive: 125,
  badArguments: 254,
  ownFailure: 255,
  interrupted: 130,
  terminated: 143,
} as const;

/** How often the racy path was entered, and how that is known. */
export interface Trigger {
  /** How often the racy path was seen to be entered; null when this run could not see it. */
  readonly reached: number | null;
  readonly attempts: number;
  /** By what evidence: "EAGAIN and short results", "tracepoints", "unknown without root". */
  readonly how: string;
}

/** What a run wrote and verified. */
export interface Totals {
  readonly bytesWritten: number;
  readonly bytesVerified: number;
  readonly files: number;
  readonly calls: number;
  readonly [name: string]: number;
}

/** Where the run happened; unknown values are left out, never guessed. */
export interface Environment {
  readonly kernel: string;
  readonly arch: string;
  readonly bun: string;
  readonly liburing?: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly filesystem?: string;
  readonly mountOptions?: string;
  readonly cgroup?: string;
  readonly privileged: boolean;
  readonly [name: string]: string | number | boolean | undefined;
}

/** Where a bug is known to be, by changelogs. It never decides a verdict. */
export interface Known {
  /** The subject of the commit that mends it, as changelogs have it; empty while there is none. */
  readonly fix: string;
  /** The first fixed version of each series, oldest first: ["6.1.176", "6.12.94", "6.15"]. */
  readonly firstFixed: readonly string[];
  /** The first affected version, where it is known: "6.0". */
  readonly affectedSince?: string;
  /** The source for it: "changelog of linux 6.12.94-1", a commit, a mail. */
  readonly source: string;
  /** The page that documents what the case shows, where maintainers call it no bug: "sendfile(2)". */
  readonly documentedIn?: string;
  /** What avoids the damage without another kernel, as advice: "open the file once in each process". */
  readonly avoid?: string;
}

/** A finding with its sentence. */
export type ReportedFinding = Finding & { readonly detail: string };

/** Findings that repeat, with their sentence. */
export type ReportedGroup = FindingGroup & { readonly detail: string };

/** The report of one run, as --json prints it (schema 2). */
export interface RunReport {
  readonly schema: typeof SCHEMA;
  readonly tool: string;
  readonly version: string;
  readonly verdict: Verdict;
  readonly reason?: string;
  /** The signal that ended the run early: "SIGINT". */
  readonly interrupted?: string;
  readonly seed: number;
  readonly replay: string;
  readonly durationSeconds: number;
  readonly environment: Environment;
  readonly workload: Readonly<Record<string, unknown>>;
  readonly trigger: Trigger;
  readonly totals: Totals;
  readonly findings: readonly ReportedFinding[];
  readonly findingsLeftOut?: number;
  /** Findings that repeat, in one line each. */
  readonly groups?: readonly ReportedGroup[];
  readonly segments?: readonly Segment[];
  readonly artifacts: readonly string[];
  readonly known?: Known;
  /** The calls around the findings, in order; those named by a finding are among them. */
  readonly timeline?: readonly CallReference[];
  /** With --shrink: what the search for the smallest run came to, and how often that run hits. */
  readonly shrunk?: ShrunkRun;
  /** How the same run is made again, and a checksum of every other field: an edited file is noticed. */
  readonly repeat?: Repeat;
  /** Files that did not grow by what the calls returned. */
  readonly ledger?: readonly BrokenLedger[];
  /** Free-form sections a tool adds, such as the side-by-side table of `--door all`. */
  readonly sections?: readonly ReportSection[];
}

/** A file that is longer or shorter than the sum of its calls' results. */
export interface BrokenLedger {
  readonly file: string;
  /** The sum of the results. */
  readonly reportedBytes: number;
  readonly sizeBytes: number;
  /** The first call after which the two differ. */
  readonly call: CallReference;
}

/** The search that led to a run. */
export interface ShrunkRun {
  /** Smaller runs that were tried, and those that were still corrupt. */
  readonly tried: number;
  readonly kept: number;
  /** Of so many runs of the smallest command, so many were corrupt. */
  readonly hits: number;
  readonly runs: number;
  /** The command that the search began with. */
  readonly from: string;
}

/** What `--replay FILE.json` reads. */
export interface Repeat {
  /** The words of the command line, subcommands first, the seed last; null where one is not UTF-8. */
  readonly arguments: readonly (string | null)[];
  /** CRC-32 of each other field, and of the arguments. */
  readonly sums: Readonly<Record<string, string>>;
}

/** A titled block of preformatted lines in the text report. */
export interface ReportSection {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Worst first: one corrupt part makes the whole corrupt; one inconclusive part makes a clean whole inconclusive. */
const WORST_FIRST: readonly Verdict[] = ["corrupt", "inconclusive", "clean", "skipped"];

/** The verdict of several parts; skipped parts count only when nothing else ran. Empty is inconclusive. */
export function mergeVerdicts(parts: readonly Verdict[]): Verdict {
  return WORST_FIRST.find((verdict) => parts.includes(verdict)) ?? "inconclusive";
}

export function exitCodeOf(verdict: Verdict): number {
  if (verdict === "clean") return EXIT.clean;
  if (verdict === "corrupt") return EXIT.corrupt;
  return EXIT.inconclusive;
}
