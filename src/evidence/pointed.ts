/**
 * What the arguments of a call point to: paths, contents, offsets, read at the moment of the call.
 *
 * Owns reading this process's memory so that a page that is not mapped does not crash it, through one small buffer: a run under
 * a memory limit must not need the memory twice.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { type Content, ContentScan } from "./content.ts";
import { SIGNATURES } from "./signatures.ts";

/** A struct iovec; less content than its length where the memory ends. */
export interface VectorPart {
  readonly address: number;
  readonly lengthBytes?: number;
  readonly content: Content;
}

export type Pointed =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "bytes"; readonly content: Content }
  | { readonly kind: "vectors"; readonly parts: readonly VectorPart[] }
  | { readonly kind: "offset*"; readonly offsetBytes: number }
  | { readonly kind: "pair"; readonly descriptors: readonly [number, number] };

const PATH_BYTES_MAX = 4096;
const IOVEC_BYTES = 16;
const PIECE_BYTES = 256 * 1024;

/**
 * Reads this process's memory through /proc/self/mem, where a page that is not mapped is an error and not a crash:
 * reproducers hand pages like these to the kernel on purpose.
 */
export class OwnMemory {
  readonly #fd = openSync("/proc/self/mem", "r");

  readonly #piece: Uint8Array | undefined;

  /** `contents`: whether contents are looked at; a thread that races has no time for it. */
  constructor({ contents }: { readonly contents: boolean }) {
    this.#piece = contents ? new Uint8Array(PIECE_BYTES) : undefined;
  }

  /** The bytes at an address, fewer where the memory ends; for few bytes. */
  bytes(address: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    return bytes.subarray(0, this.#read(bytes, address));
  }

  /** What is at an address, through one small buffer: a run under a memory limit must not need the memory twice. */
  content(address: number, lengthBytes: number): Content {
    if (this.#piece === undefined) return { shape: "other", hash: "", lengthBytes };
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
export function pointedBefore(memory: OwnMemory, call: string, args: readonly number[]): (Pointed | undefined)[] {
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
        lengthBytes,
        content: memory.content(address, lengthBytes),
      }));
      return { kind, parts };
    }
    return undefined;
  });
}

/** Outputs, after the call: what it delivered. */
export function pointedAfter(
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
