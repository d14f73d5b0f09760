/**
 * CRC-32C as fio uses it: Castagnoli's polynomial, reflected, beginning with all ones, not inverted at the end.
 *
 * Owns the table for machines without the compiled loop, and for short arrays, which the garbage collector may move.
 */
import { NATIVE_BYTES_MIN, nativeLoops } from "../../sys/loops.ts";

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
  return value;
});

/** The CRC of `count` bytes from the index on. */
export function crc32c(block: Uint8Array, index: number, count: number): number {
  const native = block.length >= NATIVE_BYTES_MIN ? nativeLoops() : undefined;
  if (native !== undefined) return native.crc32c(block, index, count, 0xffffffff) >>> 0;
  let value = 0xffffffff;
  for (let i = index; i < index + count; i += 1) {
    value = (value >>> 8) ^ (TABLE[(value ^ (block[i] as number)) & 0xff] as number);
  }
  return value >>> 0;
}
