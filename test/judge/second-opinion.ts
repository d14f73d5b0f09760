/**
 * A second opinion on a judgement of a counter stream: slow, obvious, and independent of the judge's code.
 *
 * It does not walk. It collects evidence for every single byte (which alignments of which generation are proven there,
 * by three consecutive words, by brute force over the whole file in memory) and then asks whether the judgement agrees
 * with the evidence byte by byte, and whether its books balance: every byte of the stream is once, or is missing, or
 * was damaged, and every byte of the file is explained once.
 */
import type { Finding, Judgement, Segment } from "../../src/judge/finding.ts";

const MASK_40 = (1n << 40n) - 1n;
/**
 * Zeroed and foreign ranges may take a few bytes of their neighbours that fit both (see boundary.ts), and a piece proves
 * itself by three whole words behind its first wrong byte: only what is proven this far around must not be called damage.
 */
const BORDER_BYTES = 24;

export interface Claim {
  readonly bytes: Uint8Array;
  readonly generation: number;
  readonly expectBytes: number;
  readonly judgement: Judgement;
}

function expectedByte(generation: number, offset: number): number {
  const word = Math.floor(offset / 8);
  const byte = offset % 8;
  if (byte < 5) return Math.floor(word / 256 ** byte) % 256;
  return Math.floor(generation / 256 ** (byte - 5)) % 256;
}

/** Alignments are named "generation:delta", where delta = stream offset - file offset. */
class Evidence {
  readonly #bytes: Uint8Array;
  readonly #strong = new Map<string, Uint8Array>();
  readonly #generation: number;

