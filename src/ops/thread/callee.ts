/**
 * Whether this thread or process was started to run one function of a script (functions.ts): no second run begins there.
 *
 * Owns the mark. Refuses to import anything: every command asks it first.
 */

const CALLEE = Symbol.for("bytewitness.callee");

/** True in a thread or process that was started to run one function of this script. */
export function isCallee(): boolean {
  return (globalThis as { [CALLEE]?: true })[CALLEE] === true;
}

/** Called by the other side before it imports anything of the user's. */
export function becomeCallee(): void {
  (globalThis as { [CALLEE]?: true })[CALLEE] = true;
}
