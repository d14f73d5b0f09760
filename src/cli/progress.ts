/**
 * The live line: percent, rate and time left on a terminal; plain lines at intervals elsewhere. Writes to stderr only.
 */
import { writeSync } from "node:fs";
import { type ConsolaInstance, createConsola } from "consola/core";
import { bytesText, secondsText } from "../units.ts";
import type { ProgressState } from "../workload/context.ts";

const TERMINAL_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 10_000;

/** One line for a state; pure. */
export function progressText(state: ProgressState, elapsedSeconds: number): string {
  const parts = [`${secondsText(elapsedSeconds)} elapsed`];
  if (state.total !== undefined && state.total > 0) {
    const fraction = Math.min(1, state.done / state.total);
    parts.unshift(`${Math.floor(fraction * 100)}%`);
    if (fraction > 0) parts.push(`${secondsText((elapsedSeconds * (1 - fraction)) / fraction)} left`);
  }
  if (state.label !== undefined && state.label !== "") parts.push(state.label);
  if (state.bytes !== undefined) {
    parts.push(bytesText(state.bytes));
    if (elapsedSeconds > 0.05) parts.push(`${bytesText(Math.round(state.bytes / elapsedSeconds))}/s`);
  }
  return parts.join("  ");
}

export class Progress {
  #quiet: boolean;
  #terminal: boolean;
  #startedMs = performance.now();
  #lastMs = performance.now();
  #lineShown = false;
  /** Narration: consola's levels and filters, one plain line each, on stderr. (Its core: the rest costs 20 ms.) */
  #log: ConsolaInstance;

  constructor(options: { quiet: boolean; terminal: boolean }) {
    this.#quiet = options.quiet;
    this.#terminal = options.terminal;
    const reporter = { log: ({ args }: { args: unknown[] }) => this.#write(`${args.join(" ")}\n`) };
    this.#log = createConsola({ level: options.quiet ? -999 : 3, reporters: [reporter], throttle: 0 });
  }

  /** Shows a state when it is time to; cheap to call after every unit of work. */
  update(state: ProgressState): void {
    if (this.#quiet) return;
    const now = performance.now();
    if (now - this.#lastMs < (this.#terminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
    this.#lastMs = now;
    const text = progressText(state, (now - this.#startedMs) / 1000);
    if (!this.#terminal) {
      this.#write(`${text}\n`);
      return;
    }
    const columns = process.stderr.columns ?? 80;
    this.#write(`\r\x1b[K${text.slice(0, Math.max(20, columns - 1))}`);
    this.#lineShown = true;
  }

  /** A line of narration; the live line is cleared first. */
  narrate(line: string): void {
    this.clear();
    this.#log.info(line);
  }

  clear(): void {
    if (!this.#lineShown) return;
    this.#lineShown = false;
    this.#write("\r\x1b[K");
  }

  /** A closed stderr must never end a run. */
  #write(text: string): void {
    try {
      writeSync(2, text);
    } catch {
      this.#quiet = true;
    }
  }
}
