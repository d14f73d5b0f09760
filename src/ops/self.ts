/**
 * This script again, as a command line: for jobs, roles and whatever else runs in a process of its own.
 *
 * Owns the one way in which we start ourselves: with Bun's own options (process.execArgv) as this process got them, so
 * that a run under --smol or --no-install is that in all its processes.
 */

/** Options whose value is code to run instead of a script: not for a process that has a script. */
const EVALUATES: readonly string[] = ["-e", "--eval", "-p", "--print"];

/** Bun's options of this process. */
export function ownOptions(given: readonly string[] = process.execArgv): string[] {
  return given.filter((word, index) => !EVALUATES.includes(word) && !EVALUATES.includes(given[index - 1] ?? ""));
}

/** `bun [options] words…`: the command line of another process of ours; the first word is a script. */
export function ownCommand(...words: readonly string[]): string[] {
  return [process.execPath, ...ownOptions(), ...words];
}
