/**
 * How large appends and their headroom are, and when to try others.
 *
 * Pure: owns the ladder of sizes and the rule that climbs it. The first step fits kernels with and without large folios,
 * because the limit is in force only while the attempt without sleeping runs; the last is for those that refuse nothing there.
 */
import { KiB, MiB } from "../../ops/memory.ts";

export interface Step {
  readonly chunkBytes: number;
  readonly headroomBytes: number;
  readonly appendsPerFile: number;
}

export const STEPS: readonly Step[] = [
  { chunkBytes: 8 * MiB, headroomBytes: 6 * MiB, appendsPerFile: 2 },
  { chunkBytes: 16 * MiB, headroomBytes: 6 * MiB, appendsPerFile: 2 },
  { chunkBytes: 50 * MiB, headroomBytes: 40 * MiB, appendsPerFile: 1 },
];
/** After this many appends in a row whose inline part got nowhere, the next step is tried. */
const IDLE_APPENDS_MAX = 8;
/** Below this a limit is only as exact as the kernel's own batches of charges (64 pages for each processor). */
const HEADROOM_BYTES_MIN = 64 * KiB;

export interface AppendSeen {
  readonly requestedBytes: number;
  /** The call's count, or -errno. */
  readonly result: number;
  readonly grewBytes: number;
}

/** Climbs the ladder while no append was stopped half-way. */
export class Ladder {
  readonly #fixed: boolean;
  #index = 0;
  #idle = 0;
  /** Appends seen, and those whose attempt got somewhere and was stopped. */
  appends = 0;
  stopped = 0;

  /** `fixed`: the user chose the sizes; the headroom follows them. */
  constructor(fixed: boolean) {
    this.#fixed = fixed;
  }

  get step(): Step {
    return STEPS[this.#index] as Step;
  }

  /** 1 for the first step. */
  get stepNumber(): number {
    return this.#index + 1;
  }

  /** A whole number of pages below the request: five eighths of it, or the step's own. */
  headroomBytes(requestedBytes: number): number {
    if (!this.#fixed && requestedBytes > this.step.headroomBytes) return this.step.headroomBytes;
    return Math.max(HEADROOM_BYTES_MIN, Math.floor((requestedBytes * 5) / 8 / 4096) * 4096);
  }

  /**
   * `inlineBytes` is how far the file had grown when the submit returned: with several processors a worker may have a
   * part in it, so this guides the ladder and is not evidence. True when the step changed.
   */
  note(seen: AppendSeen, inlineBytes: number): boolean {
    const stopped = seen.grewBytes !== seen.result || (inlineBytes > 0 && inlineBytes < seen.requestedBytes);
    this.appends += 1;
    if (stopped) this.stopped += 1;
    this.#idle = stopped ? 0 : this.#idle + 1;
    if (this.#idle < IDLE_APPENDS_MAX || this.#fixed) return false;
    this.#idle = 0;
    if (this.stopped > 0 || this.#index + 1 >= STEPS.length) return false;
    this.#index += 1;
    return true;
  }
}
