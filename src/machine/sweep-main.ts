/**
 * What a run's guard starts when the run is gone and its register is still there: sweep.ts for that register alone.
 *
 * Owns patience: children of the run may still be inside its memory group, or have files in its directory. Prints nothing:
 * no one reads it.
 */
import { existsSync } from "node:fs";
import { sweep } from "./sweep.ts";

const ATTEMPTS = 40;
const PAUSE_MS = 50;

const [register = ""] = process.argv.slice(2);
for (let attempt = 0; attempt < ATTEMPTS && existsSync(register); attempt++) {
  if (attempt > 0) await Bun.sleep(PAUSE_MS);
  sweep({ register, patient: attempt < ATTEMPTS - 1 });
}
