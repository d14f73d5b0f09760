/**
 * What a job of fio wrote, learned from the file itself: the size of its blocks, how they are checked, what fills them, and
 * in which order they were written.
 *
 * Owns looking at every header once (or a sample of a million) before anything is judged. Refuses, in one sentence, what
 * cannot be known from the file alone: no headers, several jobs on one file, blocks of several sizes.
 */
import type { U64 } from "../../pattern/u64.ts";
import { learnPayload } from "./content.ts";
import { type FioHeader, HEADER_BYTES_MAX, MAGIC_LOW, readHeader } from "./header.ts";
import { Order } from "./order.ts";
import { fillPayload } from "./payload.ts";

/** Fills as much of the block as the file has at that offset; how much it was. */
export type ReadAt = (block: Uint8Array, offsetBytes: number) => number;

/** Where a file holds nothing, so that it need not be read. */
export interface Sparse {
  /** How many bytes of hole begin at the offset; 0 in data. */
  at(offsetBytes: number): number;
  /** Where the data that holds the last offset asked for ends. */
  readonly dataEnd: number;
}

/** Something about the file makes judging it impossible; the message states what, and what to do. */
export class FioRefusal extends Error {
  override readonly name = "FioRefusal";
}

export interface FioLayout {
  readonly blockBytes: number;
  /** Blocks that one write of fio held: more than one with verify_interval. They share a seed. */
  readonly blocksOfWrite: number;
  /** The most that a write held: more than `blocksOfWrite` with several sizes of blocks. */
  readonly blocksOfWriteMax: number;
  /** What headers hold beyond the offset in this file: the job's own offset on the device. */
  readonly baseBytes: number;
  /** Where the first block begins in this file. */
  readonly firstBytes: number;
  readonly checksum: string;
  readonly headBytes: number;
  /** Of the checksum at its end. */
  readonly checksumBytes: number;
  /** "seeded": by fio's generator; "constant": every block the same; "unknown": only checksums can be trusted. */
  readonly payload: "seeded" | "constant" | "unknown";
  /** The block's bytes when they are constant. */
  readonly template?: Uint8Array;
  readonly thread: number;
  readonly order: Order;
  /** The bytes that every header begins with. */
  readonly beginning: Uint8Array;
  /**
   * There are more blocks without a header than writes are missing, so that most of them were never written: how many
   * writes are missing, and of how many.
   */
  readonly unwritten?: { readonly missing: number; readonly operations: number };
}

/** Magic, kind of checksum, length. */
export const BEGINNING_BYTES = 8;

const SCAN_BYTES = 1 << 20;
const SCAN_PLACES = 256;
const SECTOR_BYTES = 512;
const HEADERS_MAX = 1 << 20;
const HEADERS_OF_A_TURN = 4096;
/** As many blocks of another job may be strays; more of them are a second job. */
const STRAYS = 0.02;

/** A header, and where in the file it is. */
export interface PlacedBlock {
  readonly at: number;
  readonly header: FioHeader;
}

/** Every sound header at a sector of the range. */
function headersIn(read: ReadAt, from: number, lengthBytes: number): PlacedBlock[] {
  const block = new Uint8Array(new ArrayBuffer(lengthBytes));
  const got = read(block, from);
  const found: PlacedBlock[] = [];
  for (let index = 0; index + HEADER_BYTES_MAX <= got; index += SECTOR_BYTES) {
    const header = readHeader(block, index);
    if (header !== undefined) found.push({ at: from + index, header });
  }
  return found;
}

/** A stretch of the file that has headers: its beginning, or the first of some places along it. */
function* someHeaders(read: ReadAt, sizeBytes: number, holes?: Sparse): Generator<undefined, PlacedBlock[]> {
  const step = Math.max(SCAN_BYTES, Math.floor(sizeBytes / SCAN_PLACES / SECTOR_BYTES) * SECTOR_BYTES);
  for (let from = 0; from < sizeBytes; from += step) {
    from += wholeSectors(holes?.at(from) ?? 0);
    if (from >= sizeBytes) break;
    const found = headersIn(read, from, Math.min(SCAN_BYTES, sizeBytes - from));
    if (found.length > 0) return found;
    yield undefined;
  }
  refuseOddPlaces(read);
  throw new FioRefusal(
    "no header of fio is in it: fio writes them with verify=crc32c, md5, meta and the like; after verify=pattern use --pattern byte:0x…",
  );
}

