/**
 * What a start costs: whole processes against a Bun that runs nothing, in turns, by the clock and by processor time.
 *
 * Owns what is started and the goal. The megabyte to be judged lies in memory under no name, so that nothing stays behind
 * however this ends.
 */
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { openMemfd, writeAll } from "../ops/file.ts";
import { allocate, MiB } from "../ops/memory.ts";
import { PACKAGE_ROOT } from "../ops/self.ts";
import { counter } from "../pattern/counter.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, exitOf, goalText } from "./noise.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 21, min: 1, max: 999, description: "starts of each command" },
} as const satisfies ArgumentSpecs;

const WALL = "ms";
const CPU = "CPU ms";
/** Judging a megabyte as a whole process, against an empty Bun. */
export const VERIFY_GOAL = { atMost: 2.6 };
const VERIFY = "verify.ts, 1 MiB";

function contender(name: string, words: readonly string[]): Contender {
  return {
    name,
    run: () => {
      const started = performance.now();
      // From "/" no bunfig.toml has a part in it.
      const ended = Bun.spawnSync([process.execPath, ...words], { cwd: "/", stdout: "ignore", stderr: "pipe" });
      const ms = performance.now() - started;
      if (ended.exitCode !== 0) throw new Error(`${name} ended ${ended.exitCode}: ${ended.stderr}`);
      return { [WALL]: ms, [CPU]: Number(ended.resourceUsage?.cpuTime.total ?? 0) / 1000 };
    },
  };
}

/** The table, and what it means for the goal; `all` begins with the empty Bun. */
export function resultLines(all: readonly Measured[]): { lines: string[]; answers: Answer[] } {
  const [empty, ...others] = all as [Measured, ...Measured[]];
  const ms = (side: Measured, figure: string) =>
    median(side.figures[figure] ?? [])
      .toFixed(1)
      .padStart(7);
  const lines = [`  ${empty.name.padEnd(22)} ${ms(empty, WALL)} ms ${ms(empty, CPU)} ms CPU`];
  const answers: Answer[] = [];
  for (const side of others) {
    const wall = compare(side, empty, WALL);
    const texts = [comparisonText(wall), `CPU ${comparisonText(compare(side, empty, CPU))}`];
    if (side.name === VERIFY) {
      answers.push(answerTo(wall, VERIFY_GOAL));
      texts.push(goalText(wall, VERIFY_GOAL));
    }
    lines.push(`  ${side.name.padEnd(22)} ${ms(side, WALL)} ms ${ms(side, CPU)} ms CPU   ${texts.join("; ")}`);
  }
  return { lines, answers };
}

async function main({ rounds }: Arguments<typeof OPTIONS>): Promise<number> {
  using memory = allocate(MiB);
  using file = openMemfd("megabyte");
  counter().fill(memory.bytes, 0);
  writeAll(file, memory);
  const path = `/proc/${process.pid}/fd/${file.number}`;
  const script = join(PACKAGE_ROOT, "scripts/verify.ts");
  const contenders = [
    contender("Bun, one expression", ["-e", "0"]),
    contender("verify.ts --version", [script, "--version"]),
    contender("verify.ts --help", [script, "--help"]),
    contender(VERIFY, [script, path, "--expect-bytes", String(MiB)]),
    contender("import of the door", ["-e", `import ${JSON.stringify(join(PACKAGE_ROOT, "src/index.ts"))}`]),
  ];
  console.log(`start: ${rounds} starts each, in turns; medians, and the ratio to an empty Bun (90 % interval)`);
  const { lines, answers } = resultLines(await interleave(contenders, rounds));
  for (const line of lines) console.log(line);
  return exitOf(answers);
}

export const benchmark = defineTool({
  name: "start",
  summary: "what a start costs, against an empty Bun",
  options: OPTIONS,
  run: ({ args }) => main(args),
});
