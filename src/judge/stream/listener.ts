/** Who makes sense of the parts that a tracer cuts a file into. A type only. */
import type { Part } from "./part.ts";

export interface Listener {
  /** A part is complete; `open` is the run that follows it. Parts come in file order. */
  part(part: Part): void;
  /** Damage inside the run that is being followed, whose end is still open. */
  inlay(run: Part, inlay: Part): void;
  /** Flips by themselves in that run, one or the same again and again; see `FlipTaker` for the numbers. */
  flips(run: Part, wordAt: number, strideBytes: number, count: number, lo: number, hi: number): boolean;
  flip(run: Part, wordAt: number, lo: number, hi: number, foundLo: number, foundHi: number): void;
  /** A doubt begins: what comes may be taken back. A place between parts. */
  mark(): number;
  /** What came behind the mark, or undefined when that is decided already. */
  since(mark: number): readonly Part[] | undefined;
  /** The doubt is over while `open` is followed; all that came behind `takeBack` did not happen. */
  settled(open: Part, takeBack: number | undefined): void;
}
