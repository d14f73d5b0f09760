/**
 * What the tracer cuts a file into: runs that follow a stream, and damage. Types, and the few questions that every
 * reader of a part asks.
 *
 * A part knows all bytes of the file that fit it, [lo, hi): neighbouring parts may both fit the same few bytes, and any
 * cut between them describes the very same file. Where the cut is made is `story.ts`'s choice.
 */
import type { Pattern } from "../../pattern/pattern.ts";
import type { WrongBit } from "../finding.ts";

export type PartKind =
  | "own"
  | "stale"
  | "zeroed"
  | "filled"
  | "foreign"
  | "bit-flipped"
  | "byte-swapped"
  /** The own pattern, beyond the expected end. */
  | "beyond";

export interface Part {
  readonly kind: PartKind;
  /** First byte of the file that fits this part, and the one after the last. */
  lo: number;
  hi: number;
  /** Where the part visibly begins and ends: outside of this only bytes that its neighbours explain as well. */
  from: number;
  to: number;
  /** Stream offset minus file offset of its bytes. */
  readonly shift: number;
  /** What its bytes are; undefined for foreign bytes. */
  readonly stream?: Pattern | undefined;
  /** Damage in place inside a run, in file order: the run continues behind it where it would have been. */
  inlays: Part[];
  /** From here to `hi` nothing in it is damaged. */
  clear: number;
  /** A run of the main line that was reported up to here: it is not in question. */
  written?: boolean;
  /** Foreign damage: its first bytes, for a dump. */
  readonly head?: Uint8Array;
  readonly value?: number;
  readonly bits?: readonly WrongBit[];
  readonly wordBytes?: number;
  readonly label?: string;
}

/** Damage that any stream bytes may be hidden under: its borders may give a few bytes more than they must. */
export function isRaw({ kind }: Part): boolean {
  return kind === "zeroed" || kind === "filled" || kind === "foreign";
}

/** Less than a word that fits beyond the end of the stream proves nothing. */
export function isChance({ kind, lo, hi }: Part, { wordBytes }: Pattern): boolean {
  return kind === "beyond" && hi - lo < wordBytes;
}

/** True when the bytes that were found continue the run. */
export function isSameRun(
  { kind, shift, label }: Part,
  found: { readonly own: boolean; readonly shift: number; readonly stream: Pattern },
): boolean {
  const same = found.own ? kind === "own" : kind === "stale" && label === found.stream.label;
  return same && found.shift === shift;
}

/** A run that begins at a file offset, of the stream itself or of another one. */
export function newRun({ stream, own, shift }: { stream: Pattern; own: boolean; shift: number }, at: number): Part {
  const place = { lo: at, hi: at, from: at, to: at, shift, stream, inlays: [], clear: at };
  return own ? { kind: "own", ...place } : { kind: "stale", ...place, label: stream.label };
}
