/**
 * One sentence per finding, as an engineer would say it, made of the finding's fields alone. Owns the wording of single
 * findings; verdicts and layouts belong to `report`.
 */
import type { Finding, WrongBit } from "../finding.ts";
import { bytesText as bytes, grouped, hexByte } from "./words.ts";

const PAGE_BYTES = 4096;

type Facts = Omit<Finding, "detail" | "pageAligned">;

/** "4,096 (page-aligned)". */
function place(offsetBytes: number): string {
  return offsetBytes % PAGE_BYTES === 0 ? `${grouped(offsetBytes)} (page-aligned)` : grouped(offsetBytes);
}

/** How the damage relates to the stream: in place, inserted, or partly. */
function relation({ replacesBytes, lengthBytes }: Facts): string {
  if (replacesBytes === undefined) return "";
  if (replacesBytes === lengthBytes) return ", in place of the stream's own";
  if (replacesBytes === 0) return ", inserted; the stream goes on behind them where it was";
  return `, in place of ${bytes(replacesBytes)} of the stream`;
}

function verb({ lengthBytes }: Facts, one: string, many: string): string {
  return lengthBytes === 1 ? one : many;
}

function elsewhere({ alsoAtBytes }: Facts): string {
  return alsoAtBytes === undefined ? "" : `; what belongs here is at ${grouped(alsoAtBytes)}`;
}

function describeDuplicated(finding: Facts): string {
  const { lengthBytes, originBytes = 0, offsetBytes } = finding;
  const what = `${bytes(lengthBytes)} from ${grouped(originBytes)} ${verb(finding, "is", "are")} repeated at ${grouped(offsetBytes)}`;
  const aligned = offsetBytes % PAGE_BYTES === 0 ? ", page-aligned" : "";
  return `${what}${aligned}; everything after is shifted by that much`;
}

function describeMisplaced(finding: Facts): string {
  const { lengthBytes, originBytes = 0, offsetBytes, replacesBytes, alsoAtBytes } = finding;
  const whole = lengthBytes === PAGE_BYTES && offsetBytes % PAGE_BYTES === 0 && originBytes % PAGE_BYTES === 0;
  if (replacesBytes !== 0) {
    const page = whole ? " (a page of another offset)" : "";
    const hold = verb(finding, "holds", "hold");
    const what = `${bytes(lengthBytes)} at ${grouped(offsetBytes)} ${hold} the stream's bytes from ${grouped(originBytes)}${page}`;
    const partly = replacesBytes === lengthBytes ? "" : relation(finding);
    return `${what}${partly}${alsoAtBytes === undefined ? "" : `; the other half is at ${grouped(alsoAtBytes)}`}`;
  }
  const left = alsoAtBytes === undefined ? "" : `; they are missing at ${grouped(alsoAtBytes)}`;
  return `${bytes(lengthBytes)} from ${grouped(originBytes)} ${verb(finding, "was", "were")} moved to ${place(offsetBytes)}${left}`;
}

function bitText({ offsetBytes, bit, found }: WrongBit): string {
  return `bit ${bit} of byte ${offsetBytes}${found === undefined ? "" : ` (found ${found})`}`;
}

function describeBits({ bits = [], wordBytes, lengthBytes, offsetBytes }: Facts): string {
  if (wordBytes === undefined) {
    const which = bits.map(({ bit, offsetBytes: at }) => `bit ${bit} of byte ${at}`).join(", ");
    return `${which} ${bits.length === 1 ? "is" : "are"} flipped; the neighbouring words are intact`;
  }
  const stuck = bits.every(({ found }) => found !== undefined);
  const which = bits.map(bitText).join(", ");
  const each = wordBytes === 1 ? "byte" : `${wordBytes * 8}-bit word`;
  const what = stuck ? "stuck" : "inverted";
  return `the same ${bits.length === 1 ? "bit is" : "bits are"} ${what} in every ${each} of ${bytes(lengthBytes)} from ${grouped(offsetBytes)} on: ${which}`;
}

function describeStale(finding: Facts): string {
  const { originBytes, label = "another stream", lengthBytes, offsetBytes } = finding;
  const from = originBytes === undefined ? "" : `, its bytes from ${grouped(originBytes)} on,`;
  return `${bytes(lengthBytes)} of ${label}${from} ${verb(finding, "is", "are")} at ${place(offsetBytes)}${relation(finding)}${elsewhere(finding)}`;
}

function describeRaw(finding: Facts): string {
  const { kind, lengthBytes, offsetBytes, value = 0 } = finding;
  const be = verb(finding, "is", "are");
  const tail = `at ${place(offsetBytes)}${relation(finding)}${elsewhere(finding)}`;
  if (kind === "zeroed") return `${bytes(lengthBytes).replace("byte", "zero byte")} ${be} ${tail}`;
  if (kind === "filled") return `${bytes(lengthBytes)} of the value ${hexByte(value)} ${be} ${tail}`;
  const match = verb(finding, "matches", "match");
  return `${bytes(lengthBytes)} at ${place(offsetBytes)} that ${match} nothing written${relation(finding)}${elsewhere(finding)}`;
}

/** The sentence of one finding, without a full stop. */
export function describe(finding: Facts): string {
  const { kind, offsetBytes, lengthBytes, originBytes = 0, wordBytes = 8, content = "unknown" } = finding;
  switch (kind) {
    case "duplicated":
      return describeDuplicated(finding);
    case "misplaced":
      return describeMisplaced(finding);
    case "lost":
      return `${bytes(lengthBytes)} from ${grouped(originBytes)} ${verb(finding, "is", "are")} missing at ${place(offsetBytes)} and ${verb(finding, "appears", "appear")} nowhere`;
    case "bit-flipped":
      return describeBits(finding);
    case "byte-swapped":
      return `${bytes(lengthBytes)} at ${place(offsetBytes)} are the right ${wordBytes * 8}-bit words in reversed byte order`;
    case "stale":
      return describeStale(finding);
    case "truncated":
      return `the file ends at ${grouped(offsetBytes)}; ${bytes(lengthBytes)} of the stream, from ${grouped(originBytes)}, never came`;
    case "extra":
      return `${bytes(lengthBytes)} too many from ${grouped(offsetBytes)} on (${content})`;
    case "torn":
      return `a record of ${bytes(lengthBytes)} lies in pieces from ${grouped(offsetBytes)} on`;
    default:
      return describeRaw(finding);
  }
}
