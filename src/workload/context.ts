/**
 * What a workload gets from whoever runs it, and what it gives back. Types only.
 */
import type { ProgramTemplate } from "../evidence/c/template.ts";
import type { RoleCalls } from "../evidence/role-tracks.ts";
import type { CallReference, Finding, FindingGroup, Segment } from "../judge/finding.ts";
import type { BrokenLedger, Environment, ReportSection, Totals, Trigger, Verdict } from "../report/document.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

/** What a run found; the front desk makes the report of it. */
export interface Outcome {
  readonly findings: readonly Finding[];
  readonly findingsLeftOut?: number;
  /** Findings that repeat; made from `findings` unless a workload knows better. */
  readonly groups?: readonly FindingGroup[];
  readonly segments?: readonly Segment[];
  readonly trigger?: Trigger;
  readonly totals: Partial<Totals> & { readonly bytesVerified: number };
  readonly artifacts?: readonly string[];
  readonly filesystem?: string;
  readonly mountOptions?: string;
  readonly environment?: Partial<Environment>;
  /** Options as resolved, where they differ from the arguments. */
  readonly workload?: Readonly<Record<string, unknown>>;
  /** The calls around the findings, in order. */
  readonly timeline?: readonly CallReference[];
  /** Files that did not grow by what the calls returned. */
  readonly ledger?: readonly BrokenLedger[];
  readonly sections?: readonly ReportSection[];
  /** Texts for the files that options declare as `newFile`, by the option's name. */
  readonly documents?: Readonly<Record<string, string>>;
  /** Journals of other processes, for the trace. */
  readonly roles?: readonly RoleCalls[];
  /** The C program that shows the same; made from the recorded calls unless a workload knows better. */
  readonly program?: ProgramTemplate;
  /** Needed for "skipped"; otherwise the findings and the bytes verified decide. */
  readonly verdict?: Verdict;
  readonly reason?: string;
}

export interface ProgressState {
  /** Done and total in any one unit (seconds, bytes, files); together they give percent and time left. */
  readonly done: number;
  readonly total?: number;
  /** Bytes moved so far; gives the rate. */
  readonly bytes?: number;
  /** What else matters: "12 files". */
  readonly label?: string;
}

/** What a run offers to the workload inside it. */
export interface RunContext {
  readonly seed: number;
  readonly elapsedSeconds: number;
  /** True once SIGINT or SIGTERM arrived: finish early and return what is known. */
  readonly stopped: boolean;
  /** What this run counts: calls, bytes, files, findings, evidence. */
  readonly tally: Tally;
  random(label: string): Random;
  progress(state: ProgressState): void;
  narrate(line: string): void;
  /** Narration that only --verbose shows. */
  detail(line: string): void;
  /** Clean-up at the end of the run, last one first; also after errors and signals. */
  defer(undo: () => unknown): void;
  /** Lets timers and child processes have their turn; call it once per unit of work. */
  breathe(): Promise<void>;
}
