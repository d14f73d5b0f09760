/**
 * Reports what happened to a stream: the shortest true story of the parts that the tracer cuts a file into.
 *
 * True: each byte of the file is in one segment that states what it is, and the findings, replayed as edits on the good
 * stream, give back the file. Shortest: as few findings as can be. The parts are runs of the stream (with the damage in
 * them behind which they continue), runs of other streams, and damage. A story picks the runs of the main line;
 * `plot.ts` searches for the choice with the fewest findings, `story.ts` reports it, ties go to fewer bytes, to aligned
 * places, to the earlier one.
 *
 * What is decided when. While the main line has been reported up to the run that is being followed, damage in that run
 * is reported at once: nothing that comes can make it cheaper. From the first change of shift on, parts wait: until the
 * file ends, until so many wait that the older half is reported as it looks best by then (PARTS_MAX; fewer once findings
 * are only counted), or until so much damage waits in one run that it is reported with that run on the main line
 * (INLAYS_MAX). Later bytes may then prove
 * that fewer findings would have done. They cannot make a reported byte wrong: what each byte of the file is does not
 * depend on the choice, and a range that was called lost, or a copy, is mended by `links.ts` when the other half turns
 * up. Refuses to read bytes.
 */
import { flipPart } from "./flip.ts";
import { type Gap, gapBetween, repeatsIn, runBehind } from "./gap.ts";
import type { Listener } from "./listener.ts";
import type { Ledger } from "./notebook.ts";
import type { Part } from "./part.ts";
import { chainOf, costOf, firstPlot, grow, type Plot } from "./plot.ts";
import { endOf, isBetter, type Line, runLines, type Story, storyOf } from "./story.ts";

/** Parts that wait for a decision, and damage that waits in one run. */
const PARTS_MAX = 128;
/** Of findings that are only counted, fewer wait: a file that is wrong everywhere takes not much longer than others. */
const PARTS_MAX_COUNTED = 16;
/** Behind more parts than these it is not sure that a run continues in place: they are weighed. */
const IN_PLACE_PARTS_MAX = 4;
const INLAYS_MAX = 4096;
/** The end of a run may still be cut so far from its last byte. */
const OPEN_END_BYTES = 192;
/** Plots whose findings are counted exactly. */
const TOLD_MAX = 24;

export class Explainer implements Listener {
  readonly #ledger: Ledger;
  readonly #endBytes: number;
  /** The last run of the main line that is decided. */
  #anchor: Part;
  /** Everything before this offset of the file is in the ledger. */
  #written: number;
  #parts: Part[] = [];
  #plots: Plot[];
  #decided = 0;
  /** Of two readings one is to be taken back: nothing is reported until it is known which. */
  #inDoubt = false;

  constructor(ledger: Ledger, { startBytes, endBytes }: { startBytes: number; endBytes: number }) {
    this.#ledger = ledger;
    this.#endBytes = endBytes;
    this.#written = startBytes;
    this.#anchor = edge(startBytes, 0);
    this.#plots = [firstPlot(this.#anchor)];
  }

  /** True while the run that is being followed continues where the reported main line ends. */
  isSettled(run: Part): boolean {
    const { shift, hi } = this.#anchor;
    return !this.#inDoubt && this.#parts.length === 0 && run.kind === "own" && run.shift === shift && run.lo <= hi;
  }

