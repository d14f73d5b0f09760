/**
 * Reading what is to be judged: files, block devices, sparse files, pipes; in order into one judge, or in ranges by workers.
 *
 * Owns how bytes get from a descriptor to the judge. Refuses to decide what they mean, and never maps files into memory:
 * a mapped file that shrinks would kill the process.
 */

import type { Judgement } from "../../judge/finding.ts";
import type { Judge } from "../../judge/judge.ts";
import { Inconclusive, isSyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { openFile, type Path, pathText, read, readAt } from "../../ops/file.ts";
import { allocate } from "../../ops/memory.ts";
import { nextData, seek } from "../../ops/space.ts";
import { exists, statPath } from "../../ops/stat.ts";
import { Counter } from "../../pattern/counter.ts";
import type { Pattern } from "../../pattern/pattern.ts";
import { reference } from "../../pattern/reference.ts";
import { tagged } from "../../pattern/tagged.ts";
import { zero } from "../../pattern/zero.ts";
import { O_RDONLY, SEEK_END } from "../../sys/uapi/fcntl.ts";

/** Small enough to stay in the second-level cache between the kernel's copy and the comparison. */
const BLOCK_BYTES = 256 * 1024;

export interface PatternArguments {
  readonly pattern: string;
  readonly generation: number;
  readonly writer: number;
  readonly recordBytes: number;
}

export function patternOf({ pattern, generation, writer, recordBytes }: PatternArguments): {
  pattern: Pattern;
  endBytes?: number;
} {
  if (pattern === "counter") return { pattern: new Counter({ generation }) };
  if (pattern === "tagged") return { pattern: tagged({ generation, writer, recordBytes }) };
  if (pattern === "zero") return { pattern: zero() };
  const fd = openFile(pattern.slice("reference:".length), O_RDONLY);
  const endBytes = seek(fd, 0, SEEK_END);
  const memory = allocate(BLOCK_BYTES);
  const readReference = (block: Uint8Array, offsetBytes: number) => {
    for (let done = 0; done < block.length; ) {
      const lengthBytes = Math.min(block.length - done, BLOCK_BYTES);
      const got = readAt(fd, memory, offsetBytes + done, { lengthBytes });
      if (got === 0) throw new Inconclusive(`the reference ${fd.label} shrank while it was read`);
      block.set(memory.bytes.subarray(0, got), done);
      done += got;
    }
  };
  return { pattern: reference({ lengthBytes: endBytes, read: readReference }), endBytes };
}

/** Why no pattern can be made of these arguments, in one line. The reference's file was looked at before. */
export function whyNoPattern(args: PatternArguments): string | undefined {
  if (args.pattern.startsWith("reference:")) return undefined;
  try {
    patternOf(args);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

export interface Range {
  readonly from: number;
  /** Infinity: until the end. */
  readonly to: number;
}

/** A worker's part: true when every byte of the range is as the pattern says. */
export function intactRange(
  path: Path,
  args: PatternArguments,
  range: Range,
  done: Float64Array,
  slot: number,
): boolean {
  using fd = openFile(path, O_RDONLY);
  const { pattern } = patternOf(args);
  const memory = allocate(BLOCK_BYTES);
  for (let at = range.from; at < range.to; ) {
    const got = readAt(fd, memory, at, { lengthBytes: Math.min(BLOCK_BYTES, range.to - at) });
    if (got === 0 || pattern.firstMismatch(memory.bytes.subarray(0, got), at) >= 0) return false;
    at += got;
    done[slot] = at - range.from;
  }
  return true;
}

export interface Order {
  readonly path: Path;
  readonly args: PatternArguments;
  readonly range: Range;
  readonly shared: SharedArrayBuffer;
  readonly slot: number;
}

/** Splits the range among workers; true when all of it is intact. */
export async function intactInParallel(
  order: Omit<Order, "shared" | "slot">,
  jobs: number,
  tick: (bytes: number) => void,
): Promise<boolean> {
  const { from, to } = order.range;
  const shared = new SharedArrayBuffer(8 * jobs);
  const done = new Float64Array(shared);
  const share = Math.ceil((to - from) / jobs / BLOCK_BYTES) * BLOCK_BYTES;
  const timer = setInterval(() => tick(done.reduce((sum, bytes) => sum + bytes, 0)), 100);
  const workers: Worker[] = [];
  const answers = Array.from({ length: jobs }, (_, slot) => {
    const range = { from: Math.min(to, from + slot * share), to: Math.min(to, from + (slot + 1) * share) };
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    workers.push(worker);
    worker.postMessage({ ...order, range, shared, slot } satisfies Order);
    return new Promise<boolean>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data === true);
      worker.onerror = () => resolve(false);
    });
  });
  const all = await Promise.all(answers);
  clearInterval(timer);
  for (const worker of workers) worker.terminate();
  return all.every((intact) => intact);
}

/** Feeds the judge with everything in the range, in order; holes without reading them. */
export async function judgeInOrder(
  fd: Fd,
  judge: Judge,
  range: Range & { seekable: boolean },
  tick: (at: number) => Promise<boolean>,
): Promise<number> {
  const memory = allocate(BLOCK_BYTES);
  let at = range.from;
  let dataEnd = at;
  while (at < range.to && (await tick(at))) {
    const lengthBytes = Math.min(BLOCK_BYTES, range.to - at);
    if (!range.seekable) {
      const got = read(fd, memory, { lengthBytes });
      if (got === 0) break;
      judge.push(memory.bytes.subarray(0, got));
      at += got;
      continue;
    }
    if (at >= dataEnd) {
      const data = nextData(fd, at);
      const holeEnd = Math.min(range.to, data?.offsetBytes ?? seek(fd, 0, SEEK_END));
      if (holeEnd > at) judge.pushZeros(holeEnd - at);
      at = Math.max(at, holeEnd);
      if (data === undefined) break;
      dataEnd = data.offsetBytes + data.lengthBytes;
      continue;
    }
    const got = readAt(fd, memory, at, { lengthBytes: Math.min(lengthBytes, dataEnd - at) });
    if (got === 0) break;
    judge.push(memory.bytes.subarray(0, got));
    at += got;
  }
  return at;
}

export function whyUnreadable(path: Path): string | undefined {
  if (pathText(path) === "-") return undefined;
  if (!exists(path)) return `no such file: ${pathText(path)}`;
  try {
    const { kind } = statPath(path);
    if (kind === "directory") return `${pathText(path)} is a directory; name a file, a device or -`;
    if (kind === "socket") return `${pathText(path)} is a socket; pipe what it sends into verify.ts -`;
    // Opening a named pipe would wait for its writer, and closing it again would end the writer.
    if (kind === "pipe") return undefined;
    openFile(path, O_RDONLY).close();
    return undefined;
  } catch (error) {
    if (isSyscallError(error)) return `${pathText(path)} cannot be opened for reading: ${error.code}`;
    throw error;
  }
}

export function intact(from: number, to: number): Judgement {
  const segments = [{ offsetBytes: from, lengthBytes: to - from, kind: "intact" as const }];
  return { verifiedBytes: to - from, findings: [], findingsLeftOut: 0, segments, segmentsLeftOut: 0 };
}

/** A stream has no position to begin at: what comes before is read and not judged. */
export async function skip(fd: Fd, bytes: number): Promise<void> {
  using memory = allocate(BLOCK_BYTES);
  for (let left = bytes; left > 0; ) {
    const got = read(fd, memory, { lengthBytes: Math.min(left, BLOCK_BYTES) });
    if (got === 0) return;
    left -= got;
  }
}
