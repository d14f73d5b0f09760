/**
 * What became of acknowledged writes and of records in a log, in words, made of a finding's `claim` or `records`.
 *
 * Owns the wording; the judges of claims and of record logs found out what is true.
 */
import type { Finding, FoundRecords } from "../judge/finding.ts";
import { grouped, plural } from "./format.ts";

/** Undefined for a finding that is not about a claim. */
export function claimText({ claim, lengthBytes, offsetBytes }: Finding): string | undefined {
  if (claim === undefined) return undefined;
  const { name, instead, fileBytes } = claim;
  const are = lengthBytes === 1 ? "is" : "are";
  const there =
    fileBytes !== undefined
      ? `the file ends at ${grouped(fileBytes)}`
      : instead === undefined
        ? "bytes that were never written are there"
        : `${instead}'s bytes are there`;
  const acknowledged = `acknowledged at ${grouped(claim.offsetBytes)}`;
  return `${plural(lengthBytes, "byte")} of ${name}, ${acknowledged}, ${are} gone from ${grouped(offsetBytes)}; ${there}`;
}

function named({ writer, first, count }: FoundRecords): string {
  const which = count === 1 ? `record ${first}` : `records ${first} to ${first + count - 1}`;
  return `${which} of writer ${writer}`;
}

/** Undefined for a finding that is not about records. */
export function recordsText({ kind, records, lengthBytes, offsetBytes }: Finding): string | undefined {
  if (records === undefined) return undefined;
  const { count, recordBytes, acknowledged, piecesBytes = [], betweenBytes = 0 } = records;
  const whole = lengthBytes === count * recordBytes;
  const one = whole && count === 1;
  const name = named(records);
  const what = whole
    ? `${name} (${plural(lengthBytes, "byte")})`
    : `${grouped(lengthBytes)} of ${plural(count * recordBytes, "byte")} of ${name}`;
  switch (kind) {
    case "duplicated":
      return `${what} ${one ? "is" : "are"} repeated at ${grouped(offsetBytes)}`;
    case "lost":
      return `${what}, acknowledged, ${one ? "appears" : "appear"} nowhere`;
    case "extra":
      return `${what} ${one ? "is" : "are"} there; the writer was acknowledged ${plural(acknowledged ?? 0, "record")}`;
    case "torn": {
      const pieces = `${piecesBytes.length} pieces (${piecesBytes.join(" + ")})`;
      const cut = offsetBytes + (piecesBytes[0] ?? 0);
      return `${name}, ${recordBytes} bytes, reported whole, lies in ${pieces} with ${betweenBytes} bytes of others between; it was cut at ${cut}`;
    }
    default:
      return undefined;
  }
}
