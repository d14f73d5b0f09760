/**
 * Replays findings as an edit script on the good stream. What comes out must be the damaged file, byte for byte: raw
 * content is taken from the file, everything else is made from the findings' fields alone.
 */
import type { Finding, Judgement } from "../../src/judge/finding.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";

interface Script {
  readonly bytes: Uint8Array;
  readonly judgement: Judgement;
  readonly pattern: Pattern;
  readonly startBytes?: number;
}

/** Bytes of another place of the stream. */
const OF_ELSEWHERE: ReadonlySet<Finding["kind"]> = new Set(["misplaced", "duplicated", "torn"]);

/** The bytes that the findings make of the good stream, as long as the file. */
export function replayed({ bytes, judgement: { findings, segments }, pattern, startBytes = 0 }: Script): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const end = startBytes + bytes.length;
  let at = startBytes;
  let next = startBytes;
  const good = (from: number, length: number) => {
    const block = new Uint8Array(length);
    if (from >= 0) pattern.fill(block, from);
    return block;
  };
  const intact = segments.filter(({ kind }) => kind === "intact");
  const moved = findings.filter(({ kind }) => OF_ELSEWHERE.has(kind));
  const gone = findings
    .filter(({ kind }) => OF_ELSEWHERE.has(kind) || kind === "lost")
    .sort((a, b) => (a.originBytes ?? 0) - (b.originBytes ?? 0));
  /** Where the stream was left, and how many of its bytes have been replaced since. */
  let left = startBytes;
  let replaced = 0;
  /** Bytes that are found elsewhere need not be here: the map shows where the stream continues behind them. */
  const jump = (wrongBytes = 0) => {
    const here = intact.find(({ offsetBytes }) => offsetBytes === at + wrongBytes);
    const origin = here === undefined ? next : (here.originBytes ?? here.offsetBytes) - wrongBytes;
    let reached = next;
    for (let turn = 0; turn < moved.length; turn += 1)
      for (const { originBytes = 0, lengthBytes } of moved)
        if (originBytes <= reached && originBytes + lengthBytes > reached) reached = originBytes + lengthBytes;
    // They may also lie amid the bytes that are replaced: those are the rest.
    if (origin > next && (origin <= reached || restOf(left, origin, gone) === replaced)) next = origin;
  };
  const copy = (to: number) => {
    while (at < to) {
      jump();
      const later = intact.find(({ offsetBytes }) => offsetBytes > at)?.offsetBytes ?? to;
      const length = Math.min(to, later) - at;
      out.set(good(next, length), at - startBytes);
      at += length;
      next += length;
      left = next;
      replaced = 0;
    }
  };
  const isGap = ({ kind }: Finding) => Number(kind === "lost");
  const order = [...findings].sort(
    (a, b) => a.offsetBytes - b.offsetBytes || isGap(b) - isGap(a) || b.lengthBytes - a.lengthBytes,
  );
  let covered = startBytes;
  let cover = 0;
  for (const finding of order) {
    const { kind, offsetBytes, lengthBytes, originBytes = 0, replacesBytes = 0 } = finding;
    const inside = offsetBytes + lengthBytes <= covered && kind !== "lost" && kind !== "truncated";
    if (!inside) copy(offsetBytes);
    // Words with wrong bits are still those of where they are.
    if (!inside && kind === "bit-flipped") jump(lengthBytes);
    if (kind === "lost" || kind === "truncated") {
      next = Math.max(next, originBytes + lengthBytes);
      continue;
    }
    const place = offsetBytes - startBytes;
    const home = inside ? cover + offsetBytes : next;
    const file = bytes.slice(place, place + lengthBytes);
    out.set(contentOf(finding, { file, good, home }), place);
    if (inside) continue;
    at = covered = offsetBytes + lengthBytes;
    // Damage inside bytes of another place is of the words that belong there.
    cover = (OF_ELSEWHERE.has(kind) ? originBytes : next) - offsetBytes;
    const taken = kind === "bit-flipped" ? lengthBytes : kind === "duplicated" || kind === "extra" ? 0 : replacesBytes;
    next += taken;
    replaced += taken;
  }
  copy(end);
  return out;
}

/** How many bytes of a stretch of the stream no finding moves or misses; the findings in the order of the stream. */
function restOf(from: number, to: number, gone: readonly Finding[]): number {
  let rest = 0;
  let at = from;
  for (const { originBytes = 0, lengthBytes } of gone) {
    rest += Math.max(0, Math.min(originBytes, to) - at);
    at = Math.max(at, Math.min(originBytes + lengthBytes, to));
  }
  return rest + Math.max(0, to - at);
}

interface Content {
  readonly file: Uint8Array;
  /** Stream bytes that should be there, were they not damaged. */
  readonly home: number;
  good(from: number, length: number): Uint8Array;
}

function contentOf(finding: Finding, { file, good, home }: Content): Uint8Array {
  const { kind, lengthBytes, originBytes = 0, wordBytes, bits = [], offsetBytes, value = 0 } = finding;
  switch (kind) {
    case "duplicated":
    case "misplaced":
    case "torn":
      return good(originBytes, lengthBytes);
    case "zeroed":
      return new Uint8Array(lengthBytes);
    case "filled":
      return new Uint8Array(lengthBytes).fill(value);
    case "byte-swapped":
    case "bit-flipped": {
      const right = good(home, lengthBytes);
      if (kind === "byte-swapped") {
        const lead = home % (wordBytes as number);
        const whole = good(home - lead, Math.ceil((lead + lengthBytes) / 8) * 8);
        for (let i = 0; i + (wordBytes as number) <= whole.length; i += wordBytes as number)
          whole.subarray(i, i + (wordBytes as number)).reverse();
        return whole.subarray(lead, lead + lengthBytes);
      }
      for (const { offsetBytes: first, bit, found } of bits) {
        for (let i = first - offsetBytes; i < lengthBytes; i += wordBytes ?? lengthBytes) {
          const byte = right[i] as number;
          right[i] = found === undefined ? byte ^ (1 << bit) : found === 1 ? byte | (1 << bit) : byte & ~(1 << bit);
        }
      }
      return right;
    }
    default:
      return file;
  }
}