  inlay(run: Part, inlay: Part): void {
    if (this.isSettled(run)) {
      run.written = true;
      for (const line of runLines(run, { from: this.#written, to: endOf(inlay) }, [inlay])) this.#write(line);
      return;
    }
    run.inlays.push(inlay);
    if (run.inlays.length < INLAYS_MAX) return;
    const to = inlay.to;
    this.part({ ...run, hi: to, to, clear: to });
    this.#decide(true);
    Object.assign(run, { lo: to, from: to, clear: to, inlays: [] });
  }

  /** Counts flips that are neither listed nor drawn; false when they are, or may yet turn out to be something else. */
  flips(run: Part, wordAt: number, strideBytes: number, count: number, lo: number, hi: number): boolean {
    if (!this.#ledger.isFull || !this.isSettled(run)) return false;
    run.written = true;
    this.#written = this.#ledger.countFlips(wordAt, { lo, hi, count, strideBytes });
    run.clear = this.#written;
    return true;
  }

  flip(run: Part, wordAt: number, lo: number, hi: number, foundLo: number, foundHi: number): void {
    if (this.flips(run, wordAt, 0, 1, lo, hi)) return;
    const part = flipPart({ wordAt, lo, hi, foundLo, foundHi }, run);
    this.inlay(run, part);
    run.clear = part.to;
  }

  part(part: Part): void {
    this.#parts.push(part);
    if (this.#ledger.isCounting && this.#isInPlace(part)) {
      this.#tellChain([this.#parts.length - 1]);
      this.#plots = [firstPlot(this.#anchor)];
      return;
    }
    this.#plots = grow(this.#plots, this.#parts, this.#ledger.isCounting);
    if (this.#parts.length >= this.#partsMax) this.#decide(false);
  }

  /** The reported main line continues with this run where it would be: of findings that are only counted, that decides. */
  #isInPlace(part: Part): boolean {
    const { kind, shift, lo, hi } = part;
    if (this.#inDoubt || kind !== "own" || shift !== this.#anchor.shift || lo >= hi) return false;
    if (this.#parts.length > IN_PLACE_PARTS_MAX) return false;
    return gapBetween(this.#anchor, part, this.#parts.slice(0, -1)) !== undefined;
  }

  get #partsMax(): number {
    return this.#ledger.isCounting ? PARTS_MAX_COUNTED : PARTS_MAX;
  }

  mark(): number {
    this.#inDoubt = true;
    return this.#decided + this.#parts.length;
  }

  since(mark: number): readonly Part[] | undefined {
    return mark < this.#decided ? undefined : this.#parts.slice(mark - this.#decided);
  }

  settled(open: Part, takeBack: number | undefined): void {
    this.#inDoubt = false;
    if (takeBack !== undefined) {
      this.#parts.length = takeBack - this.#decided;
      this.#regrow();
    } else if (this.isSettled(open)) for (const inlay of open.inlays.splice(0)) this.inlay(open, inlay);
  }

  #regrow(): void {
    const parts = this.#parts;
    this.#plots = [firstPlot(this.#anchor)];
    for (let count = 1; count <= parts.length; count += 1)
      this.#plots = grow(this.#plots, parts.slice(0, count), this.#ledger.isCounting);
  }

  /** Writes down the older half of what waits, or all of it with the last run on the main line. */
  #decide(all: boolean): void {
    const last = this.#parts.length - 1;
    const possible = all ? this.#plots.filter(({ index }) => index === last) : this.#plots;
    const plots = (possible.length > 0 ? possible : this.#plots)
      .slice()
      .sort((a, b) => a.cost - b.cost || a.bytes - b.bytes);
    const best = plots[0] as Plot;
    const chain = chainOf(best);
    const upTo = all ? chain.at(-1) : (chain.findLast((index) => index < this.#partsMax / 2) ?? chain[0]);
    if (upTo === undefined) this.#tellInPlace(all ? this.#parts.length : this.#partsMax / 2);
    else this.#tellChain(chain.slice(0, chain.indexOf(upTo) + 1));
    this.#regrow();
  }

  /** No run of the main line is among the parts: so many of them count as in place. */
  #tellInPlace(count: number): void {
    const at = this.#parts[count]?.lo ?? (this.#parts.at(-1) as Part).hi;
    const after = edge(at, this.#anchor.shift);
    this.#tellGaps([gapBetween(this.#anchor, after, this.#parts.slice(0, count)) as Gap], at);
    this.#anchor = after;
    this.#drop(count);
  }

  #tellChain(chain: readonly number[]): void {
    const gaps = gapsOf(this.#anchor, this.#parts, chain);
    const last = this.#parts[chain.at(-1) as number] as Part;
    const begin = gaps.at(-1) as Gap;
    const least = (begin.cuts.at(-1) as number) + repeatsIn(begin);
    const until = Math.max(least, last.clear, last.hi - OPEN_END_BYTES);
    this.#tellGaps(gaps, until);
    this.#anchor = { ...last, inlays: [], clear: Math.max(last.clear, until) };
    this.#drop((chain.at(-1) as number) + 1);
  }

  #tellGaps(gaps: readonly Gap[], until: number): void {
    this.#finishAnchor(gaps[0] as Gap);
    for (const line of storyOf(gaps, until).lines) this.#write(line);
  }

  /** What is left of the run before the first gap. */
  #finishAnchor({ before, cuts }: Gap): void {
    const to = cuts[0] as number;
    if (to > this.#written) for (const line of runLines(before, { from: this.#written, to }, [])) this.#write(line);
  }

  #drop(count: number): void {
    this.#parts.splice(0, count);
    this.#decided += count;
  }

  /** Damage that was reported when it was found is behind the beginning of its run. */
  #write(line: Line): void {
    const { from, to, show } = line;
    if (show === "finding") {
      this.#ledger.add(line);
      return;
    }
    if (to <= this.#written) return;
    const late = Math.max(0, this.#written - from);
    const origin = line.origin === undefined ? {} : { origin: line.origin + late };
    this.#ledger.add(late === 0 ? line : { ...line, from: this.#written, ...origin });
    this.#written = to;
  }

  /** The file ends; `open` is the end of a window, at which the stream may continue. */
  finish(fileEnd: number, { open }: { open: boolean }): void {
    const free = open || this.#endBytes === Infinity;
    const stories = this.#plots
      .map((plot) => {
        const end = edge(fileEnd, free ? plot.last.shift : this.#endBytes - fileEnd);
        const gap = gapToEnd(plot.last, end, this.#parts.slice(plot.index + 1));
        return { plot, gap, cost: costOf(gap, plot).cost };
      })
      .sort((a, b) => a.cost - b.cost || a.plot.bytes - b.plot.bytes)
      .slice(0, TOLD_MAX)
      .map(({ plot, gap }) => {
        const gaps = [...gapsOf(this.#anchor, this.#parts, chainOf(plot)), gap];
        return { gaps, story: storyOf(gaps, fileEnd) };
      });
    const best = stories.reduce((one, other) => (isBetter(other.story, one.story) ? other : one));
    this.#finishAnchor(best.gaps[0] as Gap);
    for (const line of atEnd(best.story, { fileEnd, endBytes: this.#endBytes })) {
      // An aligned cut behind the last bytes must not lead over the end of the file.
      if (line.to <= fileEnd) this.#write(line);
      else if (line.from < fileEnd) this.#write({ ...line, to: fileEnd });
    }
  }
}

/** A run without bytes: the beginning, and the expected end. */
function edge(at: number, shift: number): Part {
  return { kind: "own", lo: at, hi: at, from: at, to: at, shift, inlays: [], clear: at };
}

/** The last gap. A run at whose beginning the one before it has reached the end already leaves nothing to explain. */
function gapToEnd(before: Part, end: Part, pieces: readonly Part[]): Gap {
  const gap = gapBetween(before, end, pieces) as Gap;
  const beyond = (gap.cuts.at(-1) as number) > end.lo && pieces.length > 0;
  return beyond ? gapToEnd(before, end, pieces.slice(0, -1)) : gap;
}

function gapsOf(anchor: Part, parts: readonly Part[], chain: readonly number[]): Gap[] {
  let before = anchor;
  let from = 0;
  return chain.map((index) => {
    const after = parts[index] as Part;
    const gap = gapBetween(before, after, parts.slice(from, index)) as Gap;
    before = runBehind(gap);
    from = index + 1;
    return gap;
  });
}

/** What is missing at the end of a file that is too short was cut off; what is too many behind the stream is extra. */
function atEnd({ lines }: Story, { fileEnd, endBytes }: { fileEnd: number; endBytes: number }): Line[] {
  const last = lines.findLastIndex(({ kind, from }) => kind === "lost" && from === fileEnd);
  const lastIntact = lines.findLastIndex(({ kind }) => kind === "intact");
  return lines.map((line, index) => {
    if (index === last && fileEnd < endBytes && (line.origin as number) + (line.missing as number) === endBytes) {
      return { ...line, kind: "truncated" };
    }
    const raw = line.kind === "foreign" || line.kind === "zeroed" || line.kind === "filled";
    return raw && line.replaces === 0 && index > lastIntact ? { ...line, kind: "extra" } : line;
  });
}
