/** Which pressure there is, and on what: the options of `Pressure.start`, and how sizes are printed there. */
import type { Path } from "../../ops/file.ts";
import { KiB, MiB } from "../../ops/memory.ts";

/** Names of the kinds of pressure, for a `choice` argument. */
export const PRESSURES = ["auto", "none", "prime", "cgroup", "writeback"] as const;
/** The kinds of pressure. */
export type PressureMode = (typeof PRESSURES)[number];

/** Which pressure, on whom. */
export interface PressureOptions {
  readonly mode: PressureMode;
  /** Where the files lie. */
  readonly directory: Path;
  /** The largest append the caller plans when the user fixed it; else ours (`chunkBytes`) is meant. */
  readonly appendBytesMax: number;
  /** The user chose the size of appends: no suggestion is made. */
  readonly chunkFixed: boolean;
  narrate(line: string): void;
}

export function sizeText(bytes: number): string {
  return bytes >= MiB ? `${Math.round((bytes / MiB) * 10) / 10} MiB` : `${Math.round(bytes / KiB)} KiB`;
}
