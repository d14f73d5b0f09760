/**
 * A window over a file: its page cache, mapped read-only at one fixed place, so that bytes are judged where they lie.
 *
 * Owns one reserved range of addresses and what is shown there. The range is never unmapped: an old view reads zeros,
 * not a SIGSEGV. Pages are faulted in by madvise(MADV_POPULATE_READ), which answers with an error where a read would
 * end the process with SIGBUS (an input/output error). Refuses files that others may shorten: a page that is cut off
 * while it is looked at is a SIGBUS all the same; show only files this run created with O_EXCL.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { arrayBufferAt } from "../sys/memory.ts";
import * as F from "../sys/uapi/fcntl.ts";
import { checked, checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { checkOffset, checkTransfer } from "./integers.ts";
import { PAGE_BYTES } from "./memory.ts";

const EMPTY_FLAGS = F.MAP_PRIVATE | F.MAP_ANONYMOUS | F.MAP_NORESERVE;

export class FileWindow {
  readonly capacityBytes: number;
  readonly #address: number;
  readonly #bytes: Uint8Array;

  constructor(capacityBytes: number) {
    this.capacityBytes = checkTransfer("capacityBytes", Math.ceil(capacityBytes / PAGE_BYTES) * PAGE_BYTES);
    this.#address = checked(libc.mmap(0, this.capacityBytes, F.PROT_READ, EMPTY_FLAGS, -1, 0), "mmap");
    this.#bytes = new Uint8Array(arrayBufferAt(this.#address, this.capacityBytes));
  }

  /**
   * `mmap(MAP_SHARED | MAP_FIXED)` and `madvise(MADV_POPULATE_READ)` of `lengthBytes` (up to the capacity, inside the
   * file) from `offsetBytes` (a multiple of the page) on: the bytes, until the next `show` or `hide`. undefined where
   * the file system or the kernel (before 5.14) cannot do it: read(2) then. mmap(2), madvise(2).
   */
  show(fd: Fd, range: { offsetBytes: number; lengthBytes: number }): Uint8Array | undefined {
    const { offsetBytes, lengthBytes } = range;
    checkOffset("offsetBytes", offsetBytes);
    if (!(checkTransfer("lengthBytes", lengthBytes) <= this.capacityBytes && lengthBytes > 0)) {
      throw new RangeError(`a window of ${this.capacityBytes} bytes cannot show ${lengthBytes}`);
    }
    const flags = F.MAP_SHARED | F.MAP_FIXED;
    const mapped = negated(libc.mmap(this.#address, lengthBytes, F.PROT_READ, flags, fd.number, offsetBytes));
    if (mapped === -ERRNO.ENODEV) return undefined;
    checkedNegative(mapped, "mmap", fd.label);
    const filled = negated(libc.madvise(this.#address, lengthBytes, F.MADV_POPULATE_READ));
    if (filled === -ERRNO.EINVAL) return undefined;
    checkedNegative(filled, "madvise", `${fd.label} at ${offsetBytes}, MADV_POPULATE_READ`);
    return lengthBytes === this.capacityBytes ? this.#bytes : this.#bytes.subarray(0, lengthBytes);
  }

  /** Lets go of the file; the addresses stay reserved. */
  hide(): void {
    const flags = EMPTY_FLAGS | F.MAP_FIXED;
    checked(libc.mmap(this.#address, this.capacityBytes, F.PROT_READ, flags, -1, 0), "mmap");
  }
}
