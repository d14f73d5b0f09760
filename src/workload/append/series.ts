/**
 * File after file through one door, each read back and judged, until the time is up or one is corrupt.
 *
 * Owns the life of the files: created with O_EXCL, removed when clean, kept when corrupt. What the kernel refuses
 * (a full disk, a limit, a directory that went away) ends the series with the reason; what was verified still counts.
 */

import { monotonicNs } from "../../ops/clock.ts";
import { isSyscallError, type SyscallError } from "../../ops/errors.ts";
import { dropCache, sync, unlink } from "../../ops/extent.ts";
import { openFile, type Path, pathText } from "../../ops/file.ts";
import type { Memory } from "../../ops/memory.ts";
import { Interrupted } from "../../ops/signals.ts";
import { sizeOf } from "../../ops/stat.ts";
import { Counter, GENERATION_MAX } from "../../pattern/counter.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../sys/uapi/fcntl.ts";
import type { Finding, Segment } from "../../verify/finding.ts";
import { Judge } from "../../verify/judge.ts";
import { Journal, reference } from "../journal.ts";
import type { Pressure } from "../pressure/index.ts";
import { readBack, triage } from "../readback.ts";
import { TriggerWatch } from "../trigger.ts";
import { Door, type DoorName } from "./doors.ts";
import { type InjectionKind, planInjection } from "./inject.ts";
import { chunksOfFile, type Plan } from "./plan.ts";
import { FileWriter, type Written } from "./writer.ts";

export interface SeriesOptions {
  readonly prefix: Path;
  readonly door: DoorName;
  readonly plan: Plan;
  readonly seconds: number;
  /** Files are PREFIX.N for N = first, first + step, …: parallel jobs share one numbering. */
  readonly numbering: { readonly first: number; readonly step: number };
  readonly filesMax: number | undefined;
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
  #result: { -readonly [Name in keyof SeriesResult]: SeriesResult[Name] };

  constructor(options: SeriesOptions, host: SeriesHost) {
    this.#options = options;
    this.#host = host;
    this.#door = new Door(options.door, options);
    this.#trigger = TriggerWatch.start({ door: options.door });
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
      trigger: { reached: null, attempts: 0, how: "" },
      ledger: [],
      firstFindingSeconds: undefined,
      workSeconds: 0,
      refused: undefined,
    };
  }

  async run(): Promise<SeriesResult> {
    const { filesMax = Infinity, numbering, seconds } = this.#options;
    for (let count = 0; count < filesMax && this.#seconds() < seconds && !this.#host.stopped; count++) {
      try {
        this.#oneFile(numbering.first + count * numbering.step, count);
      } catch (error) {
        // A signal ends the series; what was verified before it still counts.
        if (error instanceof Interrupted) break;
        // The directory went away, the disk is full, a limit was hit: the world changed, nothing was judged wrong.
        if (!isSyscallError(error)) throw error;
        this.#result.refused = error;
      }
      this.#showProgress();
      if (this.#result.refused !== undefined || this.#result.findings.length > 0) break;
      await this.#host.breathe();
    }
    this.#result.workSeconds = this.#seconds();
    const { reached, how } = this.#trigger;
    this.#result.trigger = { reached, attempts: this.#result.calls, how };
    return this.#result;
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

  /** Creates, writes, reads back, judges and removes (or keeps) one file. */
  #oneFile(index: number, count: number): void {
    const { prefix, pressure, keep } = this.#options;
    const path = numberedPath(prefix, index);
    const pattern = new Counter({ generation: index % (GENERATION_MAX + 1) });
    let remove = true;
    const fd = openFile(path, O_RDWR | O_CREAT | O_EXCL | this.#door.openFlags);
    try {
      using held = fd;
      const written = this.#write(held, pattern, index, count);
      this.#result.calls += written.calls;
      this.#result.bytesWritten += written.reportedBytes;
      if (this.#options.fsync) {
        sync(held);
        dropCache(held);
      }
      pressure.fileDone(held);
      const sizeBytes = sizeOf(held);
      held.close();
      const corrupt = this.#judge(path, pattern, written, sizeBytes);
      remove = !corrupt && !keep;
      const kept = { path: pathText(path), generation: pattern.generation, expectBytes: written.reportedBytes };
      if (!remove) this.#result.kept = [...this.#result.kept, kept];
      this.#result.files += 1;
      this.#result.refused = written.refused;
    } finally {
      if (remove) unlinkIfThere(path);
    }
  }

  #write(fd: ReturnType<typeof openFile>, pattern: Counter, index: number, count: number): Written {
    const { plan, inject, buffer, pressure } = this.#options;
    const chunkBytes = pressure.chunkBytes ?? plan.chunkBytes;
    const chunks = chunksOfFile({ ...plan, chunkBytes, fileBytes: pressure.fileBytes ?? plan.fileBytes }, index);
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
    return writer.write(chunks, injection, previous);
  }

  /** True when the file is corrupt; its findings then carry the calls that wrote there and a second reading's word. */
  #judge(path: Path, pattern: Counter, written: Written, sizeBytes: number): boolean {
    const refused = written.refused !== undefined;
    const name = pathText(path);
    // After a refused call nobody promised a length: only what was reported is judged.
    const expectBytes = refused ? Math.min(sizeBytes, written.reportedBytes) : written.reportedBytes;
    const judge = new Judge({ pattern, expectBytes, file: name });
    let left = refused ? expectBytes : Infinity;
    readBack(path, (block) => {
      const part = block.length <= left ? block : block.subarray(0, left);
      left -= part.length;
      if (part.length > 0) judge.push(part);
    });
    const judgement = judge.finish();
    this.#result.bytesVerified += judgement.verifiedBytes;
    if (written.breachCall !== undefined) this.#noteBreach(name, written, sizeBytes);
    if (judgement.findings.length === 0) return false;
    this.#result.firstFindingSeconds ??= this.#host.elapsedSeconds;
    this.#result.findingsLeftOut += judgement.findingsLeftOut;
    this.#result.segments = judgement.segments;
    this.#result.findings = judgement.findings.map((finding) => {
      // Missing bytes have a place in the file and no extent there.
      const missing = finding.kind === "lost" || finding.kind === "truncated";
      const range = { offsetBytes: finding.offsetBytes, lengthBytes: missing ? 0 : finding.lengthBytes };
      const again = triage(path, range);
      const calls = this.#journal.callsThatWrote(range, written.firstCall);
      return { ...finding, calls, detail: again === undefined ? finding.detail : `${finding.detail}; ${again}` };
    });
    return true;
  }

  /** The ledger's word: the first call after which the file was not as long as the results say. */
  #noteBreach(name: string, written: Written, sizeBytes: number): void {
    const index = written.breachCall ?? 0;
    const call = this.#journal.get(written.firstCall + index);
    if (call === undefined) return;
    const { what, atNs, requestedBytes, result, detail = "" } = reference(call, index);
    this.#result.ledger = [
      ...this.#result.ledger,
      `${name}: the results sum up to ${written.reportedBytes}, the file is ${sizeBytes} bytes long (${sizeBytes - written.reportedBytes} more)`,
      `first broken by call #${index} at ${(atNs / 1e9).toFixed(6)}s: ${what} of ${requestedBytes} = ${result}; ${detail}`,
    ];
  }

  [Symbol.dispose](): void {
    this.#trigger[Symbol.dispose]();
    this.#door[Symbol.dispose]();
  }
}

function unlinkIfThere(path: Path): void {
  try {
    unlink(path);
  } catch (error) {
    if (!isSyscallError(error, "ENOENT", "ENOTDIR")) throw error;
  }
}
