/**
 * Functions of the user's own in another thread or process: found again there by their module and exported name.
 *
 * Closures do not cross, so a script exports the function, and the other side imports the script. Owns the rule; refuses
 * functions without a name.
 */
import { resolve } from "node:path";
import { Inconclusive } from "../errors.ts";
import { scriptPath } from "../self.ts";

// biome-ignore lint/suspicious/noExplicitAny: a function of any arguments is what is meant
export type AnyFunction = (...args: any[]) => unknown;

/** Where a function is found again. */
export interface FunctionPlace {
  readonly module: string;
  readonly name: string;
}

/** Where the other side finds `fn`: in the script that was started. */
export function placeOf(fn: AnyFunction): FunctionPlace {
  if (fn.name === "") {
    throw new RangeError(
      'a function without a name cannot run in another thread or process: pass a verb such as trySplice, or export "function copy(…)" from the script and pass that',
    );
  }
  // Not Bun.main: a launcher such as `bytewitness NAME` imports the script and puts its path here.
  return { module: resolve(scriptPath()), name: fn.name };
}

/** The function, imported; a sentence when the module does not export it. */
export async function functionAt({ module, name }: FunctionPlace): Promise<AnyFunction> {
  const exported = ((await import(module)) as Record<string, unknown>)[name];
  if (typeof exported === "function") return exported as AnyFunction;
  throw new Inconclusive(
    `${module} does not export a function "${name}": another thread or process can only call an exported function`,
  );
}
