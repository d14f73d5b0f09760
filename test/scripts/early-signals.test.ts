/** A signal in the first moments of a script ends it within two seconds, without a stack and with nothing left. */
import { expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { problemsOf, each, runIn, SCRIPTS } from "./every-script.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const NAMES = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
const SECONDS_MAX = 2;

async function signalled(script: string, signal: keyof typeof SIGNALS, afterMs: number): Promise<string[]> {
  let sentMs = 0;
  const act = (child: Bun.Subprocess) => {
    const send = () => {
      sentMs = performance.now();
      child.kill(signal);
    };
    setTimeout(send, afterMs);
  };
  const ended = await runIn(script, { act });
  const tookSeconds = sentMs === 0 ? 0 : (performance.now() - sentMs) / 1000;
  // Before the script hears signals, the signal's own action ends it; a script may also have ended by itself before.
  const bySignal = ended.signal === signal || ended.code === SIGNALS[signal];
  const wrong = bySignal ? [] : problemsOf(ended).map((line) => `${line} (no ${signal})`);
  if (/^ {4}at |\.ts:\d+:\d+|our own failure/m.test(ended.stderr)) wrong.push(`${script}: a stack: ${ended.stderr}`);
  if (bySignal && ended.left.some((path) => !path.includes("-evidence-"))) wrong.push(`${script}: left ${ended.left}`);
  if (bySignal && tookSeconds > SECONDS_MAX) wrong.push(`${script}: ${tookSeconds} s after ${signal}`);
  return wrong.map((line) => `${line}, ${afterMs} ms`);
}

test.each([0, 30, 60, 90, 120, 150, 200, 250, 300, 500, 800, 1200])(
  "%d ms after the start",
  async (afterMs) => {
    const wrong: string[] = [];
    await each([...SCRIPTS.entries()], availableParallelism(), async ([index, script]) => {
      const signal = NAMES[(index + afterMs / 10) % NAMES.length] as keyof typeof SIGNALS;
      const once = await signalled(script, signal, afterMs);
      // A busy machine may hold up one process that long: it must be so twice.
      if (once.length > 0) wrong.push(...(await signalled(script, signal, afterMs)));
    });
    expect(wrong).toEqual([]);
  },
  600_000,
);
