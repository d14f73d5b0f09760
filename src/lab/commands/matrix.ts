/**
 * `lab.ts matrix`: one script on many kernels, a table that grows while it runs.
 *
 * Owns the order of work (`jobs` guests at a time) and the drawing: on a terminal the whole table is redrawn, elsewhere
 * each row is printed once, in the order asked for. Refuses to stop at the first bad kernel: the table is the point.
 */
import { writeSync } from "node:fs";
import { NewFile } from "../../cli/documents.ts";
import { writeReport } from "../../cli/streams.ts";
import { surveyPage } from "../../survey/page.ts";
import { caseTable, silentLines, surveyOf } from "../cases.ts";
import { LabError } from "../kernels/cache.ts";
import { onceEach } from "../narrate.ts";
import { Results } from "../results.ts";
import { failedRow, type Row, type RowRequest, runRow, withJson } from "../row.ts";
import type { LabOptions } from "../run.ts";
import { checkArguments, findScript, refuseFiles } from "../script.ts";
import {
  type MatrixDocument,
  matrixExitCode,
  matrixJson,
  matrixKtap,
  pendingRow,
  tableHead,
  tableRow,
} from "../table.ts";

export interface MatrixCommand {
  readonly kernels: readonly string[];
  readonly jobs: number;
  readonly form: "table" | "json" | "ktap";
  readonly script: string;
  readonly scriptArguments: readonly string[];
  readonly options: LabOptions;
  readonly machineWords: RowRequest["machineWords"];
  /** Where results are kept and taken up. */
  readonly resultsFile: string | undefined;
  /** An HTML page of case by kernel. */
  readonly reportFile: string | undefined;
  readonly narrate: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function commandMatrix(command: MatrixCommand): Promise<number> {
  const { kernels, form, scriptArguments, resultsFile, reportFile } = command;
  using page = openPage(reportFile);
  const script = findScript(command.script);
  refuseFiles(await checkArguments(script, withJson(scriptArguments), allOnHost(kernels) ? "here" : "guest"));
  const results = new Results(resultsFile, { script: command.script, scriptArguments });
  const startedAt = performance.now();
  const elapsedSeconds = () => (performance.now() - startedAt) / 1000;
  const live = form === "table" && process.stdout.isTTY === true;
  const board = live ? new LiveBoard(kernels) : new LineBoard(kernels, form === "table" ? 1 : 2);
  const rows: Row[] = [];
  let lost: string | undefined;
  const waiting = kernels.map((asked, index) => ({ asked, index }));
  // In a live table a narrated line would tear the picture; the states of the rows show the same.
  const narrate = live ? () => {} : onceEach(command.narrate);
  const options = live ? { ...command.options, quiet: true } : command.options;
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined && !command.signal.aborted; next = waiting.shift()) {
      const { asked, index } = next;
      const onState = (state: string) => board.state(index, state);
      const known = results.known(asked);
      const row = known ?? (await rowOrReason({ ...command, asked, script, options, narrate, onState }));
      // A row that was stopped half-way is not a result.
      if (command.signal.aborted && known === undefined) return;
      rows[index] = row;
      lost = results.save(rows.filter(Boolean), elapsedSeconds());
      board.done(index, row);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(command.jobs, kernels.length) }, worker));
  } finally {
    board.end();
  }
  if (lost !== undefined) command.narrate(lost);
  const finished = rows.filter((row) => row !== undefined);
  if (command.signal.aborted && resultsFile !== undefined) {
    command.narrate(
      `${finished.length} of ${kernels.length} kernels are in ${resultsFile}; the same command goes on with the others`,
    );
  }
  if (page !== undefined) writePage(page, finished);
  const document = { script: command.script, scriptArguments, durationSeconds: elapsedSeconds(), rows: finished };
  return showMatrix(document, form);
}

const allOnHost = (kernels: readonly string[]) => kernels.every((kernel) => kernel === "host");

