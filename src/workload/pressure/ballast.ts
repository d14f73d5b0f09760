/**
 * Clean pages in our memory group that the kernel may take at once.
 *
 * While the limit is in force, an allocation that may sleep (a page fault of ours, a worker that was quicker than our lift)
 * has to reclaim, and dirty pages cannot be reclaimed before they are written: the OOM killer would come. The ballast is
 * page cache of a hole, clean by nature: an allocation takes some of it and goes on. The attempt without sleeping
 * never reclaims (memcontrol.c, try_charge_memcg: gfpflags_allow_blocking), so it is refused all the same.
 * Owns a nameless sparse file next to the files under test. Refuses to hold data: nothing is written.
 */
import { readlinkSync } from "node:fs";
import { dirname } from "node:path";
import type { Fd } from "../../ops/fd.ts";
import { IoVectors, read } from "../../ops/file.ts";
import { allocate, KiB, type Memory, MiB } from "../../ops/memory.ts";
import { namelessFile } from "../../ops/mount.ts";
import { truncate } from "../../ops/space.ts";
import { libc } from "../../sys/libc.ts";
import { RWF_NOWAIT } from "../../sys/uapi/fcntl.ts";
import { POSIX_FADV_WILLNEED } from "../../sys/uapi/sched.ts";

const SAMPLES = 16;
/** One call reads no further than the device's readahead, 128 KiB unless set otherwise (mm/readahead.c). */
const READAHEAD_BYTES = 128 * KiB;

export class Ballast implements Disposable {
  readonly lengthBytes: number;
  readonly #file: Fd;
  readonly #buffer: Memory;
  readonly #probe: IoVectors;

  /** On the file system of `near`, so that its pages are of the same kind. Throws SyscallError when it cannot be made. */
  static load(near: Fd, lengthBytes: number): Ballast {
    const file = namelessFile(dirname(readlinkSync(`/proc/self/fd/${near.number}`)));
    truncate(file, { lengthBytes });
    const ballast = new Ballast(file, lengthBytes);
    ballast.refresh();
    return ballast;
  }

  private constructor(file: Fd, lengthBytes: number) {
    this.#file = file;
    this.lengthBytes = lengthBytes;
    this.#buffer = allocate(256 * KiB);
    this.#probe = new IoVectors(1, [this.#buffer]).add(this.#buffer, { lengthBytes: 1 });
  }

  /** Readahead puts the pages there without copying them to us (ten times cheaper under emulation); one call is capped. */
  #load(): void {
    for (let at = 0; at < this.lengthBytes; at += READAHEAD_BYTES) {
      libc.posix_fadvise(this.#file.number, at, READAHEAD_BYTES, POSIX_FADV_WILLNEED);
    }
  }

  /** Loads it again when some of it was taken. Before the limit is set. */
  refresh(): void {
    if (this.#whole()) return;
    this.#load();
    if (this.#whole()) return;
    // A file system that does not care for the advice.
    for (let at = 0; at < this.lengthBytes; at += this.#buffer.lengthBytes)
      read(this.#file, this.#buffer, { offsetBytes: at });
  }

  #whole(): boolean {
    const strideBytes = this.lengthBytes / SAMPLES;
    for (let at = 0; at < this.lengthBytes; at += strideBytes) {
      // A page that is not cached answers EAGAIN (preadv2(2)).
      if (libc.preadv2(this.#file.number, this.#probe.memory.address, 1, at, RWF_NOWAIT) !== 1) return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#file.close();
    this.#probe[Symbol.dispose]();
    this.#buffer[Symbol.dispose]();
  }
}

/**
 * Enough for one whole append by a worker, and so much that dirty throttling (a fifth of the group's page cache, see
 * mdtc_calc_avail in page-writeback.c) does not refuse the attempt before it began. Reclaimable at any time.
 */
export function ballastBytes(appendBytesMax: number): number {
  return Math.min(64 * MiB, Math.max(48 * MiB, Math.ceil(appendBytesMax / MiB) * MiB));
}
