/** What scripts need of a machine, ready for a reproducer's `requires`: probed by trying, named when unmet. */
import { Ring } from "../ops/ring/ring.ts";

/** undefined when a ring can be made here, else why not and what to do. */
export function ioUringMissing(): string | undefined {
  try {
    new Ring({ entries: 8 })[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
