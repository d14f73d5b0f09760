/**
 * The header that fio(1) puts into each block when it writes with `verify=`: magic, kind of checksum, length, seed, offset,
 * time, job, number of the operation, and a CRC of all that (fio's verify.h).
 *
 * Owns both layouts: 40 bytes up to fio 3.36, 48 bytes with a version byte after it. Refuses to believe a header whose CRC
 * is wrong. Checksums are functions that callers bring: this room computes nothing that a library can.
 */
import { readWord, TWO_32, type U64 } from "../../pattern/u64.ts";
import { crc32c } from "./crc.ts";

/** The first byte of every header. */
export const MAGIC_LOW = 0xca;
const MAGIC_HIGH = 0xac;

/** The largest header with the largest checksum behind it. */
export const HEADER_BYTES_MAX = 48 + 128;

/** Each `verify_type`: its name, as the option is spelled, and the bytes of its checksum. */
const CHECKSUMS: ReadonlyMap<number, { readonly name: string; readonly bytes: number }> = new Map(
  (
    [
      [1, "meta", 0],
      [2, "md5", 16],
      [3, "crc64", 8],
      [4, "crc32", 4],
      [5, "crc32c", 4],
      [6, "crc32c", 4],
      [7, "crc16", 2],
      [8, "crc7", 1],
      [9, "sha256", 64],
      [10, "sha512", 128],
      [11, "sha3-224", 28],
      [12, "sha3-256", 32],
      [13, "sha3-384", 48],
      [14, "sha3-512", 64],
      [15, "xxhash", 4],
      [16, "sha1", 20],
      [17, "pattern_hdr", 0],
    ] as const
  ).map(([type, name, bytes]) => [type, { name, bytes }]),
);

export interface FioHeader {
  /** "crc32c", "md5", "meta" … */
  readonly checksum: string;
  /** Bytes of header and checksum; the payload follows. */
  readonly headBytes: number;
  /** Where the checksum begins. */
  readonly checksumAt: number;
  readonly lengthBytes: number;
  readonly seed: U64;
  readonly offsetBytes: number;
  /** Since fio's start. */
  readonly timeNs: number;
  /** Number of the job, from 1. */
  readonly thread: number;
  /** Number of the operation in its job, modulo `operations`. */
  readonly operation: number;
  readonly operations: number;
}

/** The header at the index, or undefined when no sound one is there. */
export function readHeader(block: Uint8Array, index: number): FioHeader | undefined {
  if (block[index] !== MAGIC_LOW || block[index + 1] !== MAGIC_HIGH) return undefined;
  const versioned = (block[index + 2] as number) >= 0x80;
  const bytes = versioned ? 48 : 40;
  if (index + bytes > block.length) return undefined;
  if (readWord(block, index + bytes - 8).hi !== crc32c(block, index, bytes - 4)) return undefined;
  const checksum = CHECKSUMS.get(block[index + (versioned ? 3 : 2)] as number);
  if (checksum === undefined) return undefined;
  const offset = readWord(block, index + 16);
  const time = readWord(block, index + 24);
  const counts = readWord(block, index + 32);
  return {
    checksum: checksum.name,
    headBytes: bytes + checksum.bytes,
    checksumAt: bytes,
    lengthBytes: readWord(block, index).hi,
    seed: readWord(block, index + 8),
    offsetBytes: offset.hi * TWO_32 + offset.lo,
    timeNs: time.lo * 1e9 + time.hi,
    thread: versioned ? readWord(block, index + 40).lo & 0xffff : counts.lo & 0xffff,
    operation: versioned ? counts.hi * TWO_32 + counts.lo : counts.lo >>> 16,
    operations: versioned ? Number.MAX_SAFE_INTEGER : 65536,
  };
}

/** What flipping each bit does to the CRC: a CRC is linear, so the flips that explain a wrong one are looked up. */
function syndromes(bytes: number): Map<number, number> {
  const zeros = new Uint8Array(bytes - 4);
  const base = crc32c(zeros, 0, zeros.length);
  const found = new Map<number, number>();
  for (let bit = 0; bit < zeros.length * 8; bit += 1) {
    zeros[bit >> 3] = 1 << (bit & 7);
    found.set((crc32c(zeros, 0, zeros.length) ^ base) >>> 0, bit);
    zeros[bit >> 3] = 0;
  }
  for (let bit = 0; bit < 32; bit += 1) found.set((1 << bit) >>> 0, zeros.length * 8 + bit);
  return found;
}

const tables = new Map<number, ReadonlyMap<number, number>>();

function syndromesOf(bytes: number): ReadonlyMap<number, number> {
  const table = tables.get(bytes) ?? syndromes(bytes);
  tables.set(bytes, table);
  return table;
}

/**
 * The header at the beginning of the block with one or two flipped bits turned back, where that makes it sound: the bits
 * (numbered from the lowest of the first byte) and the block's beginning as it was meant.
 */
export function repairHeader(
  block: Uint8Array,
): { readonly header: FioHeader; readonly bits: readonly number[]; readonly head: Uint8Array } | undefined {
  for (const bytes of [40, 48]) {
    if (block.length < bytes) return undefined;
    const table = syndromesOf(bytes);
    const wrong = (crc32c(block, 0, bytes - 4) ^ readWord(block, bytes - 8).hi) >>> 0;
    for (const bits of explanations(table, wrong)) {
      const head = new Uint8Array(block.subarray(0, HEADER_BYTES_MAX));
      for (const bit of bits) head[bit >> 3] = (head[bit >> 3] as number) ^ (1 << (bit & 7));
      const header = readHeader(head, 0);
      if (header !== undefined) return { header, bits, head };
    }
  }
  return undefined;
}

function* explanations(table: ReadonlyMap<number, number>, wrong: number): Generator<readonly number[]> {
  const alone = table.get(wrong);
  if (alone !== undefined) yield [alone];
  for (const [syndrome, a] of table) {
    const b = table.get((wrong ^ syndrome) >>> 0);
    if (b !== undefined && b > a) yield [a, b];
  }
}

/** In words of how many bytes the block's are reversed, where turning them back makes it the block of that offset. */
export function reversedWords(block: Uint8Array, offsetBytes: number): 2 | 4 | 8 | undefined {
  for (const size of [8, 4, 2] as const) {
    if (block.length % size !== 0) continue;
    const turned = Buffer.from(block);
    if (size === 8) turned.swap64();
    else if (size === 4) turned.swap32();
    else turned.swap16();
    if (readHeader(turned, 0)?.offsetBytes === offsetBytes) return size;
  }
  return undefined;
}
