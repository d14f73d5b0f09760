/**
 * What makes the kernel fail, applied for the microseconds in which it matters, and taken back.
 *
 * io_uring (or RWF_NOWAIT) first tries a buffered write without sleeping. To fail half-way, that attempt must be let in
 * and then stopped. Let in: the file's mtime must not change, so it must already be "now" to the kernel tick
 * (kiocb_modified() refuses otherwise): the prime. Stopped: a page-cache charge must be refused, so the process sits in a
 * cgroup2 whose memory.max is what is held plus a headroom smaller than the append. Large losses: blocks reserved by
 * FALLOC_FL_KEEP_SIZE make one mapping of the whole append, and only progress inside the last mapping is lost.
 * The limit is in force only from `beforeAppend` to `afterSubmit`: the part that io-wq does afterwards meets none, so no process
 * is killed and large folios (6.12) need no larger group.
 * Owns group, policy, prime and the writeback thread; refuses to judge, and refuses cgroup v1.
 */

import { groupKeeper } from "../../machine/group.ts";
import { sweep } from "../../machine/sweep.ts";
import { MemoryGroup } from "../../ops/cgroup.ts";
import { spinUntilTick } from "../../ops/clock.ts";
import { isSyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { MiB } from "../../ops/memory.ts";
import { OomExemption } from "../../ops/oom.ts";
import { filesystemOf, sizeOf } from "../../ops/stat.ts";
import type { Outcome } from "../context.ts";
import { dirtyLimitOf } from "../dirty-limit.ts";
import { Ballast, ballastBytes } from "./ballast.ts";
import { type PressureOptions, sizeText } from "./options.ts";
import { Prime } from "./prime.ts";
import { Reservation } from "./reservation.ts";
import { PageSlack } from "./slack.ts";
import { type AppendSeen, Ladder } from "./steps.ts";
import { WorkerKeeper } from "./worker-keeper.ts";
import { WritebackLoop } from "./writeback-loop.ts";

export { PRESSURES, type PressureMode } from "./options.ts";
export type { AppendSeen } from "./steps.ts";

/** Room beyond its own bytes for a call that may sleep at the limit. */
const SLEEPER_BYTES = 16 * MiB;
/** Where attempts without sleeping are never let in, rehearsing ends. */
const REHEARSALS_MAX = 6;
/** Ticks that one append waits for at most. */
const TICKS_MAX = 20;
/** File systems whose pages have nowhere to go: a limit would only kill. */
const UNRECLAIMABLE: readonly string[] = ["tmpfs", "ramfs", "hugetlbfs"];

/** Memory pressure and writeback next to the writes, for the time of a run. */
export class Pressure implements Disposable {
  readonly #options: PressureOptions;
  readonly #prime: Prime | undefined;
  readonly #group: MemoryGroup | undefined;
  readonly #noGroup: string | undefined;
  readonly #keeper: WorkerKeeper | undefined;
  readonly #exemption: OomExemption | undefined;
  readonly #writeback: WritebackLoop | undefined;
  #ballast: Ballast | undefined;
  #limited: string | undefined;
  readonly #ladder: Ladder;
  readonly #reservation: Reservation;
  #sizeBefore = 0;
  #inlineBytes = 0;
  readonly #slack: PageSlack | undefined;
  #inWindow = false;
  #rehearsed = false;
  #closed = false;

  /** Applies what this machine and these privileges allow; what is missing is reported in `line`, never thrown. */
  static start(options: PressureOptions): Pressure {
    for (const line of sweep()) options.narrate(line);
    return new Pressure(options);
  }

  private constructor(options: PressureOptions) {
    const { mode } = options;
    this.#options = options;
    void this.limited; // one that is taken back during the run counts, too
    this.#reservation = new Reservation(mode === "auto", options.narrate);
    const wanted = mode === "auto" || mode === "cgroup";
    const type = wanted ? filesystemOf(options.directory).type : "";
    if (UNRECLAIMABLE.includes(type)) {
      this.#noGroup = `pages of ${type} cannot be reclaimed`;
    } else if (wanted) {
      const entered = MemoryGroup.enter(groupKeeper);
      if ("value" in entered) {
        this.#group = entered.value;
        this.#slack = new PageSlack(this.#group);
        this.#exemption = OomExemption.open();
        // After the move: 5.10 refuses it (EINVAL) to a process that has workers already.
        this.#keeper = WorkerKeeper.start();
      } else this.#noGroup = entered.reason;
    }
    // Without a group there is nothing to suit sizes to.
    this.#ladder = new Ladder(options.chunkFixed || this.#group === undefined);
    if (mode === "writeback") this.#writeback = WritebackLoop.start();
    if (mode !== "none") this.#prime = new Prime();
    this.#warmUp();
  }

  /** Runs our own path a few times: a page fault or a compilation inside the window would spoil the first append. */
  #warmUp(): void {
    for (let i = 0; i < 20; i++) {
      this.#group?.prepareLimit(256 * MiB);
      this.#enterWindow();
      if (i < 2 && this.#prime !== undefined) spinUntilTick();
      this.#keeper?.submit();
      this.#leaveWindow();
      this.#keeper?.drain();
    }
  }

  /** True when this process lives under a memory limit that comes and goes: whatever runs at the same time shares it. */
  get limitsMemory(): boolean {
    return this.#group !== undefined;
  }

  /** With pressure "none": a sentence about the limit that somebody else has set under the files; undefined without one. */
  get limited(): string | undefined {
    if (this.#options.mode !== "none") return undefined;
    this.#limited ??= dirtyLimitOf(this.#options.directory);
    return this.#limited;
  }

  /** What a run without pressure may not conclude about a limited device, for its outcome: it is inconclusive, with the reason. */
  get verdict(): Pick<Outcome, "verdict" | "reason"> {
    const { limited } = this;
    return limited === undefined ? {} : { verdict: "inconclusive", reason: `not the workload as it is: ${limited}` };
  }

  /** One line: what was done, and what could not be. */
  get line(): string {
    const { limited } = this;
    if (limited !== undefined) return `none, but ${limited}`;
    if (this.#options.mode === "none") return "none: the workload as it is";
    const parts = [this.#prime?.realTime ? "mtime prime (SCHED_FIFO)" : "mtime prime"];
    if (this.#group !== undefined) {
      const room = this.#ladder.headroomBytes(
        this.#options.chunkFixed ? this.#options.appendBytesMax : this.#ladder.step.chunkBytes,
      );
      parts.push(`cgroup2 memory.max = held + ${sizeText(room)} during each inline attempt`);
    }
    if (this.#noGroup !== undefined) parts.push(`no memory group: ${this.#noGroup}`);
    if (this.#reservation.done) parts.push("fallocate KEEP_SIZE");
    if (this.#rehearsed) parts.push("rehearsed on a file without a name");
    if (this.#writeback !== undefined) parts.push(this.#writeback.line);
    return parts.join("; ");
  }

  /** For the report's `workload.pressure`. */
  get settings(): Record<string, unknown> {
    return {
      mode: this.#options.mode,
      prime: this.#prime !== undefined,
      group: this.#group?.directory ?? null,
      ...(this.#noGroup === undefined ? {} : { noGroup: this.#noGroup }),
      headroomBytes: this.#group === undefined ? null : this.#ladder.headroomBytes(this.#options.appendBytesMax),
      ballastBytes: this.#ballast?.lengthBytes ?? null,
      keepSize: this.#reservation.done,
      realTime: this.#prime?.realTime ?? false,
      writebackCalls: this.#writeback?.calls ?? null,
      slackBytes: this.#slack?.bytes ?? 0,
      step: this.#ladder.stepNumber,
      appends: this.#ladder.appends,
      ...(this.#group === undefined || this.#closed ? {} : { events: this.#group.events() }),
    };
  }

  /** The append sizes that suit the pressure, when the user fixed none; may change from file to file. */
  get chunkBytes(): { readonly min: number; readonly max: number } | undefined {
    if (this.#options.chunkFixed || this.#group === undefined) return undefined;
    return { min: this.#ladder.step.chunkBytes, max: this.#ladder.step.chunkBytes };
  }

  /** The file size that suits `chunkBytes`. */
  get fileBytes(): number | undefined {
    return this.chunkBytes === undefined ? undefined : this.#ladder.step.chunkBytes * this.#ladder.step.appendsPerFile;
  }

  /** A fresh file: its blocks are reserved beyond the end (fallocate KEEP_SIZE), writeback next to it starts. */
  fileOpened(fd: Fd, plannedBytes: number): void {
    this.#writeback?.follow(fd);
    if (this.#group !== undefined && this.#ballast === undefined) this.#loadBallast(fd);
    this.#reservation.make(fd, plannedBytes);
  }

  #loadBallast(fd: Fd): void {
    try {
      this.#keeper?.rehearse(fd);
      this.#ballast = Ballast.load(fd, ballastBytes(this.#options.chunkFixed ? this.#options.appendBytesMax : 0));
    } catch (error) {
      if (!isSyscallError(error)) throw error;
      this.#options.narrate(`no ballast next to the files (${error.message}): the memory limit is riskier`);
    }
  }

  /**
   * Runs `call`, the system call that makes the attempt without sleeping (the submit of a queued request, or the write
   * itself), under pressure: tick, touch, limit, call, lift. Nothing of ours runs between limit and lift.
   * `sleeps`: the call is an ordinary write, which would wait at the limit or die there: it gets room for all it asks.
   */
  attempt(fd: Fd, requestedBytes: number, call: () => number, options: { sleeps?: boolean } = {}): number {
    this.beforeAppend(fd, requestedBytes, options);
    try {
      return call();
    } finally {
      this.afterSubmit(fd);
    }
  }

  /**
   * Repeats `append`, which makes an attempt, on a file of no interest until one was let in; before the first append that
   * counts. Code that runs for the first time takes longer than a tick, on an emulated processor by far.
   */
  rehearse(open: () => Fd, append: (file: Fd) => void, lengthBytes: number): void {
    if (this.#prime === undefined) return;
    using file = open();
    this.#rehearsed = true;
    this.fileOpened(file, lengthBytes);
    for (let i = 0; i < REHEARSALS_MAX && this.#inlineBytes === 0; i++) append(file);
    this.fileDone(file);
    this.#inlineBytes = 0;
  }

  /** The first half of `attempt`, the last thing before the call. `requestedBytes` sizes the headroom. */
  beforeAppend(
    fd: Fd,
    requestedBytes: number = this.#options.appendBytesMax,
    { sleeps = false }: { sleeps?: boolean } = {},
  ): void {
    if (this.#prime === undefined) return;
    this.#sizeBefore = sizeOf(fd);
    this.#keeper?.keep();
    this.#ballast?.refresh();
    this.#group?.flushStatistics();
    // However much slack was given, the attempt must not fit whole.
    const most = Math.floor((requestedBytes * 15) / 16 / 4096) * 4096;
    const tight = this.#ladder.headroomBytes(requestedBytes);
    const headroom = Math.max(tight, Math.min(tight + (this.#slack?.bytes ?? 0), most));
    this.#group?.prepareLimit(sleeps ? requestedBytes + SLEEPER_BYTES : headroom);
    for (let ticks = 1; ; ticks++) {
      this.#prime.stamp(fd);
      this.#enterWindow();
      // A busy machine took the processor away meanwhile: that attempt would be refused before it began.
      if (this.#prime.holds || ticks === TICKS_MAX) return;
      this.#leaveWindow();
    }
  }

  /** The second half of `attempt`: right after the submit, or after the call itself. Lifts the limit. */
  afterSubmit(fd: Fd): void {
    if (!this.#inWindow) return;
    this.#leaveWindow();
    this.#inlineBytes = sizeOf(fd) - this.#sizeBefore;
  }

  #enterWindow(): void {
    this.#inWindow = true;
    this.#prime?.begin();
    this.#exemption?.begin();
    this.#group?.limit();
  }

  #leaveWindow(): void {
    if (!this.#inWindow) return;
    this.#inWindow = false;
    this.#group?.lift();
    this.#exemption?.end();
    this.#prime?.end();
  }

  /** Right after the completion: what happened decides the next step. */
  afterAppend(seen: AppendSeen): void {
    this.#leaveWindow();
    if (this.#slack?.note(this.#ladder.appends, seen.requestedBytes)) {
      const more = sizeText(this.#slack.bytes);
      this.#options.narrate(`the limit left somebody without memory: ${more} more from now on`);
    }
    const inlineBytes = this.#inlineBytes;
    this.#inlineBytes = 0;
    if (!this.#ladder.note(seen, inlineBytes)) return;
    const size = sizeText(this.#ladder.step.chunkBytes);
    this.#options.narrate(`no attempt was stopped half-way so far: appends of ${size} next`);
  }

  /** Before the descriptor is closed. */
  fileDone(_fd: Fd): void {
    this.#leaveWindow();
    this.#writeback?.rest();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#leaveWindow();
    this.#closed = true;
    this.#writeback?.[Symbol.dispose]();
    this.#keeper?.[Symbol.dispose]();
    this.#exemption?.[Symbol.dispose]();
    this.#ballast?.[Symbol.dispose]();
    this.#group?.[Symbol.dispose]();
  }
}
