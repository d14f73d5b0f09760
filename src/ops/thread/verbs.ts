/**
 * The verbs that another thread runs by name.
 *
 * Owns the list. Both sides import it, so that a name means one function.
 */
import * as clock from "../clock.ts";
import * as copy from "../copy.ts";
import * as file from "../file.ts";
import * as pipe from "../pipe.ts";
import * as socket from "../socket.ts";
import * as extent from "../space.ts";
import * as splice from "../splice.ts";
import * as stat from "../stat.ts";
import type { AnyFunction } from "./functions.ts";

export type Verb = AnyFunction;

const VERBS = new Map<string, Verb>(
  Object.entries({ ...clock, ...copy, ...extent, ...file, ...pipe, ...socket, ...splice, ...stat })
    .filter(([name, value]) => typeof value === "function" && !/^[A-Z]/.test(name))
    .map(([name, value]) => [name, value as Verb]),
);

/** By identity: a bundler may call a function `write2`, but it exports it as `write`. */
const NAMES = new Map<Verb, string>([...VERBS].map(([name, verb]) => [verb, name]));

export function nameOfVerb(candidate: Verb): string | undefined {
  return NAMES.get(candidate);
}

export function verbNamed(name: string): Verb | undefined {
  return VERBS.get(name);
}
