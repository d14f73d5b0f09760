/**
 * The 48-byte headers of newer fio, which Debian's fio does not write: blocks made here by its struct verify_header
 * (magic, version 0x81, type, length, seed, offset, time, 64-bit number, thread, CRC-32C of the 44 bytes before it).
 */
import { expect, test } from "bun:test";
import { crc32c } from "../../src/judge/fio/crc.ts";
import { fillPayload } from "../../src/judge/fio/payload.ts";
import { fioChecksum } from "../../src/workload/scan/fio-checksums.ts";
import { judgedFio } from "../judge/fio-file.ts";

const BLOCK = 4096;
const BLOCKS = 64;
const HEADER = 48;
const CRC32C = 5;
const MD5 = 2;

function written(type: number, name: string, sumBytes: number): Uint8Array {
  const file = new Uint8Array(new ArrayBuffer(BLOCK * BLOCKS));
  for (let number = 0; number < BLOCKS; number += 1) {
    const block = file.subarray(number * BLOCK, (number + 1) * BLOCK);
    const view = new DataView(block.buffer, block.byteOffset, BLOCK);
    const seed = { lo: Math.imul(number + 1, 0x9e3779b1) >>> 0, hi: number + 77 };
    fillPayload(block, { seed, fromWord: 0 });
    block.set([0xca, 0xac, 0x81, type]);
    view.setUint32(4, BLOCK, true);
    view.setUint32(8, seed.lo, true);
    view.setUint32(12, seed.hi, true);
    view.setBigUint64(16, BigInt(number * BLOCK), true);
    view.setUint32(24, 3, true);
    view.setUint32(28, number * 1000, true);
    view.setBigUint64(32, BigInt(number) + 2n ** 33n, true);
    view.setBigUint64(40, 1n, true);
    view.setUint32(44, crc32c(block.slice(0, 44), 0, 44), true);
    block.set(fioChecksum(name, block.subarray(HEADER + sumBytes)) as Uint8Array, HEADER);
  }
  return file;
}

function judged(file: Uint8Array) {
  return judgedFio(file, file.length).findings.map(({ kind, offsetBytes, lengthBytes, originBytes }) => [
    kind,
    offsetBytes,
    lengthBytes,
    originBytes,
  ]);
}

test.each([
  ["crc32c", CRC32C, 4],
  ["md5", MD5, 16],
] as const)("%s behind a header with a version", (name, type, sumBytes) => {
  const good = written(type, name, sumBytes);
  const damaged = (change: (bytes: Uint8Array) => void) => {
    const bytes = good.slice();
    change(bytes);
    return judged(bytes);
  };
  expect(judged(good)).toEqual([]);
  const flip = (bytes: Uint8Array, at: number) => {
    bytes[at] = (bytes[at] as number) ^ 8;
  };
  expect(damaged((b) => b.copyWithin(8 * BLOCK, 30 * BLOCK, 31 * BLOCK))).toEqual([
    ["misplaced", 8 * BLOCK, BLOCK, 30 * BLOCK],
  ]);
  // In the number, which has 64 bits here; in the checksum; in the payload.
  for (const at of [36, HEADER, HEADER + sumBytes, 2000])
    expect(damaged((b) => flip(b, 9 * BLOCK + at))).toEqual([["bit-flipped", 9 * BLOCK + at, 1, undefined]]);
  expect(damaged((b) => void b.fill(0, 5 * BLOCK, 6 * BLOCK))).toEqual([["zeroed", 5 * BLOCK, BLOCK, undefined]]);
});
