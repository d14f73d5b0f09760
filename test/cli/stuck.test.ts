/** A second signal ends a run that does not answer within two seconds, clean-up included, with the signal's code. */
import { expect, test } from "bun:test";

const HEARD_MS = 200; // one key can arrive twice, as two signals: only what comes later is a second one

async function secondsToEnd(
  work: string,
  clean: string,
  signal: NodeJS.Signals,
): Promise<{ code: number; seconds: number }> {
  const words = [`${import.meta.dir}/fixtures/stuck.ts`, "--work", work, "--clean", clean];
  const child = Bun.spawn([process.execPath, ...words], { stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  await child.stdout.getReader().read();
  const firstMs = performance.now();
  child.kill(signal);
  while (performance.now() - firstMs < HEARD_MS) await new Promise((resolve) => setImmediate(resolve));
  // Where the event loop turns, the first one is answered by a line; a second one is another key.
  if (work !== "busy") await child.stderr.getReader().read();
  while (performance.now() - firstMs < 3 * HEARD_MS) await new Promise((resolve) => setImmediate(resolve));
  const secondMs = performance.now();
  child.kill(signal);
  await child.exited;
  return { code: child.exitCode ?? -1, seconds: (performance.now() - secondMs) / 1000 };
}

test.each([
  ["pending", "done", "SIGINT", 130],
  ["pending", "pending", "SIGTERM", 143],
  ["done", "pending", "SIGINT", 130],
  ["busy", "done", "SIGINT", 130],
  ["pending", "busy", "SIGINT", 130],
] as const)("work %s, clean-up %s: %s", async (work, clean, signal, code) => {
  const seconds: number[] = [];
  // A busy machine may hold it up: the best of three counts.
  while (seconds.length < 3 && !seconds.some((took) => took < 2)) {
    const ended = await secondsToEnd(work, clean, signal);
    expect(ended.code).toBe(code);
    seconds.push(ended.seconds);
  }
  expect(Math.min(...seconds)).toBeLessThan(2);
});
