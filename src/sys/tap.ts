/**
 * Watching the raw calls of this thread: what crossed the border to libc and liburing, both ends of it.
 *
 * Owns putting watchers between the callers and the C functions, and taking them away again. Nothing is watched, and
 * nothing costs, until `tapCalls` is called; the requests of rings come from ops/ring, to the same watcher. errno is the callee's when the caller looks at it, whatever the watcher did.
 * Calls that Workers make are their own thread's and are not seen here.
 */
import { errno, setErrno } from "./errno.ts";
import { LIBC_SYMBOLS, libc } from "./libc.ts";
import type { RawFunction } from "./library.ts";
import { liburing } from "./liburing.ts";

/** One watcher. Times are nanoseconds since the process started. */
export interface CallWatcher {
  /** Before the call; what it returns is handed to `after`. */
  before(call: string, args: readonly number[]): unknown;
  /** After the call; `result` is -errno where libc returned -1. */
  after(call: string, args: readonly number[], end: CallEnd): void;
}

export interface CallEnd {
  readonly before: unknown;
  readonly result: number;
  readonly startNs: number;
  readonly endNs: number;
}

/** Looked up by every other call, or without an effect that anybody asks for. */
const UNWATCHED = new Set([
  "__errno_location",
  "clock_gettime",
  "getpid",
  "geteuid",
  "getegid",
  "memcmp",
  "memcpy",
  "setenv",
]);

let ofRequests: CallWatcher | undefined;

/** Who watches this thread's calls, for requests that are written into a ring's memory; undefined while no one does. */
export function requestWatcher(): CallWatcher | undefined {
  return ofRequests;
}

/** Puts the watcher between this thread and the C functions; the function returned takes it away. */
export function tapCalls(watcher: CallWatcher): () => void {
  const uring = liburing();
  const undo = [tapTable(libc, Object.keys(LIBC_SYMBOLS), { watcher, viaErrno: true })];
  if (uring.name !== undefined) {
    undo.push(tapTable(uring.symbols, Object.keys(uring.symbols), { watcher, viaErrno: false }));
  }
  ofRequests = watcher;
  return () => {
    ofRequests = undefined;
    for (const restore of undo) restore();
  };
}

function tapTable(
  table: Readonly<Record<string, RawFunction>>,
  names: readonly string[],
  { watcher, viaErrno }: { watcher: CallWatcher; viaErrno: boolean },
): () => void {
  const functions = table as Record<string, RawFunction>;
  const watchedNames = names.filter((name) => !UNWATCHED.has(name));
  const originals = watchedNames.map((name) => [name, functions[name] as RawFunction] as const);
  for (const [name, original] of originals) {
    const watched = (...args: number[]) => {
      const before = watcher.before(name, args);
      const startNs = Bun.nanoseconds();
      const result = original(...args);
      const code = errno();
      const endNs = Bun.nanoseconds();
      // A function without a result gives undefined.
      const answer = viaErrno && result === -1 ? -code : (result ?? 0);
      watcher.after(name, args, { before, result: answer, startNs, endNs });
      setErrno(code);
      return result;
    };
    // Some callers take a function's address (`ptr`) in the place of calling it.
    functions[name] = Object.assign(watched, { ptr: (original as RawFunction & { ptr?: number }).ptr });
  }
  return () => {
    for (const [name, original] of originals) functions[name] = original;
  };
}
