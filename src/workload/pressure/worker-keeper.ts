/**
 * Keeps one io-wq worker of this thread alive.
 *
 * A worker idles out after five seconds (io_uring/io-wq.c, WORKER_IDLE_TIMEOUT), and making one charges its kernel stack
 * to the process's memory group: under the limit that means reclaim, a failed request, or the OOM killer. All rings of a
 * task share their workers, so a request of our own, forced to a worker, makes or wakes one before the limit is set.
 */

import { readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { monotonicNs, spinUntilTick } from "../../ops/clock.ts";
import { isSyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { AT_FILE_POSITION } from "../../ops/integers.ts";
import { allocate } from "../../ops/memory.ts";
import { namelessFile } from "../../ops/mount.ts";
import { nop, write } from "../../ops/ring/request.ts";
import { Ring } from "../../ops/ring/ring.ts";
import { touch } from "../../ops/space.ts";
import { RWF_APPEND } from "../../sys/uapi/fcntl.ts";
import { IOSQE_ASYNC } from "../../sys/uapi/io_uring.ts";

const KEEP_NS = 2e9;

export class WorkerKeeper implements Disposable {
  readonly #ring: Ring;
  #lastNs = 0;

  /** Undefined where io_uring is unavailable: then there are no workers to keep. */
  static start(): WorkerKeeper | undefined {
    try {
      const keeper = new WorkerKeeper(new Ring({ entries: 1 }));
      keeper.keep();
      return keeper;
    } catch (error) {
      if (isSyscallError(error)) return undefined;
      throw error;
    }
  }

  private constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** Makes or wakes a worker if none was seen for two seconds. */
  keep(): void {
    const nowNs = monotonicNs();
    if (nowNs - this.#lastNs < KEEP_NS) return;
    this.#lastNs = nowNs;
    this.#ring.run(nop(), { flags: IOSQE_ASYNC });
  }

  /** A request that completes at once: warms the path of a submit. `drain` takes its completion. */
  submit(): void {
    this.#ring.queue(nop());
    this.#ring.submit();
  }

  drain(): void {
    while (this.#ring.inFlight > 0) {
      this.#ring.submitAndWait(1);
      this.#ring.completions();
    }
  }

  /**
   * Appends a little to a nameless file next to `near`, primed as the real appends are. The first run of a path is slow
   * (cold caches; under emulation the kernel's code is being translated), and the tick would be over before the check.
   */
  rehearse(near: Fd): void {
    using file = namelessFile(dirname(readlinkSync(`/proc/self/fd/${near.number}`)));
    using memory = allocate(4096);
    for (let i = 0; i < 3; i++) {
      spinUntilTick();
      touch(file);
      this.#ring.run(write(file, memory, { offsetBytes: AT_FILE_POSITION, flags: RWF_APPEND }));
    }
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
  }
}
