/**
 * What crosses between a thread and its helper: the verbs by name, and arguments as plain values.
 *
 * Owns the list of verbs that `Thread.call` takes. Both sides import it, so that a name means one function.
 */
import * as clock from "../clock.ts";
import * as copy from "../copy.ts";
import * as file from "../file.ts";
import * as pipe from "../pipe.ts";
import * as socket from "../socket.ts";
import * as extent from "../space.ts";
import * as splice from "../splice.ts";
import * as stat from "../stat.ts";

export type Verb = (...args: never[]) => unknown;

/** An argument as a message carries it; descriptors and buffers by number, because both threads share them. */
export type Plain =
  | { readonly fd: number; readonly label: string }
  | { readonly address: number; readonly lengthBytes: number }
  | { readonly value: unknown };

export type Answer =
  | { readonly value: unknown }
  | { readonly call: string; readonly errno: number; readonly args: string; readonly hint: string | undefined }
  | { readonly message: string };

const VERBS = new Map<string, Verb>(
  Object.entries({ ...clock, ...copy, ...extent, ...file, ...pipe, ...socket, ...splice, ...stat })
    .filter(([name, value]) => typeof value === "function" && value.name === name && !/^[A-Z]/.test(name))
    .map(([name, value]) => [name, value as Verb]),
);

export function isVerb(candidate: Verb): boolean {
  return VERBS.get(candidate.name) === candidate;
}

export function verbNamed(name: string): Verb | undefined {
  return VERBS.get(name);
}
