/**
 * A ring's requests as calls, for whoever watches this thread's calls: the kernel is asked, and no function is called.
 *
 * Owns which request is which call, and both ends of it: when the ring was entered with it, and when its completion was
 * read. Costs a comparison where nobody watches. Sees nothing of what the kernel does with a request in between.
 */
import { type CallWatcher, requestWatcher } from "../../sys/tap.ts";
import type { Request } from "./request.ts";

interface Begun {
  readonly watcher: CallWatcher;
  readonly call: string;
  readonly args: readonly number[];
  readonly before: unknown;
  readonly startNs: number;
}

/** The arguments in the order of the system call of that name. */
function argsOf({ name, fd, spliceFdIn, address, length, offsetBytes, opFlags }: Request): number[] {
  if (/^(splice|tee)$/.test(name)) return [spliceFdIn, fd, length, opFlags];
  if (/^(send|recv)/.test(name)) return [fd, address, length, opFlags];
  if (/^(accept|poll_add|fsync)$/.test(name)) return [fd, opFlags];
  if (name === "sync_file_range") return [fd, offsetBytes, length, opFlags];
  return [fd, address, length, offsetBytes, opFlags];
}

export class WatchedRequests {
  readonly #waiting: { readonly slot: number; readonly request: Request }[] = [];
  readonly #begun = new Map<number, Begun>();

  /** The request was queued. */
  queued(slot: number, request: Request): void {
    if (requestWatcher() !== undefined) this.#waiting.push({ slot, request });
  }

  /** The ring is about to be entered: what was queued begins. */
  entering(): void {
    if (this.#waiting.length === 0) return;
    const watcher = requestWatcher();
    for (const { slot, request } of this.#waiting.splice(0)) {
      if (watcher === undefined) continue;
      const call = `io_uring ${request.name}`;
      const args = argsOf(request);
      const before = watcher.before(call, args);
      this.#begun.set(slot, { watcher, call, args, before, startNs: Bun.nanoseconds() });
    }
  }

  /** A completion was read; `isLast` unless the request completes again. */
  completed(slot: number, { result, isLast }: { readonly result: number; readonly isLast: boolean }): void {
    const begun = this.#begun.get(slot);
    if (begun === undefined) return;
    if (isLast) this.#begun.delete(slot);
    const { watcher, call, args, before, startNs } = begun;
    if (watcher === requestWatcher()) watcher.after(call, args, { before, result, startNs, endNs: Bun.nanoseconds() });
  }
}
