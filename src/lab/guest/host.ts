/**
 * The kernel called "host": the script runs here, without a guest, as the user who asked.
 *
 * Owns how a script is started here and stopped, and how its end is reported like a guest's. Refuses to prepare
 * anything: no file system, no cgroup; a script finds the machine as it is.
 */

import { constants, release } from "node:os";
import { join } from "node:path";
import { VERDICT_VARIABLE } from "../../cli/describe.ts";
import { ownCommand } from "../../ops/self.ts";
import { makeRunDirectory, readText } from "../kernels/cache.ts";
import type { Kernel } from "../kernels/kernel.ts";
import type { GuestResult } from "./qemu.ts";

/** The row label and title of this machine's own kernel. */
export function hostKernel(): Kernel {
  const label = `host ${release()}`;
  const nothing = { version: undefined, cacheKey: undefined, changelog: undefined };
  return { label, title: label, vmlinuz: "", modulesDirectory: "", ...nothing };
}

export interface HostRun {
  readonly script: string;
  readonly scriptArguments: readonly string[];
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  /** Where its output goes; without a taker it goes where ours goes. */
  readonly take?: { stdout(bytes: Uint8Array): void; stderr(bytes: Uint8Array): void };
}

export async function runOnHost(run: HostRun): Promise<GuestResult> {
  const { script, scriptArguments, timeoutSeconds, signal, take } = run;
  const start = /\.[cm]?[jt]s$/.test(script) ? ownCommand("--no-install", script) : [script];
  const output = take ? "pipe" : "inherit";
  const startedAt = performance.now();
  using place = makeRunDirectory();
  const verdict = join(place.path, "verdict");
  const child = Bun.spawn([...start, ...scriptArguments], {
    stdio: ["inherit", output, output],
    env: { ...process.env, [VERDICT_VARIABLE]: verdict },
  });
  let cut: "timeout" | "stopped" | undefined;
  // SIGTERM, so that the script restores what it changed on this machine.
  const stop = (why: "timeout" | "stopped") => {
    cut ??= why;
    child.kill("SIGTERM");
  };
  const onAbort = () => stop("stopped");
  const timer = setTimeout(() => stop("timeout"), timeoutSeconds * 1000);
  signal.addEventListener("abort", onAbort);
  const drain = async (stream: ReadableStream<Uint8Array> | number | undefined, to: (bytes: Uint8Array) => void) => {
    if (stream instanceof ReadableStream) for await (const bytes of stream) to(bytes);
  };
  if (take) await Promise.all([drain(child.stdout, take.stdout), drain(child.stderr, take.stderr)]);
  await child.exited;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
  const killedBy = child.signalCode === null ? undefined : constants.signals[child.signalCode as NodeJS.Signals];
  const exitCode = killedBy === undefined ? (child.exitCode ?? undefined) : 128 + killedBy;
  return {
    end: cut ?? "exited",
    exitCode,
    announced: numberIn(readText(verdict)),
    why: undefined,
    bootSeconds: undefined,
    bootParts: undefined,
    scriptSeconds: (performance.now() - startedAt) / 1000,
    processorSeconds: undefined,
    bootProcessorSeconds: undefined,
    events: [],
    consoleTail: [],
  };
}

const numberIn = (text: string | undefined) => (text === undefined || text === "" ? undefined : Number(text));
