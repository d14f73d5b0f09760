/**
 * A file or device that fio(1) wrote with `verify=`, judged: reading it at any place, and the checksums fio knows.
 *
 * Owns the checksums' byte layouts as fio stores them. Refuses streams: the blocks' headers are looked at before the blocks
 * are. sha256 and sha512 are not computed (fio stores an unfinished state of them); the payload is compared instead.
 */
import type { Judgement } from "../../judge/finding.ts";
import { crc32c } from "../../judge/fio/crc.ts";
import { type Checksum, FioJudge } from "../../judge/fio/judge.ts";
import { FioRefusal, learn, type ReadAt } from "../../judge/fio/layout.ts";
import { Inconclusive, UsageError } from "../../ops/errors.ts";
import { pathText, read } from "../../ops/file.ts";
import { allocate } from "../../ops/memory.ts";
import type { Input } from "./input.ts";
import type { ReadAtMost } from "./scan.ts";

const READ_BYTES = 1 << 20;

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

const hashed = (name: "md5" | "sha1" | "sha3-224" | "sha3-256" | "sha3-384" | "sha3-512", block: Uint8Array) =>
  new Uint8Array(new Bun.CryptoHasher(name).update(block).digest());

const checksum: Checksum = (name, payload) => {
  switch (name) {
    case "crc32c":
      return le(crc32c(payload, 0, payload.length), 4);
    case "crc32":
      return le(crc32(payload), 4);
    case "crc16":
      return le(crc16(payload), 2);
    case "xxhash":
      return le(Bun.hash.xxHash32(payload, 1), 4);
    case "sha1":
      return new Uint8Array(Buffer.from(hashed("sha1", payload)).swap32());
    case "md5":
    case "sha3-224":
    case "sha3-256":
    case "sha3-384":
    case "sha3-512":
      return hashed(name, payload);
    default:
      return undefined;
  }
};

/** Judges the whole of a file or device; undefined when `tick` said to stop. `reading` is another way to its bytes. */
export async function judgeFio(
  input: Input,
  expectBytes: number | undefined,
  { tick, reading }: { tick: (at: number) => Promise<boolean>; reading?: ReadAtMost | undefined },
): Promise<Judgement | undefined> {
  const { fd, sizeBytes } = input;
  if (sizeBytes === undefined) throw new UsageError("--pattern fio needs a file or a block device, not a stream");
  using memory = allocate(READ_BYTES);
  const readBlock: ReadAt = (block, offsetBytes) => {
    let done = 0;
    while (done < block.length) {
      const lengthBytes = Math.min(READ_BYTES, block.length - done);
      const at = offsetBytes + done;
      const part =
        reading?.(at, lengthBytes) ?? memory.bytes.subarray(0, read(fd, memory, { offsetBytes: at, lengthBytes }));
      if (part.length === 0) break;
      block.set(part, done);
      done += part.length;
    }
    return done;
  };
  try {
    const layout = learn(readBlock, sizeBytes);
    const judge = new FioJudge({ layout, read: readBlock, checksum, sizeBytes, file: pathText(fd.label), expectBytes });
    for (let at: number | undefined = 0; at !== undefined; at = judge.step()) if (!(await tick(at))) return undefined;
    return judge.finish();
  } catch (error) {
    if (error instanceof FioRefusal) throw new Inconclusive(`${fd.label}: ${error.message}`);
    throw error;
  }
}
