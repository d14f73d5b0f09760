/**
 * A recording of this thread's calls: both ends of each, with the paths and the contents that went in.
 *
 * Owns capturing at the moment of the call (memory changes afterwards) and the bound: the oldest calls are dropped and
 * counted. Contents cost a look at every byte written, so nothing is recorded unless somebody asked for a trace, a page or
 * a C program. Calls of Workers and child processes are not in it.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { tapCalls } from "../sys/tap.ts";
import { type Content, ContentScan } from "./content.ts";
import { SIGNATURES } from "./signatures.ts";

export interface RecordedCall {
  /** Counts all calls of the recording, from 0. */
  readonly index: number;
  readonly call: string;
  readonly args: readonly number[];
  /** As C returns it, with -errno in the place of -1. */
  readonly result: number;
  /** Nanoseconds since the recording began. */
  readonly startNs: number;
  readonly endNs: number;
  /** What argument `i` pointed to: a path, or bytes. */
  readonly pointed: readonly (Pointed | undefined)[];
}

export type Pointed =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "bytes"; readonly content: Content }
  | { readonly kind: "vectors"; readonly parts: readonly { readonly address: number; readonly content: Content }[] }
  | { readonly kind: "offset*"; readonly offsetBytes: number }
  | { readonly kind: "pair"; readonly descriptors: readonly [number, number] };

const CALLS_MAX = 20_000;
const PATH_BYTES_MAX = 4096;
const IOVEC_BYTES = 16;
const PIECE_BYTES = 256 * 1024;

export class Recorder implements Disposable {
  readonly #calls: RecordedCall[] = [];
  readonly #memory = new OwnMemory();
  readonly #startedNs = Bun.nanoseconds();
  #count = 0;
  #otherThreads = 0;
  #stop: (() => void) | undefined;

  constructor() {
    const { Worker } = globalThis;
    const started = () => {
      this.#otherThreads += 1;
    };
    globalThis.Worker = class extends Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        started();
      }
    };
    const stop = tapCalls({
      before: (call, args) => pointedBefore(this.#memory, call, args),
      after: (call, args, end) => {
        const pointed = pointedAfter(this.#memory, call, args, end.result, end.before as (Pointed | undefined)[]);
        if (this.#calls.length >= CALLS_MAX) this.#calls.shift();
        this.#calls.push({
          index: this.#count,
          call,
          args: [...args],
          result: end.result,
          startNs: end.startNs - this.#startedNs,
          endNs: end.endNs - this.#startedNs,
          pointed,
        });
        this.#count += 1;
      },
    });
    this.#stop = () => {
      globalThis.Worker = Worker;
      stop();
    };
  }

  /** Threads that were started meanwhile; their calls are not in the recording. */
  get otherThreads(): number {
    return this.#otherThreads;
  }

  /** The calls that are still held, oldest first. */
  get calls(): readonly RecordedCall[] {
    return this.#calls;
  }

  /** How many of the oldest calls were dropped. */
  get dropped(): number {
    return this.#count - this.#calls.length;
  }

  /** Ends the recording; what was recorded stays readable. */
  [Symbol.dispose](): void {
    if (this.#stop === undefined) return;
    this.#stop();
    this.#stop = undefined;
    this.#memory.close();
  }
}

/**
 * Reads this process's memory through /proc/self/mem, where a page that is not mapped is an error and not a crash:
 * reproducers hand pages like these to the kernel on purpose.
 */
class OwnMemory {
  readonly #fd = openSync("/proc/self/mem", "r");

  readonly #piece = new Uint8Array(PIECE_BYTES);

  /** The bytes at an address, fewer where the memory ends; for few bytes. */
  bytes(address: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    return bytes.subarray(0, this.#read(bytes, address));
  }

  /** What is at an address, through one small buffer: a run under a memory limit must not need the memory twice. */
  content(address: number, lengthBytes: number): Content {
    const scan = new ContentScan();
    for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
      const piece = this.#piece.subarray(0, Math.min(PIECE_BYTES, lengthBytes - done));
      const got = this.#read(piece, address + done);
      scan.add(piece.subarray(0, got));
      if (got < piece.length) break;
    }
    return scan.content();
  }

  /** Fills `bytes` from an address; how many there were. */
  #read(bytes: Uint8Array, address: number): number {
    let done = 0;
    try {
      while (done < bytes.length) {
        const got = readSync(this.#fd, bytes, done, bytes.length - done, address + done);
        if (got === 0) break;
        done += got;
      }
    } catch {
      // EIO: nothing is mapped from here on.
    }
    return done;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The C string at an address. */
function stringAt(memory: OwnMemory, address: number): string {
  const bytes = memory.bytes(address, PATH_BYTES_MAX);
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString("utf8");
}

function vectorsAt(memory: OwnMemory, address: number, count: number): { address: number; lengthBytes: number }[] {
  const bytes = memory.bytes(address, count * IOVEC_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / IOVEC_BYTES) }, (_, index) => ({
    address: Number(view.getBigUint64(index * IOVEC_BYTES, true)),
    lengthBytes: Number(view.getBigUint64(index * IOVEC_BYTES + 8, true)),
  }));
}

/** Inputs, before the call: afterwards they may be gone. Memory that cannot be read is the call's own business (EFAULT). */
function pointedBefore(memory: OwnMemory, call: string, args: readonly number[]): (Pointed | undefined)[] {
  const parameters = SIGNATURES[call]?.parameters ?? [];
  const lengthOf = () => args[parameters.findIndex(({ kind }) => kind === "length")] ?? 0;
  const countOf = () => args[parameters.findIndex(({ kind }) => kind === "count")] ?? 0;
  return parameters.map(({ kind }, index) => {
    const value = args[index] ?? 0;
    if (value === 0) return undefined;
    if (kind === "path") return { kind, path: stringAt(memory, value) };
    if (kind === "in") return { kind: "bytes", content: memory.content(value, lengthOf()) };
    if (kind === "offset*") {
      const word = memory.bytes(value, 8).slice();
      return { kind, offsetBytes: Number(new DataView(word.buffer).getBigInt64(0, true)) };
    }
    if (kind === "vectors" && call.includes("write")) {
      const parts = vectorsAt(memory, value, countOf()).map(({ address, lengthBytes }) => ({
        address,
        content: memory.content(address, lengthBytes),
      }));
      return { kind, parts };
    }
    return undefined;
  });
}

/** Outputs, after the call: what it delivered. */
function pointedAfter(
  memory: OwnMemory,
  call: string,
  args: readonly number[],
  result: number,
  before: readonly (Pointed | undefined)[],
): (Pointed | undefined)[] {
  const parameters = SIGNATURES[call]?.parameters ?? [];
  return parameters.map(({ kind }, index) => {
    const value = args[index] ?? 0;
    if (result < 0 || value === 0) return before[index];
    if (kind === "out") return { kind: "bytes", content: memory.content(value, result) };
    if (kind === "pair") {
      const [first = -1, second = -1] = new Int32Array(memory.bytes(value, 8).slice().buffer);
      return { kind, descriptors: [first, second] };
    }
    return before[index];
  });
}
