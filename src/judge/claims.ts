/**
 * Judges a file by what was reported to its writers: every acknowledged write claims a range, and claims never overlap.
 *
 * Owns one question: are the bytes of every claim where the kernel reported them written? Bytes that are not are
 * `lost`; when they are another claim's, the finding names whose. Pure; for files small enough to be held in memory.
 */
import type { CallReference, Finding } from "./finding.ts";

/** What one acknowledged write claims: these bytes at this place. */
export interface Claim {
  /** Who wrote, for sentences: "the other writer's record". */
  readonly name: string;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  readonly call?: CallReference;
}

/** What findings of `judgeClaims` report in addition to the bytes. */
export interface ClaimsOptions {
  readonly file?: string;
  /** Why it happened: every finding's `cause`. */
  readonly cause?: string;
}

/** A record that is one letter, over and over: every byte differs from every other record's. */
export function letters(letter: string, lengthBytes: number): Uint8Array {
  return new Uint8Array(lengthBytes).fill(letter.charCodeAt(0));
}

interface MissingRange {
  readonly from: number;
  readonly to: number;
}

/** One finding for each run of claimed bytes that are not there, in file order. */
export function judgeClaims(file: Uint8Array, claims: readonly Claim[], options: ClaimsOptions = {}): Finding[] {
  return claims.flatMap((claim) => gapsOf(file, claim).map((gap) => lost(file, { claim, gap, claims, options })));
}

function gapsOf(file: Uint8Array, { offsetBytes, bytes }: Claim): MissingRange[] {
  const gaps: MissingRange[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    if (file[offsetBytes + at] === bytes[at]) continue;
    const from = at;
    while (at < bytes.length && file[offsetBytes + at] !== bytes[at]) at += 1;
    gaps.push({ from: offsetBytes + from, to: offsetBytes + at });
  }
  return gaps;
}

function lost(
  file: Uint8Array,
  {
    claim,
    gap,
    claims,
    options,
  }: { claim: Claim; gap: MissingRange; claims: readonly Claim[]; options: ClaimsOptions },
): Finding {
  const lengthBytes = gap.to - gap.from;
  const found = file.subarray(gap.from, gap.to);
  const owner = claims.find((other) => other !== claim && found.length > 0 && holds(other.bytes, found));
  const { name, offsetBytes } = claim;
  const calls = [claim.call, owner?.call].filter((call) => call !== undefined);
  return {
    kind: "lost",
    ...(options.file === undefined ? {} : { file: options.file }),
    offsetBytes: gap.from,
    lengthBytes,
    originBytes: gap.from,
    pageAligned: gap.from % 4096 === 0,
    ...(calls.length === 0 ? {} : { calls }),
    claim: {
      ...{ name, offsetBytes },
      ...(owner === undefined ? {} : { instead: owner.name }),
      ...(found.length === 0 ? { fileBytes: file.length } : {}),
    },
    ...(options.cause === undefined ? {} : { cause: options.cause }),
    sample: sample(file, { claim, gap }),
  };
}

function holds(bytes: Uint8Array, found: Uint8Array): boolean {
  // From any place of the record: bytes of its middle are its own as well.
  return found.length <= bytes.length && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(found);
}

function sample(file: Uint8Array, { claim, gap }: { claim: Claim; gap: MissingRange }): NonNullable<Finding["sample"]> {
  const offsetBytes = Math.max(claim.offsetBytes, gap.from - (gap.from % 16));
  const from = offsetBytes - claim.offsetBytes;
  return {
    offsetBytes,
    expectedHex: Buffer.from(claim.bytes.subarray(from, from + 64)).toString("hex"),
    foundHex: Buffer.from(file.subarray(offsetBytes, offsetBytes + 64)).toString("hex"),
  };
}
