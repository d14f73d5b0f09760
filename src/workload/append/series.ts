/**
 * File after file through one door, each read back and judged, until the time is up or one is corrupt.
 *
 * Owns the life of the files: created with O_EXCL, removed when clean, kept when corrupt. What the kernel refuses
 * (a full disk, a limit, a directory that went away) ends the series with the reason; what was verified still counts.
 */

import os from "node:os";
import type { CallReference, Finding, Judgement, Segment } from "../../judge/finding.ts";
import { createFile } from "../../machine/own-file.ts";
import { monotonicNs } from "../../ops/clock.ts";
import { isSyscallError, type SyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { type Path, pathText } from "../../ops/file.ts";
import type { Memory } from "../../ops/memory.ts";
import { Interrupted } from "../../ops/signals.ts";
import { dropCache, sync } from "../../ops/space.ts";
import { sizeOf } from "../../ops/stat.ts";
import { Counter, GENERATION_MAX } from "../../pattern/counter.ts";
import { O_RDWR } from "../../sys/uapi/fcntl.ts";
import { Journal } from "../journal.ts";
import type { Pressure } from "../pressure/index.ts";
import { TriggerWatch } from "../trigger.ts";
import { Door, type DoorName } from "./doors.ts";
import { type InjectionKind, planInjection } from "./inject.ts";
import { JudgeBeside, judgeNow } from "./judging.ts";
import { chunksOfFile, type Plan } from "./plan.ts";
import { FileWriter, type Written } from "./writer.ts";
import { breachLines, callsOf, findingsOf, orderOf, type WrittenFile } from "./written-file.ts";

/** The part of the time in which files are written; the rest is for judging the last ones. */
const WRITING_SHARE = 0.96;

export interface SeriesOptions {
  readonly prefix: Path;
  readonly door: DoorName;
  readonly plan: Plan;
  readonly seconds: number;
  /** Files are PREFIX.N for N = first, first + step, …: parallel jobs share one numbering. */
  readonly numbering: { readonly first: number; readonly step: number };
  readonly filesMax: number | undefined;
  readonly appendsMax: number | undefined;
  readonly queueDepth: number;
  readonly async: boolean;
  readonly fsync: boolean;
  readonly keep: boolean;
  readonly inject: InjectionKind | undefined;
  /** Holds the longest chunk; allocated and touched before any memory limit is set. */
  readonly buffer: Memory;
  readonly pressure: Pressure;
}

/** What the script lends a series: the clock, the live line, the signals. */
export interface SeriesHost {
  readonly stopped: boolean;
  readonly elapsedSeconds: number;
  breathe(): Promise<void>;
  progress(state: { done: number; total: number; bytes: number; label: string }): void;
  narrate(line: string): void;
}

/** A file that stays, and what verify.ts needs to judge it again. */
export interface KeptFile {
  readonly path: string;
  readonly generation: number;
  readonly expectBytes: number;
}

export interface SeriesResult {
  readonly door: DoorName;
  readonly files: number;
  readonly calls: number;
  readonly bytesWritten: number;
  readonly bytesVerified: number;
  readonly findings: readonly Finding[];
  readonly findingsLeftOut: number;
  readonly segments: readonly Segment[];
  readonly kept: readonly KeptFile[];
  /** The calls of the first corrupt file. */
  readonly timeline: readonly CallReference[];
  readonly trigger: { readonly reached: number | null; readonly attempts: number; readonly how: string };
  readonly ledger: readonly string[];
  readonly firstFindingSeconds: number | undefined;
  readonly workSeconds: number;
  /** Why the series ended early. */
  readonly refused: SyscallError | undefined;
}

/** PREFIX.N as a path; the prefix's bytes stay as they are. */
export function numberedPath(prefix: Path, index: number): Path {
  if (typeof prefix === "string") return `${prefix}.${index}`;
  return new Uint8Array(Buffer.concat([prefix, Buffer.from(`.${index}`)]));
}

export async function runSeries(options: SeriesOptions, host: SeriesHost): Promise<SeriesResult> {
  using series = new Series(options, host);
  return await series.run();
}

class Series implements Disposable {
  readonly #options: SeriesOptions;
  readonly #host: SeriesHost;
  readonly #door: Door;
  readonly #journal = new Journal();
  readonly #trigger: TriggerWatch;
  readonly #startedNs = monotonicNs();
  readonly #beside: JudgeBeside | undefined;
  #pending: { readonly file: WrittenFile; readonly answer: Promise<Judgement> | undefined } | undefined;
  #result: { -readonly [Name in keyof SeriesResult]: SeriesResult[Name] };

  constructor(options: SeriesOptions, host: SeriesHost) {
    this.#options = options;
    this.#host = host;
    this.#door = new Door(options.door, options);
    this.#trigger = TriggerWatch.start({ door: options.door });
    // With a processor to spare the judge works beside the writer, unless it would share a memory limit with it.
    if (!options.pressure.limitsMemory && os.availableParallelism() > 1) this.#beside = new JudgeBeside();
    this.#result = {
      door: options.door,
      files: 0,
      calls: 0,
      bytesWritten: 0,
      bytesVerified: 0,
      findings: [],
      findingsLeftOut: 0,
      segments: [],
      kept: [],
      timeline: [],
      trigger: { reached: null, attempts: 0, how: "" },
      ledger: [],
      firstFindingSeconds: undefined,
      workSeconds: 0,
      refused: undefined,
    };
  }

  async run(): Promise<SeriesResult> {
    const { filesMax = Infinity, numbering, seconds } = this.#options;
    for (let count = 0; count < filesMax && this.#seconds() < seconds * WRITING_SHARE && !this.#over; count++) {
      await this.#guarded(async () => {
        const file = this.#writeFile(numbering.first + count * numbering.step, count);
        await this.#settle();
        this.#pending = { file, answer: this.#beside?.judge(orderOf(file)) };
        // Without a judge beside, the verdict comes before the next file.
        if (this.#beside === undefined) await this.#settle();
        this.#result.refused ??= file.written.refused;
      });
      this.#showProgress();
      await this.#host.breathe();
    }
    await this.#guarded(() => this.#settle());
    this.#result.workSeconds = this.#seconds();
    const { reached, how } = this.#trigger;
    this.#result.trigger = { reached, attempts: this.#result.calls, how };
    return this.#result;
  }

  get #over(): boolean {
    return this.#host.stopped || this.#result.refused !== undefined || this.#result.findings.length > 0;
  }

  /** What the world does to a run (a full disk, a directory that went away, a signal) ends it; what was judged counts. */
  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (error instanceof Interrupted) return;
      if (!isSyscallError(error)) throw error;
      this.#result.refused ??= error;
    }
  }

  #seconds(): number {
    return (monotonicNs() - this.#startedNs) / 1e9;
  }

  #showProgress(): void {
    const { seconds } = this.#options;
    const { files, bytesWritten } = this.#result;
    const label = `${this.#options.door}  ${files} files`;
    this.#host.progress({ done: Math.min(seconds, this.#seconds()), total: seconds, bytes: bytesWritten, label });
  }

  /** Creates, writes and closes one file; it is removed when that cannot be done. */
  #writeFile(index: number, count: number): WrittenFile {
    const { prefix, pressure } = this.#options;
    const { fd: created, file } = createFile(numberedPath(prefix, index), O_RDWR | this.#door.openFlags);
    const { path } = file;
    const pattern = new Counter({ generation: index % (GENERATION_MAX + 1) });
    using fd = created;
    try {
      const written = this.#write(fd, pattern, index, count);
      this.#result.calls += written.calls;
      this.#result.bytesWritten += written.reportedBytes;
      if (this.#options.fsync) {
        sync(fd);
        dropCache(fd);
      }
      pressure.fileDone(fd);
      return { path, own: file, generation: pattern.generation, written, sizeBytes: sizeOf(fd) };
    } catch (error) {
      file.remove();
      throw error;
    }
  }

  /** Takes the verdict of the file that waits for one; the file goes unless it is evidence. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { path, own, generation, written } = pending.file;
    let remove = true;
    try {
      const judgement = await (pending.answer ?? judgeNow(orderOf(pending.file)));
      remove = !this.#take(pending.file, judgement) && !this.#options.keep;
      const kept = { path: pathText(path), generation, expectBytes: written.reportedBytes };
      if (!remove) this.#result.kept = [...this.#result.kept, kept];
      this.#result.files += 1;
    } finally {
      this.#pending = undefined;
      if (remove) own.remove();
      else own.keep();
    }
  }

  /** Adds a judgement to the result; true when the file is corrupt. */
  #take(file: WrittenFile, judgement: Judgement): boolean {
    this.#result.bytesVerified += judgement.verifiedBytes;
    this.#result.ledger = [...this.#result.ledger, ...breachLines(file, this.#journal)];
    if (judgement.findings.length === 0) return false;
    this.#result.firstFindingSeconds ??= this.#host.elapsedSeconds;
    this.#result.findingsLeftOut += judgement.findingsLeftOut;
    if (this.#result.segments.length === 0) this.#result.segments = judgement.segments;
    if (this.#result.timeline.length === 0) this.#result.timeline = callsOf(file, this.#journal);
    this.#result.findings = [...this.#result.findings, ...findingsOf(file, judgement, this.#journal)];
    return true;
  }

  #write(fd: Fd, pattern: Counter, index: number, count: number): Written {
    const { plan, inject, buffer, pressure } = this.#options;
    const chunkBytes = pressure.chunkBytes ?? plan.chunkBytes;
    const planned = chunksOfFile({ ...plan, chunkBytes, fileBytes: pressure.fileBytes ?? plan.fileBytes }, index);
    const chunks = planned.slice(0, this.#options.appendsMax);
    pressure.fileOpened(
      fd,
      chunks.reduce((sum, length) => sum + length, 0),
    );
    // Stale bytes need a file before; every other kind is in the run's first file.
    const here = inject !== undefined && count === (inject === "stale" ? 1 : 0);
    const injection = here ? planInjection(inject, plan.seed, index, chunks) : undefined;
    const previous = new Counter({ generation: Math.max(0, index - this.#options.numbering.step) });
    const parts = { door: this.#door, buffer, journal: this.#journal, pressure, trigger: this.#trigger };
    const writer = new FileWriter({ ...parts, seed: plan.seed, startedNs: this.#startedNs }, fd, pattern);
    // What is written must be judged within the time, too.
    const untilNs = this.#startedNs + this.#options.seconds * WRITING_SHARE * 1e9;
    return writer.write(chunks, injection, previous, untilNs);
  }

  [Symbol.dispose](): void {
    this.#pending?.file.own.remove();
    this.#beside?.[Symbol.dispose]();
    this.#trigger[Symbol.dispose]();
    this.#door[Symbol.dispose]();
  }
}
