/**
 * Results of a matrix in a file: kept after each kernel, taken up after an interruption, merged from several machines.
 *
 * Owns the file's form, which is that of `matrix --json`, so that a survey's --baseline reads it. Refuses to take up
 * results of another script or other arguments.
 */
import { closeSync, existsSync, openSync, unlinkSync } from "node:fs";
import { GivenFileError, readGivenFile } from "../cli/given-file.ts";
import { otherSchema } from "../survey/compare.ts";
import { LabError, writeJson } from "./kernels/cache.ts";
import { inOrder } from "./kernels/versions.ts";
import type { Row } from "./row.ts";
import { rowDamage } from "./stored-row.ts";
import { type MatrixDocument, matrixJson } from "./table.ts";

/** Reads one file of results; throws a LabError that names what is wrong with it. */
export function readResults(path: string): MatrixDocument {
  let document: (Partial<MatrixDocument> & { tool?: unknown }) | null;
  try {
    document = JSON.parse(readGivenFile(path));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof GivenFileError)) throw error;
    const why = error instanceof SyntaxError ? "is not JSON" : error.message;
    throw new LabError(`${path} ${why}`, { exitCode: 254 });
  }
  if (document?.tool !== "lab matrix" || !Array.isArray(document.rows)) {
    throw new LabError(`${path} holds no results of lab.ts matrix`, { exitCode: 254 });
  }
  const other = otherSchema((document as { schema?: unknown }).schema);
  if (other !== undefined) throw new LabError(`${path} ${other}`, { exitCode: 254 });
  const { script = "", scriptArguments = [], durationSeconds = 0, rows } = document;
  const damage = rows
    .map(rowDamage)
    .map((what, index) => what && `row ${index + 1}: ${what}`)
    .find(Boolean);
  const words = Array.isArray(scriptArguments) && scriptArguments.every((word) => typeof word === "string");
  const heads = words && typeof script === "string" && typeof durationSeconds === "number";
  const wrong = heads ? damage : "its script, arguments or duration are not as lab.ts matrix writes them";
  if (wrong !== undefined) throw new LabError(`${path} is damaged: ${wrong}`, { exitCode: 254 });
  return { script, scriptArguments, durationSeconds, rows };
}

const sameRun = (
  a: Pick<MatrixDocument, "script" | "scriptArguments">,
  b: Pick<MatrixDocument, "script" | "scriptArguments">,
) => a.script === b.script && JSON.stringify(a.scriptArguments) === JSON.stringify(b.scriptArguments);

const commandOf = ({ script, scriptArguments }: Pick<MatrixDocument, "script" | "scriptArguments">) =>
  [script, ...scriptArguments].join(" ");

/** A file that cannot be kept is known before hours of work. */
function refusePlace(path: string): void {
  const probe = `${path}.${process.pid}`;
  try {
    closeSync(openSync(probe, "wx"));
    unlinkSync(probe);
  } catch (error) {
    const line = `--results: ${path} cannot be written (${(error as NodeJS.ErrnoException).code}); name a file in a directory that takes some`;
    throw new LabError(line, { exitCode: 254, cause: error });
  }
}

/** A file of results that grows: what it holds already, and how a row is added. */
export class Results {
  readonly #path: string | undefined;
  readonly #run: Pick<MatrixDocument, "script" | "scriptArguments">;
  readonly #earlier: readonly Row[];
  readonly #earlierSeconds: number;

  constructor(path: string | undefined, run: Pick<MatrixDocument, "script" | "scriptArguments">) {
    this.#path = path;
    this.#run = run;
    const before = path !== undefined && existsSync(path) ? readResults(path) : undefined;
    if (before !== undefined && !sameRun(before, run)) {
      const other = `${path} holds results of "${commandOf(before)}", not of "${commandOf(run)}"; give another --results FILE`;
      throw new LabError(other, { exitCode: 254 });
    }
    if (path !== undefined) refusePlace(path);
    this.#earlier = before?.rows ?? [];
    this.#earlierSeconds = before?.durationSeconds ?? 0;
  }

  /** The row of a kernel that was judged before; one without a report is tried again. */
  known(asked: string): Row | undefined {
    return this.#earlier.find((row) => row.asked === asked && row.report !== null);
  }

  /** Writes what is known now: these rows, and those of the file that are not among them. A line when it cannot. */
  save(rows: readonly Row[], durationSeconds: number): string | undefined {
    if (this.#path === undefined) return undefined;
    const asked = new Set(rows.map((row) => row.asked));
    const all = [...this.#earlier.filter((row) => !asked.has(row.asked)), ...rows];
    const document = { ...this.#run, durationSeconds: this.#earlierSeconds + durationSeconds, rows: all };
    try {
      writeJson(this.#path, JSON.parse(matrixJson(document)));
      return undefined;
    } catch (error) {
      return `${this.#path} could not be written (${(error as NodeJS.ErrnoException).code}): these results are not kept`;
    }
  }
}

/** One document from several of the same script, kernels in order; of two rows of one kernel the one with a report counts. */
export function mergeResults(documents: readonly MatrixDocument[]): MatrixDocument {
  const [first] = documents;
  if (first === undefined) throw new LabError("nothing to merge: name at least one file", { exitCode: 254 });
  const other = documents.find((document) => !sameRun(document, first));
  if (other !== undefined) {
    throw new LabError(`these are results of two commands: "${commandOf(first)}" and "${commandOf(other)}"`, {
      exitCode: 254,
    });
  }
  const byKernel = new Map<string, Row>();
  for (const row of documents.flatMap(({ rows }) => rows)) {
    const known = byKernel.get(row.kernel);
    if (known === undefined || (known.report === null && row.report !== null)) byKernel.set(row.kernel, row);
  }
  const rows = [...byKernel.values()].sort(
    (a, b) => Number(isHost(a)) - Number(isHost(b)) || inOrder(versionOf(a), versionOf(b)),
  );
  const durationSeconds = documents.reduce((sum, document) => sum + document.durationSeconds, 0);
  return { ...first, durationSeconds, rows };
}

const isHost = ({ asked }: Row) => asked === "host";
const versionOf = ({ kernel }: Row) => ({ version: kernel });

/** "2/3" as a choice of every third kernel, from the second on. A string is a problem. */
export function shardOf<T>(items: readonly T[], text: string | undefined): T[] | string {
  if (text === undefined) return [...items];
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [number, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || number < 1 || number > count) return `${JSON.stringify(text)} is not a shard such as 2/3`;
  return items.filter((_, index) => index % count === number - 1);
}
