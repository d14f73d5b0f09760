/**
 * Children that end with a benchmark, however it ends: a relay or a server would wait for its client for ever.
 *
 * Owns the wrapper. Refuses nothing: without setpriv(1) of util-linux the command runs as it is.
 */

/** A command line whose process gets SIGKILL when this one is gone. PR_SET_PDEATHSIG, prctl(2). */
export function withUs(words: readonly string[]): string[] {
  return Bun.which("setpriv") === null ? [...words] : ["setpriv", "--pdeathsig", "KILL", "--", ...words];
}
