/**
 * What recording costs: the journal of every run, and what --trace and --explain add to it.
 *
 * Owns the goals: below 2 % of the append series, below 3 % of the relay. Both make so few calls that what their journal costs
 * is beyond any clock's noise: the time of one record, measured alone, times the calls of a real run. The relay with and
 * without its journal, in turns, is the check on that. Runs with --trace and --explain are compared by processor time.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { GiB } from "../ops/memory.ts";
import { bringUp, enterNewNetwork } from "../ops/netns.ts";
import { ownCommand, PACKAGE_ROOT } from "../ops/self.ts";
import { Journal } from "../workload/journal.ts";
import { JOURNAL_CALLS_DEFAULT } from "../workload/relay/options.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, compare, comparisonText, exitOf } from "./noise.ts";
import { CALLS, CONGESTION, CPU, ours, RATE, turn } from "./relay.ts";
import { compileTwin } from "./twin.ts";
import { withUs } from "./with-us.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 9, min: 1, max: 99, description: "turns of each" },
  files: { kind: "count", default: 20, min: 1, description: "files of an append turn" },
  bytes: { kind: "size", default: "4GiB", min: 1, description: "bytes of a relay turn; a turn carries Bun's start" },
} as const satisfies ArgumentSpecs;

const APPEND_SHARE_MAX = 0.02;
const RELAY_SHARE_MAX = 0.03;

/**
 * Nanoseconds of one record with its two looks at the clock: the best of several loops, for whatever disturbs only adds. The
 * journal is as large as a relay's, so that its rows do not stay in a cache.
 */
export function recordNs(calls = 1_000_000): number {
  const journal = new Journal(JOURNAL_CALLS_DEFAULT);
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

/** "append: 120.0 ns a call, 800 calls a second: 0.0096 % of the time; goal < 2 %: reached". */
function shareAnswer(
  name: string,
  { ns, calls, seconds, per }: { ns: number; calls: number; seconds: number; per: string },
  shareMax: number,
): Answer {
  const share = journalShare(ns, { calls, seconds });
  const answer = share < shareMax ? "reached" : "NOT reached";
  const counted = `${ns.toFixed(1)} ns a call, ${calls.toFixed(0)} calls ${per}`;
  console.log(`${name}: ${counted}: ${(share * 100).toFixed(4)} % of the time; goal < ${shareMax * 100} %: ${answer}`);
  return answer;
}

const CALLS_A_SECOND = "calls per second";
const PROCESSOR = "processor time";

/** What is asked of a run, and its flags; each trace is a new file, gone with the directory. */
type Asked = readonly [name: string, flags: (round: number) => readonly string[]];

function askedOf(workshop: Workshop, name: string): Asked[] {
  const asked: Asked[] = [
    ["plain", () => []],
    ["--trace", (round) => ["--trace", join(workshop.path, `${name}-${round}.json`)]],
  ];
  return process.geteuid?.() === 0 ? [...asked, ["--explain", () => ["--explain"]]] : asked;
}

/** A whole run of a script, by the processor time of its process and the processes that it waited for. */
function run(script: string, words: readonly string[]): { totals: Record<string, number>; cpuSeconds: number } {
  const command = ownCommand(join(PACKAGE_ROOT, `scripts/${script}.ts`), ...words, "--json", "--quiet");
  const ended = Bun.spawnSync(withUs(command), { stdout: "pipe", stderr: "pipe" });
  if (ended.exitCode !== 0) throw new Error(`${script}.ts ended ${ended.exitCode}: ${ended.stderr}`);
  const { totals } = JSON.parse(ended.stdout.toString()) as { totals: Record<string, number> };
  return { totals, cpuSeconds: Number(ended.resourceUsage.cpuTime.total) / 1e6 };
}

/** Prints what each flag costs of a run without it. */
function printCosts(name: string, [plain, ...others]: readonly Measured[]): void {
  for (const other of others)
    console.log(
      `${name}: with ${other.name} against without, ${PROCESSOR}: ${comparisonText(compare(other, plain as Measured, PROCESSOR))}`,
    );
}

async function appendPart(options: Arguments<typeof OPTIONS>, ns: number): Promise<Answer> {
  using workshop = new Workshop("/dev/shm/bytewitness-bench-");
  const contenders = askedOf(workshop, "append").map(
    ([name, flags]): Contender => ({
      name,
      run: (round) => {
        const words = [join(workshop.path, "file"), "600", "48", "--files", String(options.files)];
        const { totals, cpuSeconds } = run("uring-append", [
          ...[...words, "--pressure", "none", "--seed", String(round + 1)],
          ...flags(round),
        ]);
        return {
          [PROCESSOR]: cpuSeconds,
          [CALLS_A_SECOND]: (totals.calls as number) / (totals.workSeconds as number),
        };
      },
    }),
  );
  const measured = await interleave(contenders, options.rounds);
  const calls = median(measured[0]?.figures[CALLS_A_SECOND] ?? []);
  const answer = shareAnswer("append", { ns, calls, seconds: 1, per: "a second" }, APPEND_SHARE_MAX);
  printCosts("append", measured);
  return answer;
}

/** Our relay with its journal and without, and with what may be asked of it: in a network of their own, as root. */
async function relayPart({ bytes, rounds }: Arguments<typeof OPTIONS>, ns: number): Promise<Answer> {
  using ends = compileTwin("relay-ends");
  using workshop = new Workshop("/dev/shm/bytewitness-bench-");
  enterNewNetwork();
  bringUp("lo");
  writeFileSync(CONGESTION, "reno");
  const flags = ["--congestion", "system"];
  const proxies = [ours("journal", [...flags, "--json"]), ours("no journal", [...flags, "--journal", "off", "--json"])];
  const contenders = proxies.map((proxy) => ({ name: proxy.name, run: () => turn(proxy, ends.path, bytes) }));
  const [journal, none] = (await interleave(contenders, rounds)) as [Measured, Measured];
  const [calls, seconds] = [median(journal.figures[CALLS] ?? []), median(journal.figures[CPU] ?? [])];
  const answer = shareAnswer("relay", { ns, calls, seconds, per: "a GB" }, RELAY_SHARE_MAX);
  for (const figure of [CPU, RATE])
    console.log(
      `relay: with the journal against without, ${figure}: ${comparisonText(compare(journal, none, figure), 3)}`,
    );
  const asked = askedOf(workshop, "relay").map(
    ([name, more]): Contender => ({
      name,
      run: (round) => {
        const words = ["--bytes", String(bytes), ...flags, "--seed", String(round + 1), ...more(round)];
        return { [PROCESSOR]: run("splice-relay", words).cpuSeconds };
      },
    }),
  );
  printCosts("relay", await interleave(asked, rounds));
  return answer;
}

async function main(options: Arguments<typeof OPTIONS>): Promise<number> {
  console.log(`journal: ${options.rounds} turns each; relay turns of ${(options.bytes / GiB).toFixed(1)} GiB`);
  const ns = recordNs();
  const answers = [await appendPart(options, ns)];
  if (process.geteuid?.() === 0) answers.push(await relayPart(options, ns));
  else console.log("relay: skipped: a network of its own needs root");
  return exitOf(answers);
}

export const benchmark = defineTool({
  name: "journal",
  summary: "what recording calls, --trace and --explain cost the append series and the relay",
  options: OPTIONS,
  run: ({ args }) => main(args),
});
