/**
 * What a run counts as it goes: calls, bytes, files, findings, evidence. The report is made of it.
 *
 * Owns the sums and the list of calls of scenarios of a few steps; a long run keeps a `Journal` and gives totals of its
 * own. What was counted before a signal or a refused call ended the run is reported too.
 */
import type { CallReference, Finding, Judgement } from "../judge/finding.ts";
import { Inconclusive } from "../ops/errors.ts";
import type { ReportSection, Totals, Trigger } from "../report/document.ts";

/** Calls that are remembered one by one; of more, the older half is only counted. */
const LISTED_MAX = 20_000;

/** Where a judgement is from, and what else its findings should name. */
export interface JudgedOptions {
  /** The file that was judged: it is kept as evidence when it is corrupt. */
  readonly file?: { readonly path: string; keep(): string };
  /** The calls that lie behind the findings, unless the judge has named them. */
  readonly calls?: readonly CallReference[];
  /** Why it happened: every finding's `cause`. */
  readonly cause?: string;
  /** What was judged is a control ("a peek on TCP"): where it is damaged, the run shows nothing. */
  readonly control?: string | undefined;
}

/** What a run counts, `run.tally`: totals, trigger, findings, artifacts and sections of its report. */
export class Tally {
  readonly #calls: CallReference[] = [];
  readonly #findings: Finding[] = [];
  readonly #sections = new Map<string, string[]>();
  readonly #kept: string[] = [];
  readonly #vanishing: string[] = [];
  readonly #beganNs = Bun.nanoseconds();
  #judgements = 0;
  #count = 0;
  #bytesWritten = 0;
  #bytesVerified = 0;
  #unlistedCalls = 0;
  #files = 0;
  #attempts = 0;
  #reached = 0;

  /** CLOCK_MONOTONIC at the beginning: the zero of every time that a report gives of its calls. */
  get startedNs(): number {
    const { monotonicNs } = require("../ops/clock.ts") as typeof import("../ops/clock.ts");
    return monotonicNs() - (Bun.nanoseconds() - this.#beganNs);
  }

  /** A call that just returned, as strace names it: what was asked, and the count or -errno that came back. */
  called(what: string, requestedBytes: number, result: number): CallReference {
    const atNs = Bun.nanoseconds() - this.#beganNs;
    const call = { what, index: this.#count, atNs, requestedBytes, result };
    this.#count += 1;
    if (this.#calls.length === LISTED_MAX) this.#calls.splice(0, LISTED_MAX / 2);
    this.#calls.push(call);
    return call;
  }

  /** As `called`, for a call that writes: a positive result counts as bytes written. */
  wrote(what: string, requestedBytes: number, result: number): CallReference {
    this.#bytesWritten += Math.max(0, result);
    return this.called(what, requestedBytes, result);
  }

  /** Calls too many to list, in a thread or a loop: how many there were, and the bytes that they wrote together. */
  wroteMany(calls: number, bytes: number): void {
    this.#unlistedCalls += calls;
    this.#bytesWritten += bytes;
  }

  /** False as long as nothing was counted: that run must give totals of its own. */
  get isUsed(): boolean {
    return this.#judgements + this.#count + this.#unlistedCalls + this.#attempts > 0;
  }

  /** How many calls were recorded; the index of the next one. */
  get callCount(): number {
    return this.#count;
  }

  /** The calls from an earlier `callCount` on, for findings to name; the last 10,000 at least are still there. */
  callsSince(callCount: number): CallReference[] {
    return this.#calls.filter(({ index }) => index >= callCount);
  }

  /** One attempt to enter the racy path, and whether it was seen to be entered (the reproducer's `racyPath`). */
  tried(reached = true): void {
    this.#attempts += 1;
    if (reached) this.#reached += 1;
  }

  /**
   * Adds a judgement to the report; a corrupt file is kept. True when there were findings. Throws Inconclusive when a
   * control is damaged: what else was found is then not reported.
   */
  judged(
    { findings, verifiedBytes }: Pick<Judgement, "findings" | "verifiedBytes">,
    { file, calls, cause, control }: JudgedOptions = {},
  ): boolean {
    this.#judgements += 1;
    this.#bytesVerified += verifiedBytes;
    const [first] = findings;
    if (control !== undefined && first !== undefined) {
      throw new Inconclusive(
        `the control, ${control}, is damaged: ${first.kind}, ${first.lengthBytes} bytes at ${first.offsetBytes}`,
      );
    }
    const kept = findings.length > 0 ? file?.keep() : undefined;
    for (const found of findings) {
      // Evidence may be elsewhere from now on.
      const finding = kept !== undefined && found.file === file?.path ? { ...found, file: kept } : found;
      const named = finding.calls ?? calls;
      this.#findings.push({
        ...finding,
        ...(named !== undefined && { calls: named }),
        ...(cause !== undefined && { cause }),
      });
    }
    return findings.length > 0;
  }

  /** A line of the report's section `title`; sections are in the order of their first lines. */
  line(title: string, text: string): void {
    const lines = this.#sections.get(title);
    if (lines === undefined) this.#sections.set(title, [text]);
    else lines.push(text);
  }

  /** A file was made; `scratchFile` reports its own. */
  madeFile(): void {
    this.#files += 1;
  }

  /** A file is evidence; `ScratchFile.keep` reports its own. */
  keptFile(path: string): void {
    if (!this.#kept.includes(path)) this.#kept.push(path);
  }

  /** A file system of the run's own, gone at its end, or a place that is not for evidence: what is kept there is copied. */
  vanishing(directory: string): void {
    this.#vanishing.push(directory);
  }

  /** Whether a file is in one of them. */
  vanishes(path: string): boolean {
    return this.#vanishing.some((directory) => path.startsWith(`${directory}/`));
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  get totals(): Totals {
    const [bytesWritten, bytesVerified] = [this.#bytesWritten, this.#bytesVerified];
    return { bytesWritten, bytesVerified, files: this.#files, calls: this.#count + this.#unlistedCalls };
  }

  get sections(): ReportSection[] {
    return [...this.#sections].map(([title, lines]) => ({ title, lines }));
  }

  /** Undefined when nothing was tried. */
  triggerSeen(how: string): Trigger | undefined {
    return this.#attempts === 0 ? undefined : { reached: this.#reached, attempts: this.#attempts, how };
  }

  /** The evidence: files that stay where they are, and files that are gone with their file system. */
  get kept(): { readonly staying: readonly string[]; readonly vanishing: readonly string[] } {
    return {
      staying: this.#kept.filter((path) => !this.vanishes(path)),
      vanishing: this.#kept.filter((path) => this.vanishes(path)),
    };
  }
}
