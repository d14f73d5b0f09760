/**
 * What a failure means as an exit code, and the line that reports it.
 *
 * Owns the table of errnos that only a bug of ours can cause. Everything the kernel may refuse for reasons of its own is
 * inconclusive; what is neither a refusal nor bad input is our failure, with its stack.
 */
import { EXIT } from "../report/document.ts";

/** An errno that no kernel, file system or machine can be blamed for, and why. */
const OUR_FAULT: Readonly<Record<string, string>> = {
  EBADF: "a descriptor of ours was closed, or opened for the other direction",
  EFAULT: "an address that we passed is not mapped",
  ENOTSOCK: "we asked a descriptor that is not a socket for what only sockets do",
};

/** EINVAL is a kernel's way of not knowing an option; after a probe that succeeded it can only be what we passed. */
const EINVAL_AFTER_PROBE = "the probe of this call succeeded, so what we passed to it is wrong";

export interface Failure {
  readonly code: number;
  /** One line, without the tool's name. */
  readonly line: string;
}

/** What a failure is, whoever threw it; by name, because errors may come from another copy of this package. */
export function failureOf(error: unknown, provenCalls: ReadonlySet<string> = new Set()): Failure {
  if (!(error instanceof Error)) return ours(String(error));
  switch (error.name) {
    case "UsageError":
      return { code: EXIT.badArguments, line: shortened(error.message) };
    case "Inconclusive":
      return { code: EXIT.inconclusive, line: error.message };
    case "Interrupted":
      return { code: 128 + ((error as { signal?: number } & Error).signal ?? 0), line: error.message };
    case "LabError":
      return { code: (error as { exitCode?: number } & Error).exitCode ?? EXIT.inconclusive, line: error.message };
    case "OutputError":
    case "Surroundings":
      return { code: EXIT.ownFailure, line: error.message };
    default:
      return refusalOf(error, provenCalls);
  }
}

const WORD_CHARACTERS_MAX = 400;
const LINE_CHARACTERS_MAX = 4000;

/** A value that was typed, as much of it as a person reads: of a very long one both ends, and how much is between. */
function shortened(line: string): string {
  const cut = (text: string, max: number) => {
    const end = max >> 2;
    if (text.length <= max) return text;
    return `${text.slice(0, end)}…(${text.length - 2 * end} characters)…${text.slice(-end)}`;
  };
  return cut(
    line.replaceAll(/\S+/g, (word) => cut(word, WORD_CHARACTERS_MAX)),
    LINE_CHARACTERS_MAX,
  );
}

/** A system call that was refused, by our verbs or by the runtime's own (node:fs); else a bug. */
function refusalOf(error: Error, provenCalls: ReadonlySet<string>): Failure {
  const { code, call, syscall } = error as { code?: unknown; call?: string; syscall?: string } & Error;
  const name = call ?? syscall;
  if (typeof code !== "string" || name === undefined) return ours(stackOf(error));
  const fault = OUR_FAULT[code] ?? (code === "EINVAL" && provenCalls.has(name) ? EINVAL_AFTER_PROBE : undefined);
  if (fault !== undefined) return ours(`${stackOf(error)} (${code} means that ${fault})`);
  return { code: EXIT.inconclusive, line: error.message };
}

function ours(text: string): Failure {
  return { code: EXIT.ownFailure, line: `our own failure, not the kernel's: ${text}` };
}

/** The stack on one line; a stack without its message (Bun leaves it out where it was changed later) gets it. */
function stackOf(error: Error): string {
  const stack = error.stack ?? "";
  return stack.includes(error.message) ? stack : `${error.name}: ${error.message} ${stack}`;
}

/** Where bytes for a person could not be written; never a reason to doubt the verdict. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}
