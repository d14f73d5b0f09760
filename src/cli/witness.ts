/**
 * What is watched during a run, and the documents that are made of it.
 *
 * Owns the recorder and the kernel's tracer for the time of a run: started only for what the flags ask, ended before the
 * report is made. What cannot be watched or made is a line for the person, never a change of the verdict.
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { cProgram } from "../evidence/c/program.ts";
import { handlesOf, NotExpressible } from "../evidence/c/select.ts";
import { type ProgramTemplate, templateProgram } from "../evidence/c/template.ts";
import { type KernelEvent, kernelStory, parseTrace, type StoryFrame } from "../evidence/kernel-story.ts";
import { callLines } from "../evidence/lines.ts";
import { traceOf } from "../evidence/perfetto.ts";
import { type RecordedCall, Recorder } from "../evidence/recorder.ts";
import { SIGNATURES } from "../evidence/signatures.ts";
import type { Finding } from "../judge/finding.ts";
import { type Conditions, conditions } from "../machine/conditions.ts";
import { isEvidence } from "../machine/own-file.ts";
import { stateDirectory } from "../machine/state.ts";
import { monotonicNs } from "../ops/clock.ts";
import { pathText } from "../ops/file.ts";
import { type EventName, KernelTracer } from "../ops/tracefs.ts";
import type { ReportSection, RunReport } from "../report/document.ts";
import { plural } from "../report/format.ts";
import { renderHtml } from "../report/html/page.ts";
import { renderMail } from "../report/mail.ts";
import { MAP_ANONYMOUS } from "../sys/uapi/mman.ts";
import type { Outcome } from "../workload/context.ts";
import type { EvidenceArguments } from "./asked.ts";
import type { AnyReproducer } from "./contract.ts";

const LOOKS = new Set(["read", "pread", "close", "unlink"]);
/** Recorded calls that a report shows. */
const LINES_MAX = 40;
/** Events that show where buffered writes and io_uring requests go; a kernel that lacks some shows the rest. */
const EVENTS: readonly EventName[] = [
  "io_uring:io_uring_submit_sqe",
  "io_uring:io_uring_submit_req",
  "io_uring:io_uring_queue_async_work",
  "io_uring:io_uring_short_write",
  "io_uring:io_uring_complete",
  "iomap:iomap_iter",
  "xfs:xfs_file_buffered_write",
  "writeback:balance_dirty_pages",
];

/** What a reproducer declares about its evidence. */
export type WatchedReproducer = Pick<AnyReproducer, "events" | "program" | "ownTimeline">;

export class Witness {
  readonly #asked: EvidenceArguments;
  readonly #recorder: Recorder | undefined;
  readonly #tracer: KernelTracer | undefined;
  /** What could not be watched, for the report. */
  readonly #missing: string[] = [];
  #events: readonly KernelEvent[] | undefined;
  /** From the zero of the report's times to the recording's. */
  #shiftNs = 0;

  constructor(asked: EvidenceArguments, { events = EVENTS, program, ownTimeline = false }: WatchedReproducer) {
    this.#asked = asked;
    const { trace, report, emitC, emitKselftest } = asked;
    const emitted = program === undefined && !ownTimeline ? [emitC, emitKselftest] : [];
    const wanting = [trace, ...(ownTimeline ? [] : [report]), ...emitted];
    // Not without need: where memory is limited for a moment, every look at a call's bytes changes what happens.
    const contents = wanting.some((path) => path !== undefined);
    if (contents || (asked.explain && !ownTimeline)) this.#recorder = new Recorder({ contents });
    if (!asked.explain) return;
    const tracer = KernelTracer.start(events);
    if (typeof tracer === "string") this.#missing.push(tracer);
    else {
      this.#tracer = tracer;
      if (tracer.missing.length > 0)
        this.#missing.push(`this kernel has no ${tracer.missing.join(", ")}, or none that can be probed`);
    }
  }

