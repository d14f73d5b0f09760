/**
 * Reading back: by another path than the one that wrote, and a bad range yet another way.
 *
 * Owns feeding the judge from a descriptor, and the triage of a finding: the same range read again past the page cache
 * (O_DIRECT) tells a bad write from a bad read.
 */

import type { Finding } from "../judge/finding.ts";
import { isSyscallError } from "../ops/errors.ts";
import { openFile, type Path, read, readAt } from "../ops/file.ts";
import { allocate, KiB, type Memory, MiB } from "../ops/memory.ts";
import { ERRNO } from "../sys/errno.ts";
import { O_DIRECT, O_RDONLY } from "../sys/uapi/fcntl.ts";

/** Stays in the second-level cache between the kernel's copy and the judge's look. */
const BLOCK_BYTES = 256 * KiB;
const TRIAGE_BYTES_MAX = 4 * MiB;

let block: Memory | undefined;

/** Reads the file from its beginning to its end and gives every block to `push`; the bytes read. */
export function readBack(path: Path, push: (block: Uint8Array) => void): number {
  block ??= allocate(BLOCK_BYTES);
  using file = openFile(path, O_RDONLY);
  for (let total = 0; ; ) {
    const got = read(file, block);
    if (got === 0) return total;
    push(got === block.lengthBytes ? block.bytes : block.bytes.subarray(0, got));
    total += got;
  }
}

/**
 * What a second reading of a finding's range says, as the end of a sentence. O_DIRECT reads go to the device after the
 * dirty pages were written, so damage that is still there was written; damage that is gone was a bad read.
 */
export function triage(path: Path, finding: Pick<Finding, "offsetBytes" | "lengthBytes">): string | undefined {
  const start = Math.floor(finding.offsetBytes / 4096) * 4096;
  const wanted = Math.min(
    TRIAGE_BYTES_MAX,
    Math.ceil((finding.offsetBytes + Math.max(1, finding.lengthBytes) - start) / 4096) * 4096,
  );
  using cached = allocate(wanted);
  using direct = allocate(wanted);
  try {
    using byCache = openFile(path, O_RDONLY);
    using byDevice = openFile(path, O_RDONLY | O_DIRECT);
    const cachedBytes = readAt(byCache, cached, start);
    const directBytes = readAt(byDevice, direct, start);
    const same =
      cachedBytes === directBytes &&
      Buffer.compare(cached.bytes.subarray(0, cachedBytes), direct.bytes.subarray(0, directBytes)) === 0;
    return same
      ? "read again with O_DIRECT: the same bytes, so the damage is in the file"
      : "read again with O_DIRECT: other bytes, so page cache and device disagree";
  } catch (error) {
    if (isSyscallError(error, "EINVAL", "EOPNOTSUPP")) return "this file system has no O_DIRECT for a second reading";
    if (isSyscallError(error) && error.errno !== ERRNO.EINTR) return `the second reading failed: ${error.message}`;
    throw error;
  }
}
