/**
 * Reading back: by another path than the one that wrote, and past the page cache.
 *
 * Owns feeding the judge from a descriptor. Judges nothing.
 */

import { openFile, type Path, read } from "../ops/file.ts";
import { allocate, KiB, type Memory, MiB, PAGE_BYTES } from "../ops/memory.ts";
import { O_DIRECT, O_RDONLY } from "../sys/uapi/fcntl.ts";

/** Stays in the second-level cache between the kernel's copy and the judge's look. */
const READ_BLOCK_BYTES = 256 * KiB;
const DIRECT_BYTES = MiB;

/** A way to read a whole file: every block to `push`; the bytes read. */
export type Reading = (path: Path, push: (block: Uint8Array) => void) => number;

let block: Memory | undefined;

/** Reads the file from its beginning to its end and gives every block to `push`; the bytes read. */
export function readBack(path: Path, push: (block: Uint8Array) => void): number {
  block ??= allocate(READ_BLOCK_BYTES);
  using file = openFile(path, { flags: O_RDONLY });
  for (let total = 0; ; ) {
    const got = read(file, block);
    if (got === 0) return total;
    push(got === block.lengthBytes ? block.bytes : block.bytes.subarray(0, got));
    total += got;
  }
}

/**
 * As `readBack`, past the page cache: O_DIRECT writes dirty pages out first, then reads from the device. Throws
 * SyscallError (EINVAL, EOPNOTSUPP) where the file system has no such reading. open(2).
 */
export function readBackDirect(path: Path, push: (block: Uint8Array) => void): number {
  using buffer = allocate(DIRECT_BYTES, { alignBytes: PAGE_BYTES });
  using file = openFile(path, { flags: O_RDONLY | O_DIRECT });
  for (let total = 0; ; ) {
    const got = read(file, buffer);
    if (got > 0) push(buffer.bytes.subarray(0, got));
    total += got;
    // Only the last piece of a file is not a whole number of blocks, and nothing can be read from its middle.
    if (got < buffer.lengthBytes) return total;
  }
}
