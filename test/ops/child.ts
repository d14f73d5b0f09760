/**
 * Risky code in a process of its own: it may hang, crash or be signalled without taking the test run with it.
 *
 * Owns spawning a fixture with a time limit and reading the one JSON value it prints last. A fixture that wants a
 * signal prints the line "ready" first.
 */
import { join } from "node:path";
import { isBlockedIn, type Sleep, until } from "../until.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: string | number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Date.now() when the signal was sent; 0 without one. */
  readonly signalledAtMs: number;
}

export interface ChildOptions {
  readonly timeoutMs?: number;
  /** Sent once after "ready", as soon as the first thread is blocked in `blockedIn`, if given. */
  readonly signal?: NodeJS.Signals;
  readonly blockedIn?: Sleep;
  readonly env?: Record<string, string>;
  /** Put before `bun FIXTURE`: IN_PRIVATE of test/private.ts. */
  readonly prefix?: readonly string[];
  readonly path?: string;
}

export async function runChild(
  fixture: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<Ended> {
  const path = options.path ?? join(import.meta.dir, "fixtures", fixture);
  const child = Bun.spawn([...(options.prefix ?? []), process.execPath, path, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 60_000,
    killSignal: "SIGKILL",
    env: { ...process.env, ...options.env },
  });
  let signalledAtMs = 0;
  let stdout = "";
  const decoder = new TextDecoder();
  let sent = options.signal === undefined;
  const stderr = new Response(child.stderr).text();
  for await (const chunk of child.stdout) {
    stdout += decoder.decode(chunk, { stream: true });
    if (sent || !stdout.includes("ready\n")) continue;
    sent = true;
    const { blockedIn } = options;
    if (blockedIn !== undefined) await until("the call to block", () => isBlockedIn(child.pid, blockedIn));
    signalledAtMs = Date.now();
    child.kill(options.signal);
  }
  await child.exited;
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr: await stderr, signalledAtMs };
}

/** The JSON value a fixture printed last; its whole story as an error when it did not end well. */
export async function childValue(
  fixture: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<unknown> {
  const ended = await runChild(fixture, args, options);
  if (ended.code !== 0) {
    throw new Error(`${fixture} ended with ${ended.signal ?? ended.code}: ${ended.stdout}${ended.stderr}`);
  }
  return JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? "");
}
