/**
 * What a job of fio wrote, learned from the file itself: the size of its blocks, how they are checked, what fills them, and
 * in which order they were written.
 *
 * Owns looking at every header once (or a sample of a million) before anything is judged. Refuses, in one sentence, what
 * cannot be known from the file alone: no headers, several jobs on one file, blocks of several sizes.
 */
import type { U64 } from "../../pattern/u64.ts";
import { type FioHeader, HEADER_BYTES_MAX, readHeader } from "./header.ts";
import { Order } from "./order.ts";
import { fillPayload } from "./payload.ts";

/** Fills as much of the block as the file has at that offset; how much it was. */
export type ReadAt = (block: Uint8Array, offsetBytes: number) => number;

/** Something about the file makes judging it impossible; the message states what, and what to do. */
export class FioRefusal extends Error {
  override readonly name = "FioRefusal";
}

export interface FioLayout {
  readonly blockBytes: number;
  /** Blocks that one write of fio held: more than one with verify_interval. They share a seed. */
  readonly blocksOfWrite: number;
  /** What headers hold beyond the offset in this file: the job's own offset on the device. */
  readonly baseBytes: number;
  /** Where the first block begins in this file. */
  readonly firstBytes: number;
  readonly checksum: string;
  readonly headBytes: number;
  /** "seeded": by fio's generator; "constant": every block the same; "unknown": only checksums can be trusted. */
  readonly payload: "seeded" | "constant" | "unknown";
  /** The block's bytes when they are constant. */
  readonly template?: Uint8Array;
  readonly thread: number;
  readonly order: Order;
}

const SCAN_BYTES = 1 << 20;
const SCAN_PLACES = 256;
const SECTOR_BYTES = 512;
const HEADERS_MAX = 1 << 20;
const HEADERS_OF_A_TURN = 4096;
/** As many blocks of another job may be strays; more of them are a second job. */
const STRAYS = 0.02;

interface PlacedBlock {
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
function* someHeaders(read: ReadAt, sizeBytes: number): Generator<undefined, PlacedBlock[]> {
  const step = Math.max(SCAN_BYTES, Math.floor(sizeBytes / SCAN_PLACES / SECTOR_BYTES) * SECTOR_BYTES);
  for (let from = 0; from < sizeBytes; from += step) {
    const found = headersIn(read, from, Math.min(SCAN_BYTES, sizeBytes - from));
    if (found.length > 0) return found;
    yield undefined;
  }
  throw new FioRefusal(
    "no header of fio is in it: fio writes them with verify=crc32c, md5, meta and the like; after verify=pattern use --pattern byte:0x…",
  );
}

const mostCommon = (values: readonly number[]): number => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
};

/** Looks at the file's headers, some thousand a turn; throws FioRefusal when it cannot be judged. */
export function* learn(read: ReadAt, sizeBytes: number): Generator<undefined, FioLayout> {
  const some = yield* someHeaders(read, sizeBytes);
  const own = some.filter(({ at, header }) => header.offsetBytes >= at || header.offsetBytes < sizeBytes);
  const blockBytes = mostCommon(own.map(({ header }) => header.lengthBytes));
  const baseBytes = mostCommon(own.map(({ at, header }) => header.offsetBytes - at));
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
  const census = yield* takeCensus(read, { sizeBytes, firstBytes: first.at % blockBytes, blockBytes, baseBytes });
  const { checksum, headBytes } = first.header;
  const grid = { blockBytes, baseBytes, firstBytes: first.at % blockBytes, checksum, headBytes, ...census };
  return { ...grid, ...learnPayload(read, some, grid) };
}

interface Grid {
  readonly sizeBytes: number;
  readonly firstBytes: number;
  readonly blockBytes: number;
  readonly baseBytes: number;
}

/** Reads the header of every block, or of a million of them: who wrote, in which order. */
function* takeCensus(read: ReadAt, { sizeBytes, firstBytes, blockBytes, baseBytes }: Grid) {
  const blocks = Math.floor((sizeBytes - firstBytes) / blockBytes);
  const stride = Math.max(1, Math.ceil(blocks / HEADERS_MAX));
  const head = new Uint8Array(new ArrayBuffer(2048)).subarray(0, HEADER_BYTES_MAX);
  const threads = new Map<number, number>();
  const runs: number[] = [];
  const order = new Order(Math.ceil(blocks / stride));
  let previous: U64 | undefined;
  let run = 1;
  for (let number = 0; number < blocks; number += stride) {
    const at = firstBytes + number * blockBytes;
    if ((number / stride) % HEADERS_OF_A_TURN === 0) yield undefined;
    if (read(head, at) < head.length) break;
    const header = readHeader(head, 0);
    if (header === undefined || header.offsetBytes !== at + baseBytes) continue;
    threads.set(header.thread, (threads.get(header.thread) ?? 0) + 1);
    order.add(header, at);
    if (previous?.lo === header.seed.lo && previous.hi === header.seed.hi) run += 1;
    else if (runs.push(run) > 1000) runs.pop();
    if (previous?.lo !== header.seed.lo || previous.hi !== header.seed.hi) run = 1;
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
  return { thread: jobs[0]?.[0] ?? 0, order, blocksOfWrite: stride > 1 ? 1 : Math.max(1, mostCommon(runs)) };
}

function learnPayload(
  read: ReadAt,
  some: readonly PlacedBlock[],
  grid: Pick<FioLayout, "blockBytes" | "headBytes" | "baseBytes" | "blocksOfWrite">,
): Pick<FioLayout, "payload" | "template"> {
  const { blockBytes, headBytes, baseBytes, blocksOfWrite } = grid;
  const expected = new Uint8Array(new ArrayBuffer(Math.max(2048, blockBytes))).subarray(0, blockBytes);
  const samples = some
    .filter(({ at, header }) => header.lengthBytes === blockBytes && header.offsetBytes === at + baseBytes)
    .slice(0, 32)
    .map(({ at, header }) => {
      const block = new Uint8Array(new ArrayBuffer(blockBytes));
      return { at, header, block, whole: read(block, at) === blockBytes };
    })
    .filter(({ whole }) => whole);
  const seeded = samples.filter(({ header, block }) => {
    const inWrite = Math.floor(header.offsetBytes / blockBytes) % blocksOfWrite;
    fillPayload(expected, { seed: header.seed, fromWord: (inWrite * blockBytes) / 8 });
    return Buffer.compare(expected.subarray(headBytes), block.subarray(headBytes)) === 0;
  });
  if (seeded.length * 2 > samples.length) return { payload: "seeded" };
  for (const { block } of samples.slice(0, 4)) {
    const tail = block.subarray(headBytes);
    const same = samples.filter((other) => Buffer.compare(other.block.subarray(headBytes), tail) === 0);
    if (same.length > 1 && same.length * 2 > samples.length) return { payload: "constant", template: block };
  }
  return { payload: "unknown" };
}
