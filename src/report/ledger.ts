/**
 * Files that did not grow by what their calls returned, in words.
 *
 * Owns the wording; the workload kept the ledger.
 */
import type { BrokenLedger, ReportSection } from "./document.ts";

/** The section about them; none where every file grew as its calls returned. */
export function ledgerSections(ledger: readonly BrokenLedger[] = []): ReportSection[] {
  return ledger.length === 0 ? [] : [{ title: "Ledger", lines: ledger.flatMap(brokenLines) }];
}

function brokenLines({ file, reportedBytes, sizeBytes, call }: BrokenLedger): string[] {
  const { what, index, atNs, requestedBytes, result, grewBytes = 0 } = call;
  const excess = sizeBytes - reportedBytes;
  return [
    `${file}: the results sum up to ${reportedBytes}, the file is ${sizeBytes} bytes long (${excess} more)`,
    `first broken by call #${index} at ${(atNs / 1e9).toFixed(6)}s: ${what} of ${requestedBytes} = ${result}; the file grew by ${grewBytes}`,
  ];
}
