/**
 * `off_t *` arguments: one place per thread for each of the two offsets that splice(2) and its kin take.
 *
 * Owns the 16 bytes. Refuses to report how the kernel advanced them: the call's count does.
 */
import { checkOffset } from "./integers.ts";
import { allocate, type Memory } from "./memory.ts";

let places: Memory | undefined;

/** The address of an off_t that holds `offsetBytes`, good for the next call of this thread. */
export function offsetPointer(which: "from" | "to", offsetBytes: number): number {
  checkOffset(`${which}OffsetBytes`, offsetBytes);
  places ??= allocate(16);
  const at = which === "from" ? 0 : 8;
  places.view.setUint32(at, offsetBytes >>> 0, true);
  places.view.setUint32(at + 4, Math.floor(offsetBytes / 2 ** 32), true);
  return places.at(at, 8);
}