  constructor({ bytes, generation, expectBytes }: Claim) {
    this.#bytes = bytes;
    this.#generation = generation;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 24 <= bytes.length; at += 1) {
      const word = view.getBigUint64(at, true);
      if (view.getBigUint64(at + 8, true) !== word + 1n || view.getBigUint64(at + 16, true) !== word + 2n) continue;
      const own = Number((word - (BigInt(generation) << 40n)) * 8n);
      if (own >= 0 && own + 24 <= expectBytes) this.#extend(generation, own - at, at);
      else if (Number(word >> 40n) !== generation)
        this.#extend(Number(word >> 40n), Number((word & MASK_40) * 8n) - at, at);
    }
  }

  #extend(generation: number, delta: number, at: number): void {
    const key = `${generation}:${delta}`;
    let cover = this.#strong.get(key);
    if (cover === undefined) {
      cover = new Uint8Array(this.#bytes.length);
      this.#strong.set(key, cover);
    }
    if (cover[at] === 1) return;
    for (let i = at; i >= 0 && this.matches(generation, delta, i); i -= 1) cover[i] = 1;
    for (let i = at; i < cover.length && this.matches(generation, delta, i); i += 1) cover[i] = 1;
  }

  matches(generation: number, delta: number, at: number): boolean {
    return at + delta >= 0 && this.#bytes[at] === expectedByte(generation, at + delta);
  }

  strong(generation: number, delta: number, at: number): boolean {
    return this.#strong.get(`${generation}:${delta}`)?.[at] === 1;
  }

  staleAt(at: number, origin: number): boolean {
    for (const [key, cover] of this.#strong) {
      const [generation, delta] = key.split(":").map(Number);
      if (cover[at] === 1 && generation !== this.#generation && delta === origin - at) return true;
    }
    return false;
  }

  /** How many places its bytes prove, each by as many bytes as a piece must have. */
  placesIn({ offsetBytes, lengthBytes }: Segment): number {
    const covers = [...this.#strong.values()].map((cover) => cover.subarray(offsetBytes, offsetBytes + lengthBytes));
    return covers.filter((cover) => cover.filter((proven) => proven === 1).length >= 2 * BORDER_BYTES).length;
  }

  /** Proven by anything, this many bytes around. */
  provenAround(at: number): string | undefined {
    for (const [key, cover] of this.#strong) {
      let all = true;
      for (let i = at - BORDER_BYTES; i <= at + BORDER_BYTES; i += 1) all &&= cover[i] === 1;
      if (all) return key;
    }
    return undefined;
  }
}

/** What is wrong with a judgement, or undefined. */
export function object(claim: Claim): string | undefined {
  return objectToMap(claim) ?? objectToBytes(claim) ?? objectToBooks(claim);
}

function objectToMap({ bytes, judgement }: Claim): string | undefined {
  let at = 0;
  for (const segment of judgement.segments) {
    if (segment.offsetBytes !== at || segment.lengthBytes <= 0)
      return `segment at ${segment.offsetBytes}, expected ${at}`;
    at += segment.lengthBytes;
  }
  return at === bytes.length ? undefined : `the map ends at ${at} of ${bytes.length}`;
}

function objectToBytes(claim: Claim): string | undefined {
  const evidence = new Evidence(claim);
  for (const segment of claim.judgement.segments) {
    for (let i = 0; i < segment.lengthBytes; i += 1) {
      const problem = objectToByte(claim, { evidence, segment, i });
      if (problem !== undefined)
        return `byte ${segment.offsetBytes + i} in ${segment.kind} ${segment.offsetBytes}+${segment.lengthBytes}: ${problem}`;
    }
  }
  return undefined;
}

function objectToByte(
  { bytes, generation, judgement }: Claim,
  { evidence, segment, i }: { evidence: Evidence; segment: Segment; i: number },
): string | undefined {
  const at = segment.offsetBytes + i;
  const delta = (segment.originBytes ?? segment.offsetBytes) - segment.offsetBytes;
  switch (segment.kind) {
    case "intact":
    case "duplicated":
    case "misplaced":
      return evidence.matches(generation, delta, at) ? undefined : "is not the byte of its origin";
    case "stale":
      return evidence.staleAt(at, at + delta) ? undefined : "is not proven to be of another generation";
    case "zeroed":
      if (bytes[at] !== 0) return "is not zero";
      break;
    case "extra":
    case "byte-swapped":
      return undefined;
  }
  // One rule over bytes of several places is the shorter story (that it replays is checked elsewhere).
  const isRange =
    segment.kind === "bit-flipped" &&
    judgement.findings.some((one) => one.wordBytes !== undefined && isIn(segment, one));
  if (isRange && evidence.placesIn(segment) > 1) return undefined;
  const proven = evidence.provenAround(at);
  return proven === undefined ? undefined : `is proven to follow ${proven}`;
}

function isIn(segment: Segment, { offsetBytes, lengthBytes }: Finding): boolean {
  const to = segment.offsetBytes + segment.lengthBytes;
  return segment.offsetBytes >= offsetBytes && to <= offsetBytes + lengthBytes;
}

function objectToBooks({ bytes, expectBytes, judgement }: Claim): string | undefined {
  const states = new Uint8Array(expectBytes);
  let damaged = 0;
  for (const { kind, offsetBytes, lengthBytes, originBytes = offsetBytes } of judgement.segments) {
    if (kind === "intact") {
      for (let o = originBytes; o < originBytes + lengthBytes; o += 1) {
        if (o >= expectBytes || states[o] === 1) return `stream byte ${o} is called intact twice or beyond the end`;
        states[o] = 1;
      }
    } else if (kind !== "duplicated" && kind !== "extra") {
      // Damage in bytes that are of another place hides two: those that belong here, and those that were copied.
      const isInCopy = judgement.findings.some(
        (one) =>
          one.kind === "misplaced" &&
          one.offsetBytes <= offsetBytes &&
          one.offsetBytes + one.lengthBytes >= offsetBytes + lengthBytes,
      );
      damaged += kind === "bit-flipped" || (isInCopy && kind !== "misplaced") ? 2 * lengthBytes : lengthBytes;
    }
    if (kind === "misplaced" || kind === "duplicated") {
      // Bytes that are elsewhere are not gone.
      for (let o = originBytes; o < originBytes + lengthBytes; o += 1) if (states[o] === 0) states[o] = 2;
    }
  }
  for (const finding of judgement.findings) markMissing(finding, states);
  const unexplained = states.filter((state) => state === 0).length;
  // What never was and is not reported missing must have been overwritten: by damage, in its place.
  if (unexplained > damaged) return `${unexplained} bytes of the stream vanished, but only ${damaged} were damaged`;
  const repeated = judgement.findings.some((finding) => finding.kind === "duplicated");
  const total = judgement.segments.reduce((sum, one) => sum + (one.kind === "duplicated" ? one.lengthBytes : 0), 0);
  if (repeated !== total > 0 && damaged === 0) return "duplicated findings and segments disagree";
  return bytes.length === judgement.verifiedBytes ? undefined : "verifiedBytes is not the length";
}

function markMissing({ kind, originBytes = 0, lengthBytes }: Finding, states: Uint8Array): void {
  if (kind !== "lost" && kind !== "truncated") return;
  for (let o = originBytes; o < originBytes + lengthBytes; o += 1) if (states[o] === 0) states[o] = 2;
}
