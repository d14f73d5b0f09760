/**
 * A short list of calls, for scenarios of a few steps whose order is the point; long runs keep a `Journal`.
 */

import type { CallReference } from "../judge/finding.ts";
import { monotonicNs } from "../ops/clock.ts";

/** The calls of a short scenario, in order, for findings to name. */
export class Calls {
  readonly list: CallReference[] = [];
  readonly #startedNs = monotonicNs();

  /** Notes a call that just returned: what strace would show, and what was asked and answered. */
  note(what: string, requestedBytes: number, result: number): CallReference {
    const call = { what, index: this.list.length, atNs: monotonicNs() - this.#startedNs, requestedBytes, result };
    this.list.push(call);
    return call;
  }

  /** Bytes that all calls together said were written by calls whose name begins with `what`. */
  bytes(what: string): number {
    return this.list.reduce((sum, call) => sum + (call.what.startsWith(what) ? Math.max(0, call.result) : 0), 0);
  }
}
