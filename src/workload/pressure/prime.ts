/**
 * The moment in which an attempt without sleeping is let in: the file's mtime is "now" to the kernel's tick.
 *
 * The kernel refuses an attempt of this kind when it would have to change mtime (kiocb_modified(), fs/inode.c), so mtime is set at
 * the start of a tick, 4 ms long at HZ=250, and the call must be made before the next one. Owns the real-time policy
 * under which this thread does that, and the tick it began in.
 */
import { coarseNs, spinUntilTick } from "../../ops/clock.ts";
import type { Fd } from "../../ops/fd.ts";
import { enterFifo, leaveFifo } from "../../ops/scheduling.ts";
import { touch } from "../../ops/space.ts";

export class Prime {
  /** False where this process may not have a real-time policy. */
  readonly realTime: boolean;
  #tickNs = 0;

  constructor() {
    this.realTime = enterFifo();
    this.end();
  }

  begin(): void {
    if (this.realTime) enterFifo();
  }

  /** Waits for a tick to begin and stamps the file. */
  stamp(fd: Fd): void {
    this.begin();
    spinUntilTick();
    this.#tickNs = coarseNs();
    touch(fd);
  }

  /** True while the tick of the last stamp lasts. */
  get holds(): boolean {
    return coarseNs() === this.#tickNs;
  }

  end(): void {
    if (this.realTime) leaveFifo();
  }
}
