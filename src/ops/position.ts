/** The file position that all holders of one open file share. Owns asking; moving it is extent.ts's `seek`. */
import { SEEK_CUR } from "../sys/uapi/fcntl.ts";
import type { Fd } from "./fd.ts";
import { seek } from "./space.ts";

/** `off_t lseek(int fd, 0, SEEK_CUR)`: where the next read or write goes. lseek(2). */
export function positionOf(fd: Fd): number {
  return seek(fd, { offsetBytes: 0, whence: SEEK_CUR });
}
