/** A whole file in one buffer. Owns the loop; for files that fit in the arena. */
import type { Fd } from "./fd.ts";
import { read } from "./file.ts";
import { allocate, type Memory } from "./memory.ts";
import { sizeOf } from "./stat.ts";

/** Loops `ssize_t pread(int fd, void *buf, size_t count, off_t offset)` from 0 to the file's present size. pread(2). */
export function readWhole(fd: Fd): Memory {
  const whole = allocate(sizeOf(fd));
  for (let at = 0; at < whole.lengthBytes; ) {
    const got = read(fd, whole, { offsetBytes: at, bufferOffsetBytes: at });
    if (got === 0) throw new RangeError(`${fd.label} became shorter than ${whole.lengthBytes} bytes while it was read`);
    at += got;
  }
  return whole;
}
