/**
 * The line between a role's process and the run that started it: one JSON object per line, both ways.
 *
 * Owns reading descriptor 0 without blocking and writing descriptor 1. A run that dies closes descriptor 0; the role
 * then ends, and its death ends it even in the middle of a system call.
 */
import { writeSync } from "node:fs";
import { checked } from "../../../ops/errors.ts";
import { Fd } from "../../../ops/fd.ts";
import { read } from "../../../ops/file.ts";
import { allocate } from "../../../ops/memory.ts";
import { dieWithParent } from "../../../ops/parent.ts";
import { FOREVER, POLLIN, waitFor } from "../../../ops/poll.ts";
import { libc } from "../../../sys/libc.ts";
import { SIGINT, SIGKILL } from "../../../sys/uapi/mount.ts";
import type { FromRole, ToRole } from "./protocol.ts";

export class Control {
  readonly fd = new Fd(0, "control");
  readonly #memory = allocate(65_536);
  #buffered = "";
  #closed = false;
  /** The run has asked to stop, whoever read that message. */
  stopped = false;

  /** Ties this process's life to its parent's; `parentPid` reveals a parent that died before the tie was made. */
  constructor(parentPid: number) {
    const SIG_IGN = 1;
    dieWithParent(parentPid, SIGKILL);
    // Ctrl-C reaches the whole terminal group; the run alone decides when its roles stop.
    checked(libc.signal(SIGINT, SIG_IGN), "signal", "SIGINT, SIG_IGN");
  }

  emit(message: FromRole): void {
    const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
    for (let done = 0; done < bytes.length; ) {
      try {
        done += writeSync(1, bytes, done);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        libc.usleep(200);
      }
    }
  }

  /** The messages that are there, without waiting. */
  received(): ToRole[] {
    while (!this.#closed && waitFor(this.fd, POLLIN, 0) !== 0) this.#readSome();
    return this.#takeLines();
  }

  /** Waits for the next messages; an empty list after `timeoutMs`. */
  next(timeoutMs: number = FOREVER): ToRole[] {
    const ready = this.#takeLines();
    if (ready.length > 0) return ready;
    if (waitFor(this.fd, POLLIN, timeoutMs) === 0) return [];
    this.#readSome();
    return this.#takeLines();
  }

  #readSome(): void {
    const got = read(this.fd, this.#memory);
    if (got === 0) process.exit(255);
    this.#buffered += Buffer.from(this.#memory.bytes.subarray(0, got)).toString("utf8");
  }

  #takeLines(): ToRole[] {
    const lines = this.#buffered.split("\n");
    this.#buffered = lines.pop() ?? "";
    const messages = lines.map((line) => JSON.parse(line) as ToRole);
    if (messages.some(({ type }) => type === "stop")) this.stopped = true;
    return messages;
  }
}
