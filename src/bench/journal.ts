/**
 * What recording costs: the journal of every run, and the recording of every call that --trace asks for.
 *
 * Owns the goals: below 2 % of the append series, below 3 % of the relay. The append series makes a few calls a file, so
 * what its journal costs is beyond any clock's noise: the time of one record, measured alone, times the calls per second
 * of a real run. The relay runs with its journal and without, in turns.
 */
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { GiB } from "../ops/memory.ts";
import { ownCommand, PACKAGE_ROOT } from "../ops/self.ts";
import { Journal } from "../workload/journal.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, exitOf, goalText } from "./noise.ts";
import { CPU, RATE, withAndWithoutJournal } from "./relay.ts";
import { withUs } from "./with-us.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 9, min: 1, max: 99, description: "turns of each" },
  files: { kind: "count", default: 20, min: 1, description: "files of an append turn" },
  bytes: { kind: "size", default: "4GiB", min: 1, description: "bytes of a relay turn; a turn carries Bun's start" },
} as const satisfies ArgumentSpecs;

const APPEND_SHARE_MAX = 0.02;
const RELAY_CPU_GOAL = { atMost: 1.03 };
const RELAY_RATE_GOAL = { atLeast: 0.97 };

/** Nanoseconds of one record and of its two looks at the clock: the best of several loops, for whatever disturbs only adds. */
export function recordNs(calls = 1_000_000): number {
  const journal = new Journal();
  const kind = journal.kind("writev");
  let best = Infinity;
  for (let loop = 0; loop < 9; loop += 1) {
    const started = Bun.nanoseconds();
    for (let i = 0; i < calls; i += 1) {
      const atNs = journal.nowNs();
      journal.record(kind, 0, atNs, journal.nowNs(), 4096, 4096, 0, i * 4096, i * 4096, i * 4096 + 4096);
    }
    best = Math.min(best, (Bun.nanoseconds() - started) / calls);
  }
  return best;
}

/** The share of a run's time that its records take. */
export function journalShare(nsPerCall: number, { calls, seconds }: { calls: number; seconds: number }): number {
  return (nsPerCall * calls) / (seconds * 1e9);
}

const WORK = "files per second";
const CALLS = "calls per second";

function append(name: string, workshop: Workshop, options: Arguments<typeof OPTIONS>, traced: boolean): Contender {
  const script = join(PACKAGE_ROOT, "scripts/uring-append.ts");
  return {
    name,
    run: (round) => {
      const prefix = join(workshop.path, "file");
      const flags = ["--files", String(options.files), "--pressure", "none", "--json", "--quiet"];
      // Opened before the run, gone with the directory.
      const trace = traced ? ["--trace", join(workshop.path, `trace-${round}.json`)] : [];
      const words = ownCommand(script, prefix, "600", "48", ...flags, "--seed", String(round + 1), ...trace);
      const ended = Bun.spawnSync(withUs(words), { stdout: "pipe", stderr: "pipe" });
      if (ended.exitCode !== 0) throw new Error(`uring-append.ts ended ${ended.exitCode}: ${ended.stderr}`);
      const { totals } = JSON.parse(ended.stdout.toString()) as { totals: Record<string, number> };
      const seconds = totals.workSeconds as number;
      return { [WORK]: (totals.files as number) / seconds, [CALLS]: (totals.calls as number) / seconds };
    },
  };
}

async function appendPart(options: Arguments<typeof OPTIONS>): Promise<Answer> {
  using workshop = new Workshop("/dev/shm/bytewitness-bench-");
  const contenders = [append("plain", workshop, options, false), append("--trace", workshop, options, true)];
  const [plain, traced] = (await interleave(contenders, options.rounds)) as [Measured, Measured];
  const ns = recordNs();
  const calls = median(plain.figures[CALLS] ?? []);
  const share = journalShare(ns, { calls, seconds: 1 });
  const answer = share < APPEND_SHARE_MAX ? "reached" : "NOT reached";
  console.log(
    `append: ${ns.toFixed(1)} ns a call, ${calls.toFixed(0)} calls a second: ${(share * 100).toFixed(4)} % of the time; goal < 2 %: ${answer}`,
  );
  console.log(`append: with --trace against without, ${WORK}: ${comparisonText(compare(traced, plain, WORK))}`);
  return answer;
}

async function relayPart({ bytes, rounds }: Arguments<typeof OPTIONS>): Promise<Answer[]> {
  const [journal, none] = (await withAndWithoutJournal(bytes, rounds)) as [Measured, Measured];
  return ([CPU, RATE] as const).map((figure) => {
    const goal = figure === CPU ? RELAY_CPU_GOAL : RELAY_RATE_GOAL;
    const found = compare(journal, none, figure);
    console.log(
      `relay: with the journal against without, ${figure}: ${comparisonText(found, 3)}; ${goalText(found, goal)}`,
    );
    return answerTo(found, goal);
  });
}

async function main(options: Arguments<typeof OPTIONS>): Promise<number> {
  console.log(`journal: ${options.rounds} turns each; relay turns of ${(options.bytes / GiB).toFixed(1)} GiB`);
  const answers = [await appendPart(options)];
  if (process.geteuid?.() === 0) answers.push(...(await relayPart(options)));
  else console.log("relay: skipped: a network of its own needs root");
  return exitOf(answers);
}

export const benchmark = defineTool({
  name: "journal",
  summary: "what recording calls costs the append series and the relay",
  options: OPTIONS,
  run: ({ args }) => main(args),
});
