/**
 * Bad news that no system call brought: bad arguments, broken promises, a world that changed under a run.
 *
 * Owns these errors, apart from errors.ts: words can be refused without a binding. Refuses to import anything.
 */

/** A broken promise of our own code; never caused by the kernel or by input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Thrown for bad input: the front desk prints the message as one line and exits 254. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A run that could not verify anything because the world changed under it: exit 125 with the message as the reason. */
export class Inconclusive extends Error {
  override readonly name = "Inconclusive";
}
