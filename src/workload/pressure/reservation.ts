/**
 * Blocks reserved beyond the end of a file (FALLOC_FL_KEEP_SIZE): one mapping for the whole append, so that stopping
 * half-way loses all that was copied.
 *
 * Owns whether this is done: not asked for, or refused by the file system once, it is done no more.
 */
import { isSyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { fallocate } from "../../ops/space.ts";
import { FALLOC_FL_KEEP_SIZE } from "../../sys/uapi/fcntl.ts";

export class Reservation {
  done: boolean;
  readonly #narrate: (line: string) => void;

  constructor(wanted: boolean, narrate: (line: string) => void) {
    this.done = wanted;
    this.#narrate = narrate;
  }

  make(fd: Fd, plannedBytes: number): void {
    if (!this.done || plannedBytes <= 0) return;
    try {
      // Half as much again: a corrupt file is longer than planned, and the mapping must reach over that too.
      fallocate(fd, { mode: FALLOC_FL_KEEP_SIZE, offsetBytes: 0, lengthBytes: Math.ceil(plannedBytes * 1.5) });
    } catch (error) {
      if (!isSyscallError(error)) throw error;
      this.done = false;
      this.#narrate(`no reservation beyond the end: ${error.message}`);
    }
  }
}
