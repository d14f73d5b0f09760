/** What the tracer hands to whoever makes sense of it: own runs and the pieces of damage before them. Types only. */
import type { Slack } from "./boundary.ts";
import type { OpenSample } from "./sample.ts";

export interface Piece {
  readonly kind: "zeroed" | "foreign" | "stale" | "bit-flipped";
  from: number;
  to: number;
  readonly originBytes?: number;
  readonly label?: string;
  readonly bits?: readonly string[];
}

export interface OwnRun {
  /** Damage between the last own run and this one. */
  readonly pieces: readonly Piece[];
  readonly from: number;
  readonly to: number;
  readonly streamOffsetBytes: number;
  readonly sample?: OpenSample | undefined;
  /** How far the run's beginning may be moved, when another run ends there. */
  readonly slack?: Slack | undefined;
}

export function lengthOf(pieces: readonly Piece[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.to - piece.from;
  return bytes;
}