  /** Ends the watching; called once the workload has ended, however it did. */
  end(): void {
    this.#recorder?.[Symbol.dispose]();
    if (this.#tracer === undefined || this.#events !== undefined) return;
    this.#events = parseTrace(this.#tracer.stop());
    this.#tracer[Symbol.dispose]();
  }

  /** CLOCK_MONOTONIC of the recording's beginning. */
  get #beganNs(): number {
    return monotonicNs() - Bun.nanoseconds() + (this.#recorder?.startedNs ?? 0);
  }

  /** Sections that the report gets from what was watched; `startedNs` (CLOCK_MONOTONIC) is the zero of their times. */
  sections({ findings, timeline = [] }: Outcome, startedNs: number): ReportSection[] {
    this.#shiftNs = this.#beganNs - startedNs;
    return [...this.#kernelSection(findings), ...(timeline.length > 0 ? [] : this.#callSection(findings))];
  }

  /** What decides this kernel's behaviour, for whoever must reproduce it. */
  conditions({ findings, workload, filesystem }: Outcome): Conditions {
    const prefix = workload?.prefix;
    const damaged = findings[0]?.file ?? (typeof prefix === "string" ? prefix : undefined);
    // "a memfd" is in no directory, and on no block device.
    const places = damaged === undefined ? [] : [damaged, ...(damaged.includes("/") ? [dirname(damaged)] : [])];
    return conditions(places.find(existsSync), { withType: filesystem === undefined });
  }

  #kernelSection(findings: readonly Finding[]): ReportSection[] {
    if (!this.#asked.explain) return [];
    const { sentence, lines } = kernelStory(this.#events ?? [], findings[0]?.offsetBytes, this.#around(findings));
    const summary = sentence === undefined ? [] : [`${sentence}.`, ""];
    const missing = this.#missing.map((line) => `not seen: ${line}`);
    return [{ title: "What the kernel did", lines: [...summary, ...lines, ...missing] }];
  }

  /** The recorded calls by the clock of the kernel's events. */
  #around(findings: readonly Finding[]): StoryFrame {
    const { calls, lines, first, last } = this.#guilty(findings);
    const beganNs = this.#beganNs;
    const seconds = (ns: number | undefined) => (ns === undefined ? undefined : (beganNs + ns) / 1e9);
    const steps = calls.map(({ startNs }, at) => ({ atSeconds: (beganNs + startNs) / 1e9, line: lines[at] as string }));
    return { steps, fromSeconds: seconds(calls[first]?.startNs), toSeconds: seconds(calls[last]?.endNs) };
  }

  /** The recorded calls, and which of them are the first and the last on the first finding's file; -1 where none is. */
  #guilty(findings: readonly Finding[]) {
    const calls = withoutOurs(this.#recorder?.allCalls ?? []).filter(isWorthALine);
    const lines = callLines(calls, this.#shiftNs);
    const file = findings[0]?.file;
    const name = file?.slice(file.lastIndexOf("/") + 1);
    // Bytes in memory, or received, are in no file that a call names: then all calls are their neighbours.
    const isNamed = name !== undefined && lines.some((line) => line.includes(name));
    const touches = (line: string) => !isNamed || line.includes(name);
    // The judge's own reading comes last and shows nothing.
    const last = lines.findLastIndex((line, at) => touches(line) && !LOOKS.has(calls[at]?.call ?? ""));
    return { calls, lines, first: last < 0 ? -1 : Math.max(lines.findIndex(touches), last - LINES_MAX), last };
  }

  /** The recorded calls on the first finding's file, up to the last of them. */
  #callSection(findings: readonly Finding[]): ReportSection[] {
    const { calls, lines, first, last } = this.#guilty(findings);
    if (last < 0) return [];
    const { dropped = 0, otherThreads = 0 } = this.#recorder ?? {};
    const lost = dropped === 0 ? [] : [`(${dropped} earlier calls were lost: the recording was full)`];
    const silent = otherThreads > 0 && !calls.some(({ thread }) => thread !== undefined);
    if (silent) lost.push(`(calls of ${plural(otherThreads, "other thread")} were not recorded)`);
    return [{ title: "Recorded calls", lines: [...lost, ...lines.slice(first, last + 1)] }];
  }

  /** The texts of the documents asked for, and a line for each that cannot be made. */
  documents(
    report: RunReport,
    about: {
      readonly summary: string;
      readonly program: ProgramTemplate | undefined;
      readonly roles?: Outcome["roles"];
    },
  ): { made: Record<string, string>; lines: string[] } {
    const { report: page, trace, emitC, emitKselftest } = this.#asked;
    const made: Record<string, string> = {};
    const lines: string[] = [];
    if (page !== undefined) made.report = pathText(page).endsWith(".html") ? renderHtml(report) : renderMail(report);
    if (trace !== undefined && this.#recorder !== undefined) {
      const { allCalls: calls, dropped } = this.#recorder;
      const { tool, findings } = report;
      const { roles = [] } = about;
      made.trace = JSON.stringify(traceOf(calls, { tool, findings, dropped, roles }));
    }
    const programs = { emitC: [emitC, false], emitKselftest: [emitKselftest, true] } as const;
    for (const [name, [path, kselftest]] of Object.entries(programs)) {
      if (path === undefined) continue;
      try {
        made[name] = this.#program(report, { ...about, kselftest });
      } catch (error) {
        if (!(error instanceof NotExpressible)) throw error;
        lines.push(`no C program was written: ${error.message}`);
      }
    }
    return { made, lines };
  }

  #program(
    report: RunReport,
    { summary, program, kselftest }: { summary: string; program: ProgramTemplate | undefined; kselftest: boolean },
  ): string {
    const { tool, findings, environment } = report;
    const { kernel, filesystem, mountOptions } = environment;
    const [finding] = findings;
    if (finding === undefined) throw new NotExpressible("there is no finding to repeat");
    if (program !== undefined) {
      const about = [
        `${tool} on Linux ${kernel}: ${finding.kind}, ${finding.lengthBytes} bytes at ${finding.offsetBytes}`,
        finding.detail,
      ];
      return templateProgram(program, { about, kselftest });
    }
    const { calls: all = [], otherThreads = 0 } = this.#recorder ?? {};
    const calls = withoutOurs(all);
    return cProgram({ tool, summary, kernel, filesystem, mountOptions, findings, calls, otherThreads, kselftest });
  }
}

/** Without the calls on our own copies of evidence and our lists of what must be removed and restored. */
function withoutOurs(calls: readonly RecordedCall[]): RecordedCall[] {
  const lists = stateDirectory();
  const handles = handlesOf(calls);
  const ours = new Set<string>();
  return calls.filter(({ index, pointed }) => {
    const mine = handles.get(index) ?? [];
    const isOurs = (path: string) => isEvidence(path) || dirname(path) === lists;
    if (pointed.some((item) => item?.kind === "path" && isOurs(item.path))) for (const handle of mine) ours.add(handle);
    else return !mine.some((handle) => ours.has(handle));
    return false;
  });
}

/** A thread's memory for its own buffers proves nothing. */
function isWorthALine({ call, args, thread }: RecordedCall): boolean {
  const arena = thread !== undefined && call === "mmap" && ((args[3] ?? 0) & MAP_ANONYMOUS) !== 0;
  return SIGNATURES[call] !== undefined && !arena;
}
