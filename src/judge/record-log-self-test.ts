/**
 * Proves, before a race is judged, that this process's judge of record logs sees a torn, a lost and a doubled record,
 * and calls a whole log whole. A failure is a sentence, never an exception.
 */
import { fillRecord } from "../pattern/record.ts";
import { judgeRecordLog } from "./record-log.ts";

const BIG = 4096;
const SMALL = 64;

function record(writer: number, lengthBytes: number): Uint8Array {
  const block = new Uint8Array(lengthBytes);
  fillRecord(block, { writer, generation: 7, sequence: 0, lengthBytes });
  return block;
}

function kindsIn(parts: readonly Uint8Array[]): string {
  const log = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    log.set(part, at);
    at += part.length;
  }
  const tallies = [BIG, SMALL].map((recordBytes, writer) => ({ writer, recordBytes, records: 1, partial: [] }));
  return judgeRecordLog(log, { generation: 7, tallies })
    .findings.map((finding) => `${finding.kind} at ${finding.offsetBytes}`)
    .join(", ");
}

/** What the judge of record logs got wrong, or undefined when it got everything right. */
export function selfTestRecordLog(): string | undefined {
  const big = record(0, BIG);
  const small = record(1, SMALL);
  const proofs: readonly (readonly [readonly Uint8Array[], string])[] = [
    [[big, small], ""],
    [[small, big], ""],
    [[big.subarray(0, 1024), small, big.subarray(1024)], "torn at 0"],
    [[big], `lost at ${BIG}`],
    [[big.subarray(0, 2048), small], "lost at 0"],
    [[big, small, small], `duplicated at ${BIG + SMALL}`],
  ];
  for (const [parts, expected] of proofs) {
    const found = kindsIn(parts);
    if (found !== expected) return `"${found}" was found where "${expected}" is right`;
  }
  return undefined;
}
