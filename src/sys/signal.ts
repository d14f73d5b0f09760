/**
 * Signals seen between two system calls.
 *
 * Owns the in-memory compiled handler of c/runtime/signal.c. `watchSignals` installs it with signal(2) and siginterrupt(3), so
 * that blocking calls return EINTR instead of being restarted. A process that never calls it keeps its own handlers.
 */
import { cc, linkSymbols, type Pointer } from "bun:ffi";
import { libc } from "./libc.ts";
import { arrayBufferAt } from "./memory.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "./uapi/mman.ts";

let state: Int32Array | undefined;
let handlerAddress = 0;

/** Compiles the handler; undefined when it stands, else why it could not be had. */
function compileHandler(): string | undefined {
  if (handlerAddress !== 0) return undefined;
  try {
    const compiled = cc({
      source: `${import.meta.dir}/../../c/runtime/signal.c`,
      flags: ["-nostdlib"],
      symbols: {
        bytewitness_signal_state: { args: [], returns: "void" },
        bytewitness_signal_handler: { args: [], returns: "void" },
      },
    }).symbols as unknown as Record<string, { ptr: Pointer }>;
    const setState = compiled.bytewitness_signal_state;
    const handler = compiled.bytewitness_signal_handler;
    if (setState === undefined || handler === undefined) return "the compiled handler has no address";
    const page = libc.mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page < 0) return "no memory for the signal counter";
    // Never call cc() symbols directly: their wrapper corrupts numbers (oven-sh/bun#37978). Re-bound ones are right.
    const bound = linkSymbols({ set: { args: ["ptr"], returns: "void", ptr: setState.ptr } });
    (bound.symbols.set as unknown as (address: number) => void)(page);
    state = new Int32Array(arrayBufferAt(page, 8));
    handlerAddress = handler.ptr as unknown as number;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Counts `signals` from now on instead of their default action; the reason when that is impossible here. */
export function watchSignals(signals: readonly number[]): string | undefined {
  const reason = compileHandler();
  if (reason !== undefined) return reason;
  for (const signal of signals) {
    libc.signal(signal, handlerAddress);
    libc.siginterrupt(signal, 1);
  }
  return undefined;
}

/** The number of the last watched signal that arrived, or 0. */
export function lastSignal(): number {
  return state === undefined ? 0 : Atomics.load(state, 0);
}

/** How many watched signals arrived. */
export function signalCount(): number {
  return state === undefined ? 0 : Atomics.load(state, 1);
}
