/**
 * C compiled in memory, by cc() of bun:ffi.
 *
 * Owns the one thing that all who compile here share: Bun writes a dozen headers into TMPDIR before it compiles anything,
 * at every start, which costs more than compiling and touches the disk; our sources include none. Pointed at what is not a
 * directory, it writes none. Refuses that in Workers, and refuses to take the variable away again: getenv(3) of another
 * thread, of a Worker that is starting for instance, dies of an entry that unsetenv(3) takes from under it. An entry that
 * is replaced stays readable (glibc and musl keep the old text).
 */
import { libc } from "./libc.ts";
import { addressOf } from "./memory.ts";

const VARIABLE = "BUN_TMPDIR";

function cText(text: string): Uint8Array {
  const bytes = Buffer.from(`${text}\0`, "utf8");
  const kept = new Uint8Array(new ArrayBuffer(bytes.length));
  kept.set(bytes);
  return kept;
}

/** Calls `compile`, which calls cc(), without headers being written. Afterwards Bun has its directory back. */
export function withoutHeaders<Result>(compile: () => Result): Result {
  if (!Bun.isMainThread) return compile();
  const name = cText(VARIABLE);
  const set = (value: string) => {
    const text = cText(value);
    libc.setenv(addressOf(name), addressOf(text), 1);
  };
  const before = process.env[VARIABLE] || process.env.TMPDIR || "/tmp";
  set("/dev/null");
  try {
    return compile();
  } finally {
    set(before);
  }
}
