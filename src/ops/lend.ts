/** A descriptor that belongs to another thread of this process, which closes it. */
import { Fd } from "./fd.ts";

class LentFd extends Fd {
  /** Forgets the number; the owner closes the descriptor. */
  override close(): void {
    if (!this.closed) this.release();
  }
}

/**
 * An `Fd` for a number that another thread sent: descriptors mean the same in every thread of a process. Closing it, or
 * leaving its `using` block, closes nothing.
 */
export function lend(number: number, label = `descriptor ${number} of another thread`): Fd {
  return new LentFd(number, label);
}
