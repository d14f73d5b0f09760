/**
 * Long work inside a run, with the event loop turning in it: a second signal ends it, and progress is shown.
 *
 * Owns the pauses. The work comes in turns of a tenth of a second or less. Refuses to know what it is.
 */
import { type AccountOptions, type RecordsAccount, recordsInTurns } from "../judge/gone-records.ts";
import type { RunContext } from "./context.ts";

/** Does all turns of the work, and breathes between them. */
export async function breathing<Result>(
  run: Pick<RunContext, "breathe">,
  work: Generator<undefined, Result>,
): Promise<Result> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    await run.breathe();
  }
}

/** `accountRecords` in turns: of a large log, with signals and progress having theirs in between. */
export function accountLog(
  run: Pick<RunContext, "breathe">,
  log: Uint8Array,
  options: AccountOptions,
): Promise<RecordsAccount> {
  return breathing(run, recordsInTurns(log, options));
}
