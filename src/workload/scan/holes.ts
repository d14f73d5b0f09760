/**
 * The holes of sparse files, which are zeros that nobody need read.
 *
 * Owns asking the kernel where they are, once for each stretch of data. Refuses to read.
 */
import type { Fd } from "../../ops/fd.ts";
import { nextData, seek } from "../../ops/space.ts";
import { SEEK_END } from "../../sys/uapi/fcntl.ts";
import type { Input } from "./input.ts";

/** Where the holes of a sparse file are, asked in any order; devices and file systems that keep none have none. */
export class Holes {
  readonly #fd: Fd;
  readonly #to: number;
  /** What was asked last: a hole from the first on, then data. */
  #holeFrom = 0;
  #dataFrom = 0;
  #dataEnd: number;

  constructor(input: Input, to: number) {
    this.#fd = input.fd;
    this.#to = to;
    // lseek(2) knows SEEK_DATA for files only: block devices answer EINVAL.
    this.#dataEnd = input.stat.kind === "file" && input.sizeBytes !== undefined ? 0 : Infinity;
  }

  /** How many bytes of hole begin at the offset; 0 in data. Moves the file position. */
  at(offsetBytes: number): number {
    if (offsetBytes < this.#holeFrom || offsetBytes >= this.#dataEnd) {
      const data = nextData(this.#fd, { offsetBytes });
      if (data === undefined)
        return Math.max(0, Math.min(this.#to, seek(this.#fd, { offsetBytes: 0, whence: SEEK_END })) - offsetBytes);
      this.#holeFrom = offsetBytes;
      this.#dataFrom = data.offsetBytes;
      this.#dataEnd = data.offsetBytes + data.lengthBytes;
    }
    return Math.max(0, Math.min(this.#to, this.#dataFrom) - offsetBytes);
  }

  /** Where the data that holds the last offset asked for ends. */
  get dataEnd(): number {
    return this.#dataEnd;
  }
}