const wholeSectors = (bytes: number) => Math.floor(bytes / SECTOR_BYTES) * SECTOR_BYTES;

const mostCommon = (values: readonly number[]): number => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
};

/** Looks at the file's headers, some thousand a turn; throws FioRefusal when it cannot be judged. */
export function* learn(read: ReadAt, sizeBytes: number, holes?: Sparse): Generator<undefined, FioLayout> {
  const some = yield* someHeaders(read, sizeBytes, holes);
  const own = some.filter(({ at, header }) => header.offsetBytes >= at || header.offsetBytes < sizeBytes);
  const blockBytes = mostCommon(own.map(({ header }) => header.lengthBytes));
  const bases = own.map(({ at, header }) => header.offsetBytes - at);
  // Blocks in their places show that the others are not, however many they are.
  const baseBytes = bases.filter((base) => base === 0).length > 1 ? 0 : mostCommon(bases);
  const first = own.find(
    ({ at, header }) => header.lengthBytes === blockBytes && header.offsetBytes - at === baseBytes,
  );
  if (first === undefined || blockBytes < SECTOR_BYTES)
    throw new FioRefusal("its headers of fio contradict each other");
  const odd = own.filter(
    ({ at, header }) => header.offsetBytes - at === baseBytes && header.lengthBytes !== blockBytes,
  );
  if (odd.length > Math.max(1, own.length * STRAYS)) {
    const sizes = [...new Set(own.map(({ header }) => header.lengthBytes))].sort((a, b) => a - b);
    throw new FioRefusal(
      `fio wrote it in blocks of several sizes (${sizes.slice(0, 4).join(", ")}): where one overwrote another cannot be distinguished from damage; use one bs, or verify_interval`,
    );
  }
  const offGrid = own.filter(
    ({ at, header }) => header.offsetBytes - at === baseBytes && (at - first.at) % blockBytes !== 0,
  );
  if (offGrid.length > Math.max(1, own.length * STRAYS))
    throw new FioRefusal(
      "its blocks of fio overlap (blockalign is smaller than bs): which of them wrote a byte last cannot be known",
    );
  refuseVerifyOffset(read, first);
  const whole = { sizeBytes, firstBytes: first.at % blockBytes, blockBytes, baseBytes, holes };
  const census = yield* takeCensus(read, whole);
  const { checksum, headBytes, checksumAt } = first.header;
  const beginning = new Uint8Array(BEGINNING_BYTES);
  read(beginning, first.at);
  const checks = { checksum, headBytes, checksumBytes: headBytes - checksumAt, beginning };
  const grid = { blockBytes, baseBytes, firstBytes: first.at % blockBytes, ...checks, ...census };
  return { ...grid, ...learnPayload(read, some, grid) };
}

interface Grid {
  readonly sizeBytes: number;
  readonly firstBytes: number;
  readonly blockBytes: number;
  readonly baseBytes: number;
  readonly holes: Sparse | undefined;
}

/** How many bytes of data there are. */
function dataBytesOf({ sizeBytes, holes }: Grid): number {
  if (holes === undefined) return sizeBytes;
  let sum = 0;
  for (let at = 0; at < sizeBytes; ) {
    at += holes.at(at);
    const end = Math.min(sizeBytes, holes.dataEnd);
    if (at >= sizeBytes || end <= at) break;
    sum += end - at;
    at = end;
  }
  return sum;
}

