/**
 * The checksums of fio's `verify=`, as fio stores them behind its headers.
 *
 * Owns their byte layouts: fio's crc32 and crc64 begin with 0 and are not inverted, its sha1 is stored in words of the
 * machine, what it stores as sha512 is the buffer of an unfinished hash, as sha256 that of a finished one
 * (`fio-sha256.ts`). Refuses types without a checksum, and sha512 of less than a block, whose buffer fio never
 * initialised: the caller gets undefined.
 */
import { crc32c } from "../../judge/fio/crc.ts";
import { fioSha256 } from "./fio-sha256.ts";

function le(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 0xff);
}

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) value = (value << 1) ^ (value & 0x80000000 ? 0x04c11db7 : 0);
  return value;
});

/** fio's crc32: most significant bit first, beginning with 0, not inverted. */
function crc32(block: Uint8Array): number {
  let value = 0;
  for (const byte of block) value = (value << 8) ^ (CRC32_TABLE[((value >>> 24) ^ byte) & 0xff] as number);
  return value >>> 0;
}

const CRC16_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xa001 : 0);
  return value;
});

function crc16(block: Uint8Array): number {
  let value = 0;
  for (const byte of block) value = (value >>> 8) ^ (CRC16_TABLE[(value ^ byte) & 0xff] as number);
  return value;
}

/** x^7 + x^3 + 1, most significant bit first. */
const CRC7_TABLE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let value = byte & 0x80 ? byte ^ 0x89 : byte;
  for (let bit = 1; bit < 8; bit += 1) value = value & 0x40 ? (value << 1) ^ 0x89 : value << 1;
  return value;
});

function crc7(block: Uint8Array): number {
  let value = 0;
  for (const byte of block) value = CRC7_TABLE[((value << 1) ^ byte) & 0xff] as number;
  return value;
}

/** The reflected polynomial 0x95ac9329ac4bc9b5 (Jones), as two halves. */
const CRC64_LOW = new Uint32Array(256);
const CRC64_HIGH = new Uint32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    const odd = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd) {
      low ^= 0xac4bc9b5;
      high ^= 0x95ac9329;
    }
  }
  CRC64_LOW[byte] = low;
  CRC64_HIGH[byte] = high;
}

function crc64(block: Uint8Array): Uint8Array {
  let low = 0;
  let high = 0;
  for (const byte of block) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (CRC64_LOW[index] as number);
    high = (high >>> 8) ^ (CRC64_HIGH[index] as number);
  }
  return new Uint8Array([...le(low >>> 0, 4), ...le(high >>> 0, 4)]);
}

const SHA512_BLOCK_BYTES = 128;

/** fio never finishes its sha512: the first block, with the bytes behind the last whole one over its beginning. */
function unfinishedSha512(payload: Uint8Array): Uint8Array | undefined {
  if (payload.length < SHA512_BLOCK_BYTES) return undefined;
  const buffer = payload.slice(0, SHA512_BLOCK_BYTES);
  buffer.set(payload.subarray(payload.length - (payload.length % SHA512_BLOCK_BYTES)));
  return buffer;
}

function hashed(name: "md5" | "sha1" | "sha3-224" | "sha3-256" | "sha3-384" | "sha3-512", block: Uint8Array) {
  return new Uint8Array(new Bun.CryptoHasher(name).update(block).digest());
}

/** The checksum as fio stores it; undefined for a type without one. */
export function fioChecksum(name: string, payload: Uint8Array): Uint8Array | undefined {
  switch (name) {
    case "crc32c":
      return le(crc32c(payload, 0, payload.length), 4);
    case "crc32":
      return le(crc32(payload), 4);
    case "crc16":
      return le(crc16(payload), 2);
    case "crc7":
      return le(crc7(payload), 1);
    case "crc64":
      return crc64(payload);
    case "xxhash":
      return le(Bun.hash.xxHash32(payload, 1), 4);
    case "sha1":
      return new Uint8Array(Buffer.from(hashed("sha1", payload)).swap32());
    case "sha256":
      return fioSha256(payload);
    case "sha512":
      return unfinishedSha512(payload);
    case "md5":
    case "sha3-224":
    case "sha3-256":
    case "sha3-384":
    case "sha3-512":
      return hashed(name, payload);
    default:
      return undefined;
  }
}
