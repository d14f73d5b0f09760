/**
 * File after file through one door, each read back and judged, until the time is up or one is corrupt.
 *
 * Owns the life of the files: created with O_EXCL, removed when clean, kept when corrupt. What the kernel refuses
 * (a full disk, a limit, a directory that went away) ends the series with the reason; what was verified still counts.
 */

import os from "node:os";
import { dirname } from "node:path";
import type { CallReference, Finding, Judgement, Segment } from "../../judge/finding.ts";
import { createFile, type OwnFile } from "../../machine/own-file.ts";
import { monotonicNs } from "../../ops/clock.ts";
import { isSyscallError, type SyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import type { Path } from "../../ops/file.ts";
import { KiB, type Memory } from "../../ops/memory.ts";
import { namelessFile } from "../../ops/mount.ts";
import { Interrupted } from "../../ops/signals.ts";
import { dropCache, sync } from "../../ops/space.ts";
import { sizeOf } from "../../ops/stat.ts";
import { Counter, GENERATION_MAX } from "../../pattern/counter.ts";
import type { BrokenLedger, Totals, Trigger } from "../../report/document.ts";
import { O_RDWR } from "../../sys/uapi/fcntl.ts";
import type { Outcome } from "../context.ts";
import { Journal } from "../journal.ts";
import type { Pressure } from "../pressure/index.ts";
import { TriggerWatch } from "../trigger.ts";
import { type Around, Door, type DoorName, type Ways } from "./doors.ts";
import { type InjectionKind, planInjection } from "./inject.ts";
import { JudgeInWorker, judgeNow } from "./judging.ts";
import { chunksOfFile, type Plan } from "./plan.ts";
import { FileWriter } from "./writer.ts";
import { brokenLedger, callsOf, findingsOf, type WrittenFile } from "./written-file.ts";

/** A rehearsed append: enough for the whole way through the kernel. */
const REHEARSAL_BYTES = 64 * KiB;
/** The part of the time in which files are written; the rest is for judging the last ones. */
const WRITING_SHARE = 0.96;

export interface SeriesOptions {
  readonly prefix: Path;
  readonly door: DoorName;
  /** The calls, as the script makes them. */
  readonly ways: Ways;
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

/** What a series adds to the totals of every run. */
export interface SeriesTotals extends Totals {
  readonly workSeconds: number;
}

/** The outcome of one door. */
export interface SeriesOutcome extends Outcome {
  readonly door: DoorName;
  readonly totals: SeriesTotals;
  readonly trigger: Trigger;
  /** Files that stay. */
  readonly kept: readonly WrittenFile[];
  /** Sentences about files that are not as long as their calls reported. */
  readonly ledger: readonly BrokenLedger[];
  readonly firstFindingSeconds?: number | undefined;
  /** Why the series ended early. */
  readonly refused?: SyscallError | undefined;
}

type Mutable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** PREFIX.N as a path; the prefix's bytes stay as they are. */
function numberedPath(prefix: Path, index: number): Path {
  if (typeof prefix === "string") return `${prefix}.${index}`;
  return new Uint8Array(Buffer.concat([prefix, Buffer.from(`.${index}`)]));
}

export async function runSeries(options: SeriesOptions, host: SeriesHost): Promise<SeriesOutcome> {
  using series = new AppendSeries(options, host);
  return await series.run();
}

class AppendSeries implements Disposable {
  readonly #options: SeriesOptions;
  readonly #host: SeriesHost;
  readonly #door: Door;
  readonly #journal = new Journal();
  readonly #trigger: TriggerWatch;
  readonly #startedNs = monotonicNs();
  readonly #worker: JudgeInWorker | undefined;
  /** Written and not judged yet. */
  #pending:
    | { readonly file: WrittenFile; readonly own: OwnFile; readonly judgement: Promise<Judgement> | undefined }
    | undefined;
  #refused: SyscallError | undefined;
  readonly #totals: Mutable<SeriesTotals> = { bytesWritten: 0, bytesVerified: 0, files: 0, calls: 0, workSeconds: 0 };
  readonly #found = {
    ...{ findings: [] as Finding[], findingsLeftOut: 0, segments: [] as readonly Segment[] },
    ...{ kept: [] as WrittenFile[], timeline: [] as readonly CallReference[], ledger: [] as BrokenLedger[] },
    firstFindingSeconds: undefined as number | undefined,
  };

  constructor(options: SeriesOptions, host: SeriesHost) {
    this.#options = options;
    this.#host = host;
    this.#door = new Door(options.door, options, options.ways);
    this.#rehearse();
    this.#trigger = TriggerWatch.start({ door: options.door });
    // With a processor to spare the judge works next to the writer, unless it would share a memory limit with it.
    if (!options.pressure.limitsMemory && os.availableParallelism() > 1) {
      const judge = new JudgeInWorker();
      this.#worker = options.numbering.step === 1 ? judge.apart() : judge;
    }
  }

  /** The whole way of an append, on a file without a name that is gone again; nothing of it counts. */
  #rehearse(): void {
    const { prefix, buffer, pressure } = this.#options;
    if (typeof prefix !== "string") return;
    const lengthBytes = Math.min(REHEARSAL_BYTES, buffer.lengthBytes);
    const part = { bufferOffsetBytes: 0, lengthBytes };
    const { sleeps } = this.#door;
    const append = (file: Fd) => {
      const around: Around = (call) => pressure.attempt(file, lengthBytes, call, { sleeps });
      this.#door.append({ file, buffer, part, around }, sizeOf(file));
    };
    try {
      pressure.rehearse(() => namelessFile(dirname(prefix)), append, lengthBytes);
    } catch (error) {
      // A file system without nameless files: the first append is the rehearsal.
      if (!isSyscallError(error)) throw error;
    }
  }

  async run(): Promise<SeriesOutcome> {
    const { door, filesMax = Infinity, numbering, seconds } = this.#options;
    for (let count = 0; count < filesMax && this.#seconds() < seconds * WRITING_SHARE && !this.#over; count++) {
      await this.#guarded(() => this.#next(numbering.first + count * numbering.step, count));
      this.#showProgress();
      await this.#host.breathe();
    }
    await this.#guarded(() => this.#settle());
    this.#totals.workSeconds = this.#seconds();
    const trigger = { reached: this.#trigger.reached, attempts: this.#totals.calls, how: this.#trigger.how };
    return { door, totals: this.#totals, trigger, refused: this.#refused, ...this.#found };
  }

  /** One file: written while the one before is judged, or judged at once where there is no second processor. */
  async #next(index: number, count: number): Promise<void> {
    const { file, own, refused } = this.#writeFile(index, count);
    await this.#settle();
    this.#pending = { file, own, judgement: this.#worker?.judge(file) };
    if (this.#worker === undefined) await this.#settle();
    this.#refused ??= refused;
  }

  get #over(): boolean {
    return this.#host.stopped || this.#refused !== undefined || this.#found.findings.length > 0;
  }

  /** What the world does to a run (a full disk, a directory that went away, a signal) ends it; what was judged counts. */
  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (error instanceof Interrupted) return;
      if (!isSyscallError(error)) throw error;
      this.#refused ??= error;
    }
  }

  #seconds(): number {
    return (monotonicNs() - this.#startedNs) / 1e9;
  }

  #showProgress(): void {
    const { seconds } = this.#options;
    const { files, bytesWritten } = this.#totals;
    const label = `${this.#options.door}  ${files} files`;
    this.#host.progress({ done: Math.min(seconds, this.#seconds()), total: seconds, bytes: bytesWritten, label });
  }

  /** Creates, writes and closes one file; it is removed when that cannot be done. */
  #writeFile(index: number, count: number) {
    const { prefix, pressure } = this.#options;
    const { fd: created, file: own } = createFile(numberedPath(prefix, index), O_RDWR | this.#door.openFlags);
    const pattern = new Counter({ generation: index % (GENERATION_MAX + 1) });
    using fd = created;
    try {
      const writer = this.#write(fd, pattern, index, count);
      if (this.#options.fsync) {
        sync(fd);
        dropCache(fd);
      }
      pressure.fileDone(fd);
      const file = writer.written(own.path);
      this.#totals.calls += file.calls;
      this.#totals.bytesWritten += file.reportedBytes;
      return { file, own, refused: writer.refused };
    } catch (error) {
      own.remove();
      throw error;
    }
  }

  /** Takes the verdict of the file that waits for one; the file goes unless it is evidence. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { file, own } = pending;
    let remove = true;
    try {
      const judgement = await (pending.judgement ?? judgeNow(file));
      remove = !this.#take(file, judgement) && !this.#options.keep;
      if (!remove) this.#found.kept.push(file);
      this.#totals.files += 1;
    } finally {
      this.#pending = undefined;
      if (remove) own.remove();
      else own.keep();
    }
  }

  /** Adds a judgement to the outcome; true when the file is corrupt. */
  #take(file: WrittenFile, judgement: Judgement): boolean {
    const found = this.#found;
    this.#totals.bytesVerified += judgement.verifiedBytes;
    const broken = brokenLedger(file, this.#journal);
    if (broken !== undefined) found.ledger.push(broken);
    if (judgement.findings.length === 0) return false;
    found.firstFindingSeconds ??= this.#host.elapsedSeconds;
    found.findingsLeftOut += judgement.findingsLeftOut;
    if (found.segments.length === 0) found.segments = judgement.segments;
    if (found.timeline.length === 0) found.timeline = callsOf(file, this.#journal);
    found.findings.push(...findingsOf(file, judgement, this.#journal));
    return true;
  }

  #write(fd: Fd, pattern: Counter, index: number, count: number): FileWriter {
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
    writer.write(chunks, injection, previous, untilNs);
    return writer;
  }

  [Symbol.dispose](): void {
    this.#pending?.own.remove();
    this.#worker?.[Symbol.dispose]();
    this.#trigger[Symbol.dispose]();
    this.#door[Symbol.dispose]();
  }
}
