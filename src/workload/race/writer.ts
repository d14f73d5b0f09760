/**
 * One thread of a record race: appends tagged records (or starts writeback) until its round is over.
 *
 * Owns its ring and its buffers, kept from round to round. The descriptor belongs to the thread that asked. Never judges:
 * it returns what the kernel answered to each record.
 */

import { isSyscallError, SyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { type Path, tryWrite } from "../../ops/file.ts";
import { AT_FILE_POSITION } from "../../ops/integers.ts";
import { lend } from "../../ops/lend.ts";
import { allocate, type Memory } from "../../ops/memory.ts";
import * as sqe from "../../ops/ring/request.ts";
import { Ring } from "../../ops/ring/ring.ts";
import { sync, syncRange, touch } from "../../ops/space.ts";
import { fillRecord } from "../../pattern/record.ts";
import { libc } from "../../sys/libc.ts";
import { SYNC_FILE_RANGE_WRITE } from "../../sys/uapi/fcntl.ts";
import { IOSQE_ASYNC, IOSQE_IO_LINK } from "../../sys/uapi/io_uring.ts";
import { Pressure } from "../pressure/index.ts";
import { TriggerWatch } from "../trigger.ts";
import {
  APPENDED_KIB,
  FINISH,
  LIMIT_KIB,
  type RaceAnswer,
  type RaceOrder,
  READY,
  SECOND_WRITER,
  STOP,
  THREADS,
  type WriterRecord,
  type WriterSpec,
} from "./race.ts";

declare const self: Worker;

interface WriterStream {
  readonly writer: number;
  readonly memory: Memory;
  readonly partial: { sequence: number; result: number }[];
}

let ring: Ring | undefined;
let pressure: Pressure | undefined;
const buffers = new Map<number, Memory>();

function bufferOf(writer: number, lengthBytes: number): Memory {
  const found = buffers.get(writer);
  if (found?.lengthBytes === lengthBytes) return found;
  const memory = allocate(lengthBytes);
  buffers.set(writer, memory);
  return memory;
}

/** One record, or a pair in one submission: what the kernel returned for each. */
function append(fd: Fd, spec: WriterSpec, streams: readonly WriterStream[]): number[] {
  const [first, second] = streams;
  if (first === undefined) return [];
  if (spec.door === "write") return [tryWrite(fd, first.memory)];
  ring ??= new Ring({ entries: 8 });
  const flags = spec.door === "uring-async" ? IOSQE_ASYNC : 0;
  const request = (stream: WriterStream) => sqe.write(fd, stream.memory, { offsetBytes: AT_FILE_POSITION });
  ring.queue(request(first), { tag: 0, flags: flags | (spec.second?.linked === true ? IOSQE_IO_LINK : 0) });
  if (second !== undefined) ring.queue(request(second), { tag: 1, flags });
  // The inline attempt happens inside the submit, so that is where the pressure is.
  const submitting = ring;
  if (pressure === undefined) submitting.submit();
  else pressure.attempt(fd, spec.recordBytes, () => submitting.submit());
  const results = streams.map(() => 0);
  for (let left = streams.length; left > 0; ) {
    ring.submitAndWait(1);
    for (const { tag, result } of ring.completions()) {
      results[tag] = result;
      left -= 1;
    }
  }
  return results;
}

/** How long a thread sleeps before it looks for a stop again. */
const READY_MS = 20;

/**
 * No one appends before everyone is there: a short round is over while a thread still starts, and raced with no one.
 * False when the round was stopped before that.
 */
function startTogether(cells: Int32Array): boolean {
  Atomics.add(cells, READY, 1);
  Atomics.notify(cells, READY);
  for (;;) {
    const ready = Atomics.load(cells, READY);
    if (ready >= Atomics.load(cells, THREADS)) return true;
    if (Atomics.load(cells, STOP) !== 0) return false;
    Atomics.wait(cells, READY, ready, READY_MS);
  }
}

function writeRecords(order: RaceOrder, spec: WriterSpec): RaceAnswer {
  const cells = new Int32Array(order.shared);
  const fd = lend(order.fd, `writer ${order.writer}'s descriptor`);
  using watch = TriggerWatch.start({ door: spec.door });
  const lengths = [spec.recordBytes, ...(spec.second === undefined ? [] : [spec.second.recordBytes])];
  const streams: WriterStream[] = lengths.map((lengthBytes, index) => {
    const writer = order.writer + index * SECOND_WRITER;
    return { writer, memory: bufferOf(writer, lengthBytes), partial: [] };
  });
  if (spec.pressureFor !== undefined && spec.door !== "write") {
    pressure ??= startPressure(spec.pressureFor, spec.recordBytes);
    pressure.fileOpened(fd, 0);
  }
  startTogether(cells);
  let sequence = 0;
  while (Atomics.load(cells, STOP) === 0) {
    for (const { writer, memory } of streams) {
      fillRecord(memory.bytes, { writer, generation: order.generation, sequence, lengthBytes: memory.lengthBytes });
    }
    if (spec.sync === true) sync(fd, { dataOnly: true });
    if (spec.prime === true) touch(fd);
    let appendedBytes = 0;
    const results = append(fd, spec, streams);
    pressure?.afterAppend({ requestedBytes: spec.recordBytes, result: results[0] ?? 0, grewBytes: results[0] ?? 0 });
    for (const [index, result] of results.entries()) {
      const { memory, partial } = streams[index] as WriterStream;
      // Nothing was promised for a refused or short record; a refusal of the first one is a refusal of the run.
      if (result !== memory.lengthBytes) partial.push({ sequence, result });
      if (result < 0 && sequence === 0) throw new SyscallError(spec.door, -result, fd.label);
      watch.note(result, memory.lengthBytes, Math.max(0, result));
      appendedBytes += Math.max(0, result);
    }
    sequence += 1;
    const appendedKib = Atomics.add(cells, APPENDED_KIB, Math.ceil(appendedBytes / 1024));
    if (appendedKib >= Atomics.load(cells, LIMIT_KIB)) break;
    if (spec.gapUs !== undefined) libc.usleep(spec.gapUs);
  }
  const tallies: WriterRecord[] = streams.map(({ writer, memory, partial }) => {
    return { writer, recordBytes: memory.lengthBytes, records: sequence, partial };
  });
  pressure?.fileDone(fd);
  const plain = spec.door === "write";
  const line = pressure?.line;
  return {
    tallies,
    writebacks: 0,
    shortWrites: plain ? 0 : watch.reached,
    how: plain ? "" : watch.how,
    pressure: line,
  };
}

function startPressure(directory: Path, appendBytesMax: number): Pressure {
  return Pressure.start({ mode: "cgroup", directory, appendBytesMax, chunkFixed: true, narrate: () => {} });
}

function writeBack(order: RaceOrder, everyUs: number): RaceAnswer {
  const cells = new Int32Array(order.shared);
  const fd = lend(order.fd, "the writeback loop's descriptor");
  let writebacks = 0;
  for (let going = startTogether(cells); going; going = Atomics.load(cells, STOP) === 0) {
    syncRange(fd, { offsetBytes: 0, lengthBytes: 0, flags: SYNC_FILE_RANGE_WRITE });
    writebacks += 1;
    libc.usleep(everyUs);
  }
  return { tallies: [], writebacks, shortWrites: 0, how: "" };
}

self.onmessage = ({ data: order }: MessageEvent<RaceOrder | typeof FINISH>) => {
  try {
    if (order === FINISH) {
      pressure?.[Symbol.dispose]();
      self.postMessage({ tallies: [], writebacks: 0, shortWrites: 0, how: "" } satisfies RaceAnswer);
      return;
    }
    const { spec } = order;
    self.postMessage("door" in spec ? writeRecords(order, spec) : writeBack(order, spec.writebackEveryUs));
  } catch (error) {
    const refused = isSyscallError(error);
    const failure = error instanceof Error ? error.message : String(error);
    self.postMessage({ tallies: [], writebacks: 0, shortWrites: null, how: "", failure, refused } satisfies RaceAnswer);
  }
};
