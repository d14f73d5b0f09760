/**
 * One sentence per finding, made of its fields alone: what is wrong where, the calls, the hop, the cause.
 *
 * Owns the wording of single findings, and that it is made once: a finding out of another process's report has it.
 */
import type { CallReference, Finding, Hop, WrongBit } from "../judge/finding.ts";
import { hexByte, PAGE_BYTES } from "../units.ts";
import { carriedText } from "./carried.ts";
import type { ReportedFinding } from "./document.ts";
import { fioText } from "./fio.ts";
import { grouped, plural } from "./format.ts";
import { claimText, recordsText } from "./records.ts";

type Facts = Omit<Finding, "detail" | "pageAligned">;

const HOP_TEXTS: Readonly<Record<Hop, string>> = {
  "arrived damaged": "the tap saw it: it was damaged before or in the splice into the pipe",
  "damaged between pipe and client": "the tap saw good bytes: it was damaged after the pipe",
  "damaged in the sink's read": "two reads of the same bytes differed: it was damaged in the sink",
};

const bytes = (count: number) => plural(count, "byte");

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
  return `bit ${bit} of byte ${grouped(offsetBytes)}${found === undefined ? "" : ` (found ${found})`}`;
}

function describeBits({ bits = [], wordBytes, lengthBytes, offsetBytes }: Facts): string {
  if (wordBytes === undefined) {
    const which = bits.map(({ bit, offsetBytes: at }) => `bit ${bit} of byte ${grouped(at)}`).join(", ");
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

/** A finding as a report has it, with its sentence. */
export function reported(finding: Finding): ReportedFinding {
  const { calls } = finding;
  return {
    ...finding,
    ...(calls === undefined ? {} : { calls: calls.map(reportedCall) }),
    detail: sentenceOf(finding),
  };
}

/** A call as a report has it, with what is remarkable about it in words. */
export function reportedCall(call: CallReference): CallReference {
  const { exact, grewBytes, result } = call;
  if (exact === true) return { ...call, detail: "its bytes are exactly the damaged range" };
  if (grewBytes === undefined) return call;
  return { ...call, detail: `the file grew by ${grewBytes}, the call returned ${result}` };
}

const textOf = (finding: Finding) =>
  claimText(finding) ?? recordsText(finding) ?? fioText(finding) ?? describe(finding);

/** The sentence of one finding, without a full stop. */
export function sentenceOf(finding: Finding): string {
  const { detail = textOf(finding), hop, cause } = finding;
  const clauses = [carriedText(finding), hop === undefined ? undefined : HOP_TEXTS[hop], cause];
  const tail = clauses.flatMap((clause) => (clause === undefined ? [] : [`; ${clause}`])).join("");
  return detail.endsWith(tail) ? detail : `${detail}${tail}`;
}

/** What is wrong, and where. */
function describe(finding: Facts): string {
  const { kind, offsetBytes, lengthBytes, originBytes = 0, wordBytes = 8, content = "unknown" } = finding;
  switch (kind) {
    case "duplicated":
      return describeDuplicated(finding);
    case "misplaced":
      return describeMisplaced(finding);
    case "lost":
      if (finding.counted === true)
        return `${bytes(lengthBytes)} that ${verb(finding, "was", "were")} spliced into the pipe ${verb(finding, "was", "were")} never spliced out: it was empty`;
      return `${bytes(lengthBytes)} from ${grouped(originBytes)} ${verb(finding, "is", "are")} missing at ${place(offsetBytes)} and ${verb(finding, "appears", "appear")} nowhere`;
    case "bit-flipped":
      return describeBits(finding);
    case "byte-swapped":
      return `${bytes(lengthBytes)} at ${place(offsetBytes)} are the right ${wordBytes * 8}-bit words in reversed byte order`;
    case "stale":
      return describeStale(finding);
    case "truncated":
      if (finding.sentBytes !== undefined)
        return `the stream ends ${bytes(lengthBytes)} early: ${grouped(finding.sentBytes)} were sent and nothing above explains it`;
      return `the file ends at ${grouped(offsetBytes)}; ${bytes(lengthBytes)} of the stream, from ${grouped(originBytes)}, never came`;
    case "extra":
      if (finding.sentBytes !== undefined)
        return `the stream goes on ${bytes(lengthBytes)} past the ${grouped(finding.sentBytes)} that were sent`;
      return `${bytes(lengthBytes)} too many from ${grouped(offsetBytes)} on (${content})`;
    case "torn":
      return `a line is torn at ${grouped(offsetBytes)}: ${bytes(lengthBytes)} from ${grouped(originBytes)} are between its pieces`;
    default:
      return describeRaw(finding);
  }
}
