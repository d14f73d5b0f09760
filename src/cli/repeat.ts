/**
 * The report's `repeat` field: the words of the run, and a checksum of every other field.
 *
 * Owns the field, and which report this process repeats. recording.ts reads one back.
 */
import type { Path } from "../ops/file.ts";
import type { Repeat, RunReport } from "../report/document.ts";

let repeated: RunReport | undefined;

/** The report whose run this process repeats; undefined without --replay. */
export function recording(): RunReport | undefined {
  return repeated;
}

/** The report with its `repeat` field; `words` are the arguments of the run, bytes where they are not UTF-8. */
export function recorded(report: Omit<RunReport, "repeat">, words: readonly Path[]): RunReport {
  return stamped(
    report,
    words.map((word) => (typeof word === "string" ? word : null)),
  );
}

/** The same report after some of its texts were written anew: its checksums are those of the new texts. */
export function stamped(report: Omit<RunReport, "repeat">, words: Repeat["arguments"]): RunReport {
  const { repeat: _old, ...rest } = report as RunReport;
  return { ...rest, repeat: { arguments: words, sums: sumsOf({ ...rest, arguments: words }) } };
}

function sumsOf(fields: object): Record<string, string> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, sum(value)]));
}

/** CRC-32 of the field as JSON: against accidents and edits, not against forgery. */
export function sum(value: unknown): string {
  return Bun.hash.crc32(JSON.stringify(value)).toString(16).padStart(8, "0");
}

/** Set once, by who read the recording. */
export function repeats(report: RunReport): void {
  repeated = report;
}
