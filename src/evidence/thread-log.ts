/**
 * The calls of one thread, written there and read here, in memory that both share: a message would come too late.
 *
 * Owns the memory's layout: four words (the segment in use, the bytes used in each, the calls dropped, whether it is closed),
 * then two segments of JSON lines. When one is full the other is begun anew, so the newest calls are always there.
 */
import type { Pointed } from "./pointed.ts";

/** A call as its own thread has it. */
export interface LogEntry {
  readonly call: string;
  readonly args: readonly number[];
  readonly result: number;
  /** Nanoseconds since that thread's clock began, which was at `originMs` (performance.timeOrigin). */
  readonly startNs: number;
  readonly endNs: number;
  readonly originMs: number;
  readonly pointed: readonly (Pointed | undefined)[];
}

const SEGMENT_BYTES = 512 * 1024;
const HEAD_BYTES = 64;
const SEGMENT = 0;
const USED = 1; // and 2
const DROPPED = 3;
const CLOSED = 4;

export class ThreadLog {
  readonly shared: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(shared = new SharedArrayBuffer(HEAD_BYTES + 2 * SEGMENT_BYTES)) {
    this.shared = shared;
    this.#head = new Int32Array(shared, 0, HEAD_BYTES / 4);
    this.#bytes = new Uint8Array(shared, HEAD_BYTES);
  }

  write(entry: LogEntry): void {
    if (Atomics.load(this.#head, CLOSED) === 1) return;
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    if (line.length > SEGMENT_BYTES) return;
    let segment = Atomics.load(this.#head, SEGMENT);
    let used = Atomics.load(this.#head, USED + segment);
    if (used + line.length > SEGMENT_BYTES) {
      segment = 1 - segment;
      used = 0;
      Atomics.add(this.#head, DROPPED, this.#linesOf(segment).length);
      Atomics.store(this.#head, USED + segment, 0);
      Atomics.store(this.#head, SEGMENT, segment);
    }
    this.#bytes.set(line, segment * SEGMENT_BYTES + used);
    Atomics.store(this.#head, USED + segment, used + line.length);
  }

  /** Nothing is written any more. */
  close(): void {
    Atomics.store(this.#head, CLOSED, 1);
  }

  get dropped(): number {
    return Atomics.load(this.#head, DROPPED);
  }

  /** Oldest first. */
  entries(): LogEntry[] {
    const segment = Atomics.load(this.#head, SEGMENT);
    return [...this.#linesOf(1 - segment), ...this.#linesOf(segment)].map(entryOf);
  }

  #linesOf(segment: number): string[] {
    const from = segment * SEGMENT_BYTES;
    const bytes = this.#bytes.slice(from, from + Atomics.load(this.#head, USED + segment));
    return Buffer.from(bytes)
      .toString("utf8")
      .split("\n")
      .filter((line) => line !== "");
  }
}

function entryOf(line: string): LogEntry {
  const entry = JSON.parse(line) as LogEntry;
  // JSON has no undefined.
  return { ...entry, pointed: entry.pointed.map((item) => item ?? undefined) };
}
