/** What killed runs have left, put right: for doctor.ts --clean. */
import { sweep } from "../machine/sweep.ts";

/** A line for each thing that was undone. */
export function cleanLeftovers(): string[] {
  return sweep();
}
