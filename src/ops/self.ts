/**
 * Where this package and this script are, and how another process of ours is started: jobs, roles, whatever else runs at the same time.
 *
 * Owns passing on Bun's options (process.execArgv), so that a run under --smol or --no-install is that in all its
 * processes. machine/invocation.ts owns how commands are printed for people.
 */
import { dirname } from "node:path";

/** The root of this package, checkout or installed. */
export const PACKAGE_ROOT = dirname(dirname(import.meta.dir));

/** Where this process is; undefined in a directory that somebody has removed. */
export function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** The script that this process runs; `bytewitness NAME` puts it where Bun puts it. */
export function scriptPath(): string {
  return process.argv[1] ?? Bun.main;
}

/** Bun's own path, looked up at once: once a plain chroot was left for a moment (ops/mount.ts), Bun finds another. */
const BUN = process.execPath;

/** Options whose value is code to run instead of a script: not for a process that has a script. */
const EVALUATES: readonly string[] = ["-e", "--eval", "-p", "--print"];

/** Bun's options of this process. */
export function ownOptions(given: readonly string[] = process.execArgv): string[] {
  return given.filter((word, index) => !EVALUATES.includes(word) && !EVALUATES.includes(given[index - 1] ?? ""));
}

/** `bun [options] words…`: the command line of another process of ours; the first word is a script. */
export function ownCommand(...words: readonly string[]): string[] {
  return [BUN, ...ownOptions(), ...words];
}