/** The place for the page, made before hours of work. */
export function openPage(path: string | undefined): NewFile | undefined {
  return path === undefined ? undefined : new NewFile(path, "--report");
}

/** Case by kernel as a page; kernels without a survey are left out. */
export function writePage(page: NewFile, rows: readonly Row[]): void {
  const surveys = rows.flatMap((row) => {
    const survey = surveyOf(row);
    return survey === undefined ? [] : [{ survey, name: row.kernel }];
  });
  if (surveys.length === 0) return;
  page.write(
    surveyPage(
      surveys.map(({ survey }) => survey),
      surveys.map(({ name }) => name),
    ),
  );
}

/** What comes after the rows, case × kernel for surveys, or the document in another form; returns the exit code. */
export function showMatrix(document: MatrixDocument, form: MatrixCommand["form"]): number {
  const show = (text: string) => writeReport("lab", text, matrixExitCode(document.rows));
  if (form === "json") return show(matrixJson(document));
  if (form === "ktap") return show(matrixKtap(document.rows));
  const table = caseTable(document.rows);
  const lines = table.length === 0 ? [] : ["", ...table, "", ...silentLines(document.rows)];
  return show(lines.map((line) => `${line}\n`).join(""));
}

async function rowOrReason(request: Parameters<typeof runRow>[0]): Promise<Row> {
  try {
    return await runRow(request);
  } catch (error) {
    // Bad arguments hold for every row: the caller prints them once. An unavailable kernel affects only its own row.
    if (error instanceof LabError && error.exitCode === 125) return failedRow(request.asked, error.message);
    throw error;
  }
}

interface MatrixBoard {
  state(index: number, state: string): void;
  done(index: number, row: Row): void;
  end(): void;
}

/** Rows in the order asked for, each as soon as it and all before it are known. */
class LineBoard implements MatrixBoard {
  readonly #rows: (Row | undefined)[];
  readonly #fd: 1 | 2;
  #printed = 0;

  constructor(kernels: readonly string[], fd: 1 | 2) {
    this.#rows = kernels.map(() => undefined);
    this.#fd = fd;
    writeSync(fd, `${tableHead()}\n`);
  }

  state(): void {}

  done(index: number, row: Row): void {
    this.#rows[index] = row;
    for (let next = this.#rows[this.#printed]; next !== undefined; next = this.#rows[++this.#printed]) {
      writeSync(this.#fd, `${tableRow(next)}\n`);
    }
  }

  end(): void {}
}

/** A table on a terminal, redrawn in place. */
class LiveBoard implements MatrixBoard {
  readonly #lines: { text: string; state: string | undefined; sinceMs: number }[];
  readonly #kernels: readonly string[];
  readonly #timer: ReturnType<typeof setInterval>;
  #drawn = 0;

  constructor(kernels: readonly string[]) {
    this.#kernels = kernels;
    this.#lines = kernels.map((kernel) => ({ text: pendingRow(kernel, "waiting"), state: undefined, sinceMs: 0 }));
    this.#timer = setInterval(() => this.#draw(), 1000);
    this.#draw();
  }

  state(index: number, state: string): void {
    this.#lines[index] = { text: "", state, sinceMs: performance.now() };
    this.#draw();
  }

  done(index: number, row: Row): void {
    this.#lines[index] = { text: tableRow(row), state: undefined, sinceMs: 0 };
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const columns = process.stdout.columns ?? 80;
    const lines = this.#lines.map(({ text, state, sinceMs }, index) => {
      if (state === undefined) return text;
      const seconds = Math.floor((performance.now() - sinceMs) / 1000);
      return pendingRow(this.#kernels[index] ?? "", `${state} ${seconds} s`);
    });
    // A line that wraps would spoil the count of lines to go up; \x1b[K clears what a longer line left behind.
    const shown = [tableHead(), ...lines].map((line) => `${line.slice(0, columns - 1)}\x1b[K\n`).join("");
    process.stdout.write((this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "") + shown);
    this.#drawn = lines.length + 1;
  }
}