/** Reads the header of every block, or of a million of them: who wrote, in which order. */
function* takeCensus(read: ReadAt, grid: Grid) {
  const { sizeBytes, firstBytes, blockBytes, baseBytes, holes } = grid;
  const blocks = Math.floor((sizeBytes - firstBytes) / blockBytes);
  const stride = Math.max(1, Math.ceil(dataBytesOf(grid) / blockBytes / HEADERS_MAX));
  const head = new Uint8Array(new ArrayBuffer(2048)).subarray(0, HEADER_BYTES_MAX);
  const threads = new Map<number, number>();
  const runs: number[] = [];
  const order = new Order(Math.ceil(Math.min(blocks / stride, 2 * HEADERS_MAX)));
  let previous: U64 | undefined;
  let run = 1;
  let longest = 1;
  let headless = 0;
  for (let number = 0; number < blocks; number += stride) {
    const at = firstBytes + number * blockBytes;
    const skipped = Math.floor((holes?.at(at) ?? 0) / blockBytes / stride);
    if (skipped > 0) {
      headless += skipped;
      number += (skipped - 1) * stride;
      continue;
    }
    if ((number / stride) % HEADERS_OF_A_TURN === 0) yield undefined;
    if (read(head, at) < head.length) break;
    const header = readHeader(head, 0);
    headless += Number(header === undefined);
    if (header === undefined || header.offsetBytes !== at + baseBytes) continue;
    threads.set(header.thread, (threads.get(header.thread) ?? 0) + 1);
    order.add(header, at);
    if (previous?.lo === header.seed.lo && previous.hi === header.seed.hi) run += 1;
    else if (runs.push(run) > 1000) runs.pop();
    if (previous?.lo !== header.seed.lo || previous.hi !== header.seed.hi) run = 1;
    longest = Math.max(longest, run);
    previous = header.seed;
  }
  if (runs.push(run) > 0) runs.shift();
  const sound = [...threads.values()].reduce((sum, count) => sum + count, 0);
  const jobs = [...threads].filter(([, count]) => count > Math.max(1, sound * STRAYS));
  if (jobs.length > 1) {
    const names = jobs.map(([thread, count]) => `job ${thread} ${count} blocks`).join(", ");
    throw new FioRefusal(`several jobs of fio wrote it (${names}): which of them wrote a block last cannot be known`);
  }
  order.finish();
  const { missing, operations } = order;
  // A random map writes every block in each pass; without one (norandommap) there are far older ones, and some never come.
  const isWithoutMap = order.countOlder(2 * blocks) > Math.max(2, 2 * blocks * STRAYS);
  const isUnwritten = stride === 1 && (isWithoutMap || headless > missing + Math.max(1, blocks * STRAYS));
  return {
    thread: [...threads].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0,
    order,
    blocksOfWrite: stride > 1 ? 1 : Math.max(1, mostCommon(runs)),
    blocksOfWriteMax: stride > 1 ? 1 : longest,
    ...(isUnwritten && { unwritten: { missing, operations } }),
  };
}

/** Headers that are not where sectors begin: fio puts them there with a verify_offset that is not one. */
function refuseOddPlaces(read: ReadAt): void {
  const block = new Uint8Array(new ArrayBuffer(SCAN_BYTES));
  const got = block.subarray(0, read(block, 0));
  for (let at = got.indexOf(MAGIC_LOW); at >= 0; at = got.indexOf(MAGIC_LOW, at + 1)) {
    const header = readHeader(got, at);
    if (header === undefined) continue;
    throw new FioRefusal(
      `its headers of fio are not where sectors begin: the one at ${at} is of the block at ${header.offsetBytes}; blocks written with such a verify_offset, or cut out of a file, are not judged`,
    );
  }
}

/** Refuses headers that fio swapped with payload further on in their blocks (`verify_offset`). */
function refuseVerifyOffset(read: ReadAt, { at, header }: PlacedBlock): void {
  const { offsetBytes, lengthBytes, headBytes, seed } = header;
  const into = at - offsetBytes;
  // Without a seed (a pattern is the payload) every block is like every other.
  if (into < headBytes || into + headBytes > lengthBytes || (seed.lo === 0 && seed.hi === 0)) return;
  const block = new Uint8Array(new ArrayBuffer(Math.max(2048, lengthBytes))).subarray(0, lengthBytes);
  const expected = new Uint8Array(new ArrayBuffer(Math.max(2048, lengthBytes))).subarray(0, lengthBytes);
  fillPayload(expected, { seed, fromWord: 0 });
  if (read(block, offsetBytes) < lengthBytes) return;
  if (Buffer.compare(block.subarray(0, headBytes), expected.subarray(into, into + headBytes)) !== 0) return;
  throw new FioRefusal(
    `fio put its headers ${into} bytes into the blocks (verify_offset): such blocks are not judged; without verify_offset they are`,
  );
}
