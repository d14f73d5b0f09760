/** Who makes sense of the parts that a tracer cuts a file into. A type only. */
import type { Part } from "./part.ts";

export interface Listener {
  /** A part is complete; `open` is the run that follows it. Parts come in file order. */
  part(part: Part): void;
  /** Damage inside the run that is being followed, whose end is still open. */
  inlay(run: Part, inlay: Part): void;
  /** A flip by itself in that run; see `FlipTaker` for the numbers. */
  flip(run: Part, wordAt: number, lo: number, hi: number, foundLo: number, foundHi: number): void;
  /** A place between parts; `since` lists what came behind it, or undefined when that is decided already. */
  mark(): number;
  since(mark: number): readonly Part[] | undefined;
  /** Takes back all that came behind a mark and returns the first of it: the run that was open then. */
  takeBack(mark: number): Part;
}
