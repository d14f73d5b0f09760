/**
 * What the out-of-memory killer thinks of this process: /proc/self/oom_score_adj, proc(5).
 *
 * Owns a short exemption, for moments in which a memory limit is meant to refuse. Refuses to keep it: the caller ends it.
 * While it is in force, a charge that cannot be met fails instead of killing us.
 */
import { readFileSync } from "node:fs";
import { libc } from "../sys/libc.ts";
import { O_WRONLY } from "../sys/uapi/fcntl.ts";
import { isSyscallError } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { openFile } from "./file.ts";
import { cString, type Memory } from "./memory.ts";

const EXEMPT = "-1000";

export class OomExemption implements Disposable {
  readonly #file: Fd;
  readonly #usual: Memory;
  readonly #exempt: Memory;

  /** Undefined without CAP_SYS_RESOURCE. Changes nothing yet. */
  static open(): OomExemption | undefined {
    const usual = readFileSync("/proc/self/oom_score_adj", "utf8").trim();
    try {
      const exemption = new OomExemption(openFile("/proc/self/oom_score_adj", { flags: O_WRONLY }), usual);
      if (exemption.begin()) {
        exemption.end();
        return exemption;
      }
      exemption[Symbol.dispose]();
    } catch (error) {
      if (!isSyscallError(error)) throw error;
    }
    return undefined;
  }

  private constructor(file: Fd, usual: string) {
    this.#file = file;
    this.#usual = cString(usual);
    this.#exempt = cString(EXEMPT);
  }

  /** False when the kernel refuses. Allocates nothing. */
  begin(): boolean {
    return libc.pwrite(this.#file.number, this.#exempt.address, EXEMPT.length, 0) > 0;
  }

  /** As it was. */
  end(): void {
    libc.pwrite(this.#file.number, this.#usual.address, this.#usual.lengthBytes - 1, 0);
  }

  [Symbol.dispose](): void {
    this.#file.close();
    this.#usual[Symbol.dispose]();
    this.#exempt[Symbol.dispose]();
  }
}
