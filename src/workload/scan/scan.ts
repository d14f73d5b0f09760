/**
 * Reading what is to be judged: files, block devices, sparse files, pipes; in order into one judge, or in ranges by workers.
 *
 * Owns how bytes get from a descriptor to the judge. Refuses to decide what they mean, and never maps files into memory:
 * a mapped file that shrinks would kill the process.
 */
import type { Judgement } from "../../judge/finding.ts";
import { intactJudgement } from "../../judge/judge.ts";
import { type Path, read } from "../../ops/file.ts";
import { allocate, type Memory, PAGE_BYTES } from "../../ops/memory.ts";
import { Interrupted } from "../../ops/signals.ts";
import type { PatternArguments } from "../../pattern/spec.ts";
import { Holes } from "./holes.ts";
import { type Input, openInput, readStream } from "./input.ts";
import { openPattern, READ_BLOCK_BYTES } from "./patterns.ts";
import type { Rear } from "./rear.ts";

const BLOCK_BYTES_MIN = 64 * 1024;

/** At most so many bytes from an offset; none at the end. The view holds until the next call. */
export type ReadAtMost = (offsetBytes: number, lengthBytes: number) => Uint8Array;

export interface ScanRange {
  readonly from: number;
  /** Infinity: until the end. */
  readonly to: number;
}

/** A worker's part: true when every byte of the range is as the pattern has it. */
export function intactRange({ shared, slot, ...order }: ScanOrder): boolean {
  const done = new Float64Array(shared);
  using comparer = comparerOf(order);
  return comparer.isRight(order.range, (bytes) => {
    done[slot] = bytes;
  });
}

/** Opens the file once, for any of its ranges: true when every byte of one is as the pattern has it. */
export function comparerOf({ path, args, reference }: Pick<ScanOrder, "path" | "args" | "reference">) {
  const input = openInput(path);
  const { pattern } = openPattern(args, reference);
  const memory = allocate(READ_BLOCK_BYTES);
  const isRight = (range: ScanRange, progress?: (bytes: number) => void): boolean => {
    const holes = new Holes(input, range.to);
    for (let at = range.from; at < range.to; ) {
      const hole = holes.at(at);
      if (hole > 0 && pattern.proofBytes > 0 && pattern.holdsZeros !== true) return false;
      if (hole > 0 && pattern.name === "zero") {
        at += hole;
        continue;
      }
      const lengthBytes = Math.min(READ_BLOCK_BYTES, range.to - at);
      const got = read(input.fd, memory, { offsetBytes: at, lengthBytes });
      if (got === 0 || pattern.firstMismatch(firstOf(memory, got), at) >= 0) return false;
      at += got;
      progress?.(at - range.from);
    }
    return true;
  };
  const dispose = () => {
    memory[Symbol.dispose]();
    input.fd[Symbol.dispose]();
  };
  return { isRight, [Symbol.dispose]: dispose };
}

export interface ScanOrder {
  readonly path: Path;
  readonly args: PatternArguments;
  /** The reference's path, where the pattern is one. */
  readonly reference: Path | undefined;
  readonly range: ScanRange;
  readonly shared: SharedArrayBuffer;
  readonly slot: number;
}

/** Splits the range among workers: is all of it intact? undefined when `tick` asks to stop. */
export async function intactInParallel(
  order: Omit<ScanOrder, "shared" | "slot">,
  jobs: number,
  tick: (bytes: number) => boolean,
): Promise<boolean | undefined> {
  const { from, to } = order.range;
  const shared = new SharedArrayBuffer(8 * jobs);
  const done = new Float64Array(shared);
  const share = Math.ceil((to - from) / jobs / READ_BLOCK_BYTES) * READ_BLOCK_BYTES;
  // Known before all ranges are compared: that the run is to stop, and that one of them differs.
  const early = Promise.withResolvers<false | undefined>();
  const timer = setInterval(() => {
    if (!tick(done.reduce((sum, bytes) => sum + bytes, 0))) early.resolve(undefined);
  }, 100);
  const workers: Worker[] = [];
  const answers = Array.from({ length: jobs }, (_, slot) => {
    const range = { from: Math.min(to, from + slot * share), to: Math.min(to, from + (slot + 1) * share) };
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    workers.push(worker);
    worker.postMessage({ ...order, range, shared, slot } satisfies ScanOrder);
    return new Promise<true>((resolve) => {
      worker.onmessage = ({ data }) => (data === true ? resolve(true) : early.resolve(false));
      worker.onerror = () => early.resolve(false);
    });
  });
  const intact = await Promise.race([Promise.all(answers), early.promise]);
  clearInterval(timer);
  for (const worker of workers) worker.terminate();
  return intact === undefined ? undefined : intact !== false;
}

/** The first touch of a page costs more than filling and comparing it: a small file gets fewer of them. */
function blockBytesOf(rangeBytes: number): number {
  const eighth = Math.ceil(rangeBytes / 8 / PAGE_BYTES) * PAGE_BYTES;
  return Math.max(BLOCK_BYTES_MIN, Math.min(READ_BLOCK_BYTES, eighth));
}

/** Who takes the bytes: the stream judge, and the judges of other formats. */
export interface Taker {
  push(block: Uint8Array): void;
  /** How many of the zeros it took; at most about so many that it had to look at. */
  pushZeros(count: number, mostBytes: number): number;
  /** Long work before a block can be pushed. */
  prepare?(block: Uint8Array): Iterable<unknown> | undefined;
  /** True while nothing wrong was seen. */
  readonly intact?: boolean;
}

