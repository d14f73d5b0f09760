/** `lab.ts merge`: results of several machines (--shard) as one table, one JSON object, or KTAP. */
import { writeSync } from "node:fs";
import { mergeResults, readResults } from "../results.ts";
import { tableHead, tableRow } from "../table.ts";
import { type MatrixCommand, openPage, showMatrix, writePage } from "./matrix.ts";

export function commandMerge(
  files: readonly string[],
  { form, reportFile }: Pick<MatrixCommand, "form" | "reportFile">,
): number {
  using page = openPage(reportFile);
  const document = mergeResults(files.map(readResults));
  if (form === "table") writeSync(1, `${[tableHead(), ...document.rows.map(tableRow)].join("\n")}\n`);
  if (page !== undefined) writePage(page, document.rows);
  return showMatrix(document, form);
}
