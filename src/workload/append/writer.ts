/**
 * One file, written chunk by chunk through a door, with the ledger kept after every call.
 *
 * Owns the loop of the report's program: fill, append, continue short results until the chunk is whole. The ledger reports
 * that a single appender's file is as long as the sum of results; the first call after which that is not so is named.
 */

import { monotonicNs } from "../../ops/clock.ts";
import { SyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { type Path, pathText, writeAll } from "../../ops/file.ts";
import type { Memory } from "../../ops/memory.ts";
import { truncate } from "../../ops/space.ts";
import { sizeOf } from "../../ops/stat.ts";
import type { Counter } from "../../pattern/counter.ts";
import { ERRNO } from "../../sys/errno.ts";
import type { Journal, JournalCall } from "../journal.ts";
import type { Pressure } from "../pressure/index.ts";
import type { TriggerWatch } from "../trigger.ts";
import type { Around, CallResult, Door } from "./doors.ts";
import { damageBuffer, type Injection } from "./inject.ts";
import type { WrittenFile } from "./written-file.ts";

export interface WriterParts {
  readonly door: Door;
  readonly buffer: Memory;
  readonly journal: Journal;
  readonly pressure: Pressure;
  readonly trigger: TriggerWatch;
  readonly seed: number;
  readonly startedNs: number;
}

export class FileWriter {
  readonly #parts: WriterParts;
  readonly #fd: Fd;
  readonly #pattern: Counter;
  readonly #firstCall: number;
  #reported = 0;
  #size = 0;
  /** What our own injection moved the file's end by: doors with explicit offsets must follow. */
  #shift = 0;
  #breach: number | undefined;
  /** Why writing ended before the plan did: the kernel refused. */
  refused: SyscallError | undefined;

  constructor(parts: WriterParts, fd: Fd, pattern: Counter) {
    this.#parts = parts;
    this.#fd = fd;
    this.#pattern = pattern;
    this.#firstCall = parts.journal.count;
  }

  /**
   * Writes the plan's chunks, or as many as fit before `untilNs`; `injection` damages one of them, and then all are
   * written; `previous` is the pattern of the file before.
   */
  write(chunks: readonly number[], injection: Injection | undefined, previous: Counter, untilNs: number): void {
    for (const [index, length] of chunks.entries()) {
      if (index > 0 && injection === undefined && monotonicNs() > untilNs) break;
      const chunk = this.#parts.buffer.bytes.subarray(0, length);
      this.#pattern.fill(chunk, this.#reported);
      const damage = injection !== undefined && injection.chunkIndex === index ? injection : undefined;
      if (damage !== undefined) this.#inject(damage, chunk, previous);
      if (damage?.kind === "lost") continue;
      this.refused = this.#writeChunk(length);
      if (this.refused !== undefined) break;
    }
    if (injection?.kind === "truncated" && this.refused === undefined)
      truncate(this.#fd, { lengthBytes: this.#size - injection.lengthBytes });
  }

  /** The file as it is now. */
  written(path: Path): WrittenFile {
    return {
      path,
      generation: this.#pattern.generation,
      sizeBytes: sizeOf(this.#fd),
      reportedBytes: this.#reported,
      whole: this.refused === undefined,
      firstCall: this.#firstCall,
      calls: this.#parts.journal.count - this.#firstCall,
      breachCall: this.#breach,
    };
  }

  /** Appends one chunk through the door; short results are continued, as any correct caller does. */
  #writeChunk(length: number): SyscallError | undefined {
    const { door, buffer, pressure } = this.#parts;
    for (let done = 0; done < length; ) {
      const part = { bufferOffsetBytes: done, lengthBytes: length - done };
      const around: Around = (call) => pressure.attempt(this.#fd, part.lengthBytes, call, { sleeps: door.sleeps });
      const append = { file: this.#fd, buffer, part, around };
      const atNs = this.#now();
      let results = door.append(append, this.#reported + this.#shift);
      let moved = this.#record(results, { atNs, endNs: this.#now() });
      if (door.refusesNow(results[0] as CallResult)) {
        const againNs = this.#now();
        results = [door.retry(append)];
        moved += this.#record(results, { atNs: againNs, endNs: this.#now() });
      }
      done += moved;
      const last = results.at(-1)?.result ?? 0;
      const asked = `"${pathText(this.#fd.label)}"`;
      if (last < 0 && last !== -ERRNO.EINTR) return new SyscallError(door.call, -last, asked);
      if (moved === 0 && last === 0) return new SyscallError(door.call, ERRNO.EIO, asked, "the call wrote nothing");
    }
    return undefined;
  }

  #now(): number {
    return monotonicNs() - this.#parts.startedNs;
  }

  /** Ledger and journal after a call (or a chain of linked ones); the bytes moved, by its results. */
  #record(results: readonly CallResult[], ends: Pick<JournalCall, "atNs" | "endNs">): number {
    const { door, pressure, trigger, journal } = this.#parts;
    const sizeAfterBytes = sizeOf(this.#fd);
    const grewBytes = sizeAfterBytes - this.#size;
    let moved = 0;
    let requested = 0;
    for (const { requestedBytes, result } of results) {
      this.#note(door.call, {
        ...ends,
        requestedBytes,
        result,
        streamOffsetBytes: this.#reported + moved,
        sizeAfterBytes,
      });
      moved += Math.max(0, result);
      requested += requestedBytes;
    }
    const result = moved > 0 ? moved : (results[0]?.result ?? 0);
    trigger.note(result, requested, grewBytes);
    pressure.afterAppend({ requestedBytes: requested, result: moved, grewBytes });
    if (grewBytes !== moved) this.#breach ??= journal.count - 1 - this.#firstCall;
    this.#reported += moved;
    this.#size = sizeAfterBytes;
    return moved;
  }

  /** Enters a call before which the file was `#size` bytes long. */
  #note(
    what: string,
    call: Pick<JournalCall, "atNs" | "endNs" | "requestedBytes" | "result" | "streamOffsetBytes" | "sizeAfterBytes">,
  ) {
    const { journal } = this.#parts;
    const { atNs, endNs, requestedBytes, result, streamOffsetBytes, sizeAfterBytes } = call;
    const kind = journal.kind(what);
    journal.record(kind, 0, atNs, endNs, requestedBytes, result, 0, streamOffsetBytes, this.#size, sizeAfterBytes);
  }

  /** Our own fault, at the place and of the kind that the seed decided. */
  #inject(injection: Injection, chunk: Uint8Array, previous: Counter): void {
    const { buffer, journal, seed } = this.#parts;
    const atNs = this.#now();
    const { offsetBytes: streamOffsetBytes } = injection;
    if (injection.kind === "lost") {
      // The chunk is reported as written and never is.
      this.#reported += chunk.length;
      this.#shift -= chunk.length;
      const call = { requestedBytes: chunk.length, result: chunk.length, sizeAfterBytes: this.#size };
      this.#note("nothing (injected loss)", { ...call, atNs, endNs: atNs, streamOffsetBytes });
      this.#breach ??= journal.count - 1 - this.#firstCall;
    } else if (injection.kind === "duplicated") {
      // The first part of the chunk goes in and is not reported; the door then appends the whole chunk.
      writeAll(this.#fd, buffer, { bufferOffsetBytes: 0, lengthBytes: injection.lengthBytes });
      const ends = { atNs, endNs: this.#now() };
      const sizeAfterBytes = sizeOf(this.#fd);
      const call = { requestedBytes: injection.lengthBytes, result: 0, sizeAfterBytes };
      this.#note("write (injected)", { ...call, ...ends, streamOffsetBytes });
      this.#size = sizeAfterBytes;
      this.#shift += injection.lengthBytes;
      this.#breach ??= journal.count - 1 - this.#firstCall;
    } else {
      damageBuffer(injection, chunk, seed, (block, offsetBytes) => previous.fill(block, offsetBytes));
    }
  }
}