/** Does the long work before a block, if there is any; false when `tick` said to stop before its end. */
async function isReady(work: Iterable<unknown>, tick: () => Promise<boolean>): Promise<boolean> {
  for (const _ of work) if (!(await tick())) return false;
  return true;
}

/** A megabyte is read and compared in 0.1 ms: the clock is asked for each block, the caller only now and then. */
const TICK_MS = 10;

/** Knows when it is time to ask `tick`; a promise for each block of a clean file would cost more than comparing it. */
class Metronome {
  #at = Number.NEGATIVE_INFINITY;

  get isDue(): boolean {
    const now = performance.now();
    if (now - this.#at < TICK_MS) return false;
    this.#at = now;
    return true;
  }
}

/** How far a judge was fed. */
export interface Fed {
  /** Before the end of the range when there were no more bytes, or when it was stopped. */
  readonly endBytes: number;
  /** By `tick`, or by a signal while a read waited. */
  readonly stopped: boolean;
  /** The byte there is wrong, and the judge was stopped before it could explain why. */
  readonly unexplained?: true;
  /** All before it was right, and so is the rest of the range, which another thread compared. */
  readonly restRight?: true;
}

export interface FeedOptions {
  /** Another way to the bytes. */
  readonly reading?: ReadAtMost | undefined;
  /** Who compares from the end, as long as nothing wrong was seen; disposed of here. */
  readonly rear?: Rear | undefined;
}

/** Feeds a judge with everything in the range, in order; holes without reading them. */
export async function judgeInOrder(
  input: Input,
  judge: Taker,
  range: ScanRange,
  tick: (at: number) => Promise<boolean>,
  { reading, rear: given }: FeedOptions = {},
): Promise<Fed> {
  using memory = allocate(blockBytesOf(range.to - range.from));
  if (input.sizeBytes === undefined) return await judgeStream(input, judge, { range, tick, memory });
  using disposed = given;
  let rear: Rear | undefined = disposed;
  const holes = new Holes(input, range.to);
  const time = new Metronome();
  let at = range.from;
  while (at < range.to) {
    if (time.isDue && !(await tick(at + (rear?.takenBytes ?? 0)))) return { endBytes: at, stopped: true };
    const hole = holes.at(at);
    // What is wrong is explained in order, and with it all that follows: the other thread would only be in the way.
    if (rear !== undefined && (hole > 0 || judge.intact !== true)) {
      rear[Symbol.dispose]();
      rear = undefined;
    }
    if (hole > 0) {
      at += judge.pushZeros(hole, READ_BLOCK_BYTES * 16);
      continue;
    }
    const mine = rear?.mine(at) ?? Infinity;
    if (mine === 0) {
      const right = await rear?.isRight(() => tick(range.to));
      if (right === undefined) return { endBytes: at, stopped: true };
      if (right) return { endBytes: at, stopped: false, restRight: true };
      rear = undefined;
      continue;
    }
    const lengthBytes = Math.min(memory.lengthBytes, range.to - at, holes.dataEnd - at, mine);
    const block =
      reading?.(at, lengthBytes) ?? firstOf(memory, read(input.fd, memory, { offsetBytes: at, lengthBytes }));
    if (block.length === 0) break;
    const work = judge.prepare?.(block);
    if (work !== undefined && !(await isReady(work, () => tick(at))))
      return { endBytes: at, stopped: true, unexplained: true };
    judge.push(block);
    at += block.length;
  }
  return { endBytes: at, stopped: false };
}

async function judgeStream(
  input: Input,
  judge: Taker,
  { range, tick, memory }: { range: ScanRange; tick: (at: number) => Promise<boolean>; memory: Memory },
): Promise<Fed> {
  let at = range.from;
  while (at < range.to) {
    if (!(await tick(at))) return { endBytes: at, stopped: true };
    const got = readUnlessStopped(input, memory, Math.min(memory.lengthBytes, range.to - at));
    if (got === undefined) return { endBytes: at, stopped: true };
    if (got === 0) break;
    const block = memory.bytes.subarray(0, got);
    const work = judge.prepare?.(block);
    if (work !== undefined && !(await isReady(work, () => tick(at))))
      return { endBytes: at, stopped: true, unexplained: true };
    judge.push(block);
    at += got;
  }
  return { endBytes: at, stopped: false };
}

/** What was read: nearly always all of it, so that no view has to be made. */
function firstOf({ bytes }: Memory, length: number): Uint8Array {
  return length === bytes.length ? bytes : bytes.subarray(0, length);
}

/** The bytes read; undefined when a signal came while it waited for more: what was read before is judged all the same. */
function readUnlessStopped(input: Input, memory: Memory, lengthBytes: number): number | undefined {
  try {
    return readStream(input, memory, lengthBytes);
  } catch (error) {
    if (error instanceof Interrupted) return undefined;
    throw error;
  }
}

export function intact(from: number, to: number): Judgement {
  return intactJudgement(from, to - from);
}

/** A stream has no position to begin at: what comes before is read and not judged. The bytes that were there. */
export function skip(input: Input, bytes: number): number {
  using memory = allocate(READ_BLOCK_BYTES);
  let skipped = 0;
  while (skipped < bytes) {
    const got = readStream(input, memory, Math.min(bytes - skipped, READ_BLOCK_BYTES));
    if (got === 0) break;
    skipped += got;
  }
  return skipped;
}
