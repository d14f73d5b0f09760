/**
 * Reading a kernel's console: the lines that mean trouble, and the last lines before silence.
 *
 * Pure. Refuses to judge: a "BUG:" line is reported as one; whether the run still counts is for the caller.
 */

export type ConsoleEventKind = "panic" | "bug" | "oops" | "warning" | "stall" | "oom" | "lab";

export interface ConsoleEvent {
  readonly kind: ConsoleEventKind;
  readonly line: string;
}

/** First match wins, so a panic that quotes an oops is a panic. The texts are those of printk calls, v5.10 to v7.2. */
const PATTERNS: readonly (readonly [ConsoleEventKind, RegExp])[] = [
  ["panic", /Kernel panic - not syncing/],
  ["stall", /BUG: soft lockup|watchdog: .*hard LOCKUP|rcu: INFO: .*stall|INFO: task .* blocked for more than/],
  ["bug", /\bBUG: |kernel BUG at |KASAN: |KCSAN: |KFENCE: /],
  ["oops", /\bOops: |general protection fault|double fault|Internal error: |Unable to handle kernel/],
  ["oom", /[Oo]ut of memory: Killed process|Memory cgroup out of memory/],
  ["warning", /\bWARNING: (CPU|.* at )|XFS \(.*\): (Corruption|Metadata corruption|Internal error)/],
  ["lab", /^lab: /],
];

/** Kinds after which the kernel's own state is in doubt. */
export const FATAL_KINDS: readonly ConsoleEventKind[] = ["panic", "bug", "oops"];

/** What a console line shows of the kernel's health, if anything. Time stamps and escape sequences do not matter. */
export function recognise(line: string): ConsoleEvent | undefined {
  const clean = cleanLine(line);
  const text = clean.replace(/^\[\s*\d+\.\d+\](\[\s*[TC]\d+\])? /, "");
  const match = PATTERNS.find(([, pattern]) => pattern.test(text));
  return match && { kind: match[0], line: clean };
}

/** Drops terminal control sequences and carriage returns, as firmware and shells print them on a serial line. */
export function cleanLine(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is being removed.
  return line.replace(/\x1b(\[[0-9;?]*[A-Za-z]|c|\][^\x07]*\x07)/g, "").replace(/[\x00-\x08\x0b-\x1f]/g, "");
}

/** Collects a console: bounded memory, every event, the last lines. */
export class ConsoleReader {
  readonly #keep: number;
  readonly #decoder = new TextDecoder();
  readonly #tail: string[] = [];
  readonly #events: ConsoleEvent[] = [];
  #partial = "";

  constructor({ keepLines = 40 }: { keepLines?: number } = {}) {
    this.#keep = keepLines;
  }

  push(bytes: Uint8Array): string[] {
    const lines = (this.#partial + this.#decoder.decode(bytes, { stream: true })).split("\n");
    // A line without an end must not grow without bound either.
    this.#partial = (lines.pop() ?? "").slice(-4096);
    for (const line of lines) this.#take(line);
    return lines.map(cleanLine);
  }

  /** The console is closed: what is left without a line end is a line too. */
  end(): void {
    if (this.#partial !== "") this.#take(this.#partial);
    this.#partial = "";
  }

  #take(line: string): void {
    const clean = cleanLine(line);
    if (clean.trim() === "") return;
    this.#tail.push(clean);
    if (this.#tail.length > this.#keep) this.#tail.shift();
    const event = recognise(clean);
    if (event && this.#events.length < 100) this.#events.push(event);
  }

  get tail(): readonly string[] {
    return this.#tail;
  }

  get events(): readonly ConsoleEvent[] {
    return this.#events;
  }
}
