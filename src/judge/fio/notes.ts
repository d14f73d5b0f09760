/**
 * Findings about blocks of fio, in file order: merged where they continue, joined where one names the other, capped.
 *
 * Owns the caps and the evidence that needs two findings. Refuses to decide what anything is.
 */

import type { Finding, FindingKind, FioEvidence, Judgement, Segment, WrongBit } from "../finding.ts";
import { Groups } from "../stream/groups.ts";

/** A range that is wrong, in offsets of the file. */
export interface Fact {
  readonly kind: FindingKind;
  readonly from: number;
  readonly to: number;
  readonly originBytes?: number;
  readonly value?: number | undefined;
  readonly bits?: readonly WrongBit[];
  readonly wordBytes?: number | undefined;
  readonly label?: string;
  readonly fio: FioEvidence;
}

const FINDINGS_MAX = 256;
const SEGMENTS_MAX = 4096;

type OpenFact = { -readonly [K in keyof Fact]: Fact[K] };

export class FioNotes {
  readonly #facts: OpenFact[] = [];
  readonly #segments: { offsetBytes: number; lengthBytes: number; kind: Segment["kind"]; originBytes?: number }[] = [];
  readonly #options: { file: string; expectBytes?: number | undefined; startBytes: number };
  #leftOut = 0;
  #segmentsLeftOut = 0;
  #last: OpenFact | undefined;
  readonly #groups = new Groups();

  constructor(options: { file: string; expectBytes?: number | undefined; startBytes: number }) {
    this.#options = options;
  }

  intact(from: number, to: number): void {
    this.#close();
    this.#segment({ kind: "intact", from, to });
  }

  add(fact: Fact): void {
    this.#segment(fact);
    if (this.#last !== undefined && goesOn(this.#last, fact)) {
      this.#last.to = fact.to;
      return;
    }
    this.#close();
    this.#last = { ...fact };
    if (this.#facts.length >= FINDINGS_MAX) this.#leftOut += 1;
    else this.#facts.push(this.#last);
  }

  /** The last fact is as long as it gets. */
  #close(): void {
    const fact = this.#last;
    this.#last = undefined;
    if (fact === undefined) return;
    const { from, to, kind, originBytes, value, wordBytes, bits } = fact;
    this.#groups.add({
      ...{ kind, offsetBytes: from, lengthBytes: to - from },
      ...(originBytes === undefined ? {} : { originBytes }),
      ...(value === undefined ? {} : { value }),
      ...(wordBytes === undefined ? {} : { wordBytes }),
      ...(bits === undefined ? {} : { bits }),
    });
  }

  #segment({
    kind,
    from,
    to,
    originBytes,
  }: Pick<Fact, "from" | "to" | "originBytes"> & { kind: Segment["kind"] }): void {
    const last = this.#segments.at(-1);
    const adjoins =
      last !== undefined &&
      last.kind === kind &&
      (originBytes === undefined
        ? last.originBytes === undefined
        : last.originBytes === originBytes - last.lengthBytes);
    if (last !== undefined && (adjoins || this.#segments.length >= SEGMENTS_MAX)) {
      last.lengthBytes += to - from;
      if (adjoins) return;
      this.#segmentsLeftOut += 1;
      if (kind !== "intact") last.kind = kind;
      delete last.originBytes;
      return;
    }
    this.#segments.push({
      offsetBytes: from,
      lengthBytes: to - from,
      kind,
      ...(originBytes === undefined ? {} : { originBytes }),
    });
  }

  finish(endBytes: number, { cut }: { readonly cut: boolean }): Judgement {
    const { expectBytes, startBytes, file } = this.#options;
    this.#close();
    const groups = this.#groups.finish();
    const last = this.#facts.at(-1);
    const isMoved = last?.kind === "misplaced" && last.to === endBytes && last.originBytes !== undefined;
    // The end is there, further up.
    const shownEnd = isMoved ? (last.originBytes as number) + last.to - last.from : endBytes;
    if (!cut && expectBytes !== undefined && endBytes < expectBytes && shownEnd !== expectBytes) {
      this.#facts.push({ kind: "truncated", from: endBytes, to: expectBytes, fio: { what: "end" } });
    }
    const misplaced = new Map<number, OpenFact>();
    for (const fact of this.#facts) if (fact.kind === "misplaced") misplaced.set(fact.originBytes as number, fact);
    return {
      verifiedBytes: endBytes - startBytes,
      findings: this.#facts.map((fact) => toFinding(fact, file, misplaced)),
      findingsLeftOut: this.#leftOut,
      ...(groups.length === 0 ? {} : { groups }),
      segments: this.#segments,
      segmentsLeftOut: this.#segmentsLeftOut,
    };
  }
}

function goesOn(last: Fact, next: Fact): boolean {
  if (last.kind !== next.kind || last.to !== next.from || last.value !== next.value) return false;
  if (last.kind === "misplaced") return next.originBytes === (last.originBytes as number) + (last.to - last.from);
  if (last.kind === "bit-flipped") return false;
  return last.wordBytes === next.wordBytes && last.label === next.label;
}

function toFinding(fact: Fact, file: string, misplaced: ReadonlyMap<number, Fact>): Finding {
  const { kind, from, to, originBytes, value, bits, wordBytes, label } = fact;
  // What belongs here is found there.
  const other = misplaced.get(from);
  const alsoAtBytes = other?.from;
  return {
    kind,
    file,
    offsetBytes: from,
    lengthBytes: to - from,
    ...(originBytes === undefined ? {} : { originBytes }),
    ...(alsoAtBytes === undefined ? {} : { alsoAtBytes }),
    ...(kind === "truncated" ? {} : { replacesBytes: to - from }),
    ...(value === undefined ? {} : { value }),
    ...(bits === undefined ? {} : { bits }),
    ...(wordBytes === undefined ? {} : { wordBytes }),
    ...(label === undefined ? {} : { label }),
    pageAligned: from % 4096 === 0,
    fio: { ...fact.fio, ...apart(fact, other) },
  };
}

/** By how many operations two whole blocks are apart that were written in each other's place, or one in the other's. */
function apart({ fio: one }: Fact, other: Fact | undefined): Pick<FioEvidence, "operationsLater"> {
  const isWhole = one.what === "other block" && other?.fio.what === "other block";
  if (!isWhole || one.operation === undefined || other.fio.operation === undefined) return {};
  return { operationsLater: one.operation - other.fio.operation };
}
