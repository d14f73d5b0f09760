/**
 * A file's pages in memory: mmap(2) with MAP_SHARED.
 *
 * Owns one mapping, gone at dispose. Refuses to give out its bytes afterwards; a view that was kept until then is the
 * keeper's fault, and touching it ends the process (SIGSEGV), as touching a page wholly behind the end of the file does
 * (SIGBUS).
 */
import { libc } from "../sys/libc.ts";
import { arrayBufferAt } from "../sys/memory.ts";
import { MAP_SHARED, PROT_READ, PROT_WRITE } from "../sys/uapi/fcntl.ts";
import { checked } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { checkOffset } from "./integers.ts";

export class Mapping implements Disposable {
  readonly lengthBytes: number;
  readonly label: string;
  readonly #address: number;
  #bytes: Uint8Array | undefined;

  constructor(address: number, lengthBytes: number, label: string) {
    this.#address = address;
    this.lengthBytes = lengthBytes;
    this.label = label;
    this.#bytes = new Uint8Array(arrayBufferAt(address, lengthBytes));
  }

  /** The mapped pages themselves: a store is a store into the page cache. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) throw new RangeError(`the mapping of ${this.label} was used after it was closed`);
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    checked(libc.munmap(this.#address, this.lengthBytes), "munmap", this.label);
  }
}

/**
 * `void *mmap(NULL, size_t length, PROT_READ | PROT_WRITE, MAP_SHARED, int fd, off_t offset)`. The descriptor must be
 * open for reading and writing; `offsetBytes` is a multiple of the page size. mmap(2).
 */
export function mapFile(fd: Fd, range: { lengthBytes: number; offsetBytes?: number }): Mapping {
  const lengthBytes = checkOffset("lengthBytes", range.lengthBytes);
  const offsetBytes = checkOffset("offsetBytes", range.offsetBytes ?? 0);
  const address = libc.mmap(0, lengthBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.number, offsetBytes);
  const where = () => `${fd.label}, ${lengthBytes} bytes at ${offsetBytes}, MAP_SHARED`;
  return new Mapping(checked(address, "mmap", where), lengthBytes, fd.label);
}
