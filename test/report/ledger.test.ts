/** What a report has about a file that did not grow by what its calls returned. */
import { expect, test } from "bun:test";
import { ledgerSections } from "../../src/report/ledger.ts";

test("the sums, and the first call after which they differ", () => {
  const call = { what: "pwritev2", index: 7, atNs: 1_500_000, requestedBytes: 8192, result: 4096, grewBytes: 8192 };
  expect(ledgerSections([{ file: "x.3", reportedBytes: 36_864, sizeBytes: 40_960, call }])).toEqual([
    {
      title: "Ledger",
      lines: [
        "x.3: the results sum up to 36864, the file is 40960 bytes long (4096 more)",
        "first broken by call #7 at 0.001500s: pwritev2 of 8192 = 4096; the file grew by 8192",
      ],
    },
  ]);
  expect(ledgerSections([])).toEqual([]);
  expect(ledgerSections()).toEqual([]);
});
