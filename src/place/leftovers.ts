/**
 * What a killed run can leave behind, found and undone: the one list that doctor.ts --clean walks.
 *
 * Everything else vanishes by construction (see ops/mount.ts): loop devices, mounts, images, namespaces, guests.
 */
import { restoreStaleDirtyLimits } from "../workload/dirty-limit.ts";
import { cleanStale } from "../workload/pressure/index.ts";

/** A line for each thing that was undone. */
export function cleanLeftovers(): string[] {
  return [...cleanStale(), ...restoreStaleDirtyLimits()];
}
