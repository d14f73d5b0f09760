/**
 * The live table on stderr: redrawn in place on a terminal, one line for each finished case elsewhere.
 *
 * Owns the picture while the survey runs. Refuses stdout, and never lets a closed stderr end a run.
 */
import { writeSync } from "node:fs";
import type { CaseResult } from "./document.ts";
import { liveLine } from "./table.ts";

export interface Board {
  started(index: number): void;
  done(index: number, result: CaseResult): void;
  end(): void;
}

function put(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // No one reads it: the report on stdout is what counts.
  }
}

export function makeBoard(names: readonly string[], { quiet }: { quiet: boolean }): Board {
  if (quiet) return { started: () => {}, done: () => {}, end: () => {} };
  return process.stderr.isTTY === true ? new Live(names) : new PlainBoard(names);
}

class PlainBoard implements Board {
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  started(): void {}

  done(index: number, result: CaseResult): void {
    put(`${liveLine(this.#names[index] ?? "", result, "")}\n`);
  }

  end(): void {}
}

class Live implements Board {
  readonly #names: readonly string[];
  readonly #results: (CaseResult | undefined)[];
  readonly #timer: ReturnType<typeof setInterval>;
  #running: { index: number; sinceMs: number } | undefined;
  #drawn = 0;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#results = names.map(() => undefined);
    this.#timer = setInterval(() => this.#draw(), 500);
    this.#draw();
  }

  started(index: number): void {
    this.#running = { index, sinceMs: performance.now() };
    this.#draw();
  }

  done(index: number, result: CaseResult): void {
    this.#results[index] = result;
    this.#running = undefined;
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const columns = Math.max(process.stderr.columns ?? 80, 2);
    // A table that is taller than the terminal cannot be redrawn in place: its head is left out.
    const rows = Math.max((process.stderr.rows ?? 24) - 1, 1);
    const lines = this.#names.map((name, index) => liveLine(name, this.#results[index], this.#stateOf(index)));
    const finished = this.#results.filter((result) => result !== undefined).length;
    const first = Math.max(0, Math.min(finished + 3 - rows, lines.length - rows));
    const shown = lines.slice(first, first + rows);
    const text = shown.map((line) => `${line.slice(0, columns - 1)}\x1b[K\n`).join("");
    put((this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "") + text);
    this.#drawn = shown.length;
  }

  #stateOf(index: number): string {
    if (this.#running?.index !== index) return "";
    return `running ${Math.floor((performance.now() - this.#running.sinceMs) / 1000)} s`;
  }
}
