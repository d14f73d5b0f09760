/**
 * The live line: percent, rate and time left on a terminal; plain lines at intervals elsewhere. Writes to stderr only.
 */
import type { ConsolaInstance } from "consola/core";
import { bytesText, secondsText } from "../units.ts";
import type { ProgressState } from "../workload/context.ts";
import { columnsOf, oneLine, writeStderr } from "./streams.ts";

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
  #verbose: boolean;
  #log: ConsolaInstance | undefined;

  constructor(options: { quiet: boolean; verbose?: boolean; terminal: boolean }) {
    this.#quiet = options.quiet;
    this.#verbose = options.verbose === true;
    this.#terminal = options.terminal;
  }

  /**
   * Narration: consola's levels and tags, one plain line each, on stderr, around the live line. Loaded when something is
   * narrated: a run of 10 ms should not pay for it. (Its core: the rest costs 20 ms more.)
   */
  get log(): ConsolaInstance {
    if (this.#log !== undefined) return this.#log;
    const { createConsola } = require("consola/core") as typeof import("consola/core");
    const level = this.#quiet ? -999 : this.#verbose ? 4 : 3;
    const reporter = {
      log: ({ args, tag }: { args: unknown[]; tag: string }) => {
        this.clear();
        this.#write(`${tag === "" ? "" : `${tag}: `}${oneLine(args.join(" "))}\n`);
      },
    };
    this.#log = createConsola({ level, reporters: [reporter], throttle: 0 });
    return this.#log;
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
    // A line that wraps could not be taken back.
    this.#write(`\r\x1b[K${oneLine(text).slice(0, Math.max(1, columnsOf(2) - 1))}`);
    this.#lineShown = true;
  }

  /** A line of narration; the live line is cleared first. */
  narrate(line: string): void {
    if (!this.#quiet) this.log.info(line);
  }

  /** A line that only --verbose shows. */
  detail(line: string): void {
    if (this.#verbose) this.log.debug(line);
  }

  clear(): void {
    if (!this.#lineShown) return;
    this.#lineShown = false;
    this.#write("\r\x1b[K");
  }

  /** A closed stderr must never end a run. */
  #write(text: string): void {
    if (!writeStderr(text)) this.#quiet = true;
  }
}
