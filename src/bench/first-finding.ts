/**
 * Seconds to the first finding on an affected kernel: ours against the C yardstick of the report's program, in the same
 * guest, boot after boot, in turns.
 *
 * Owns the guest's driver for the yardstick: it puts the program into a cgroup2 whose memory.max is the program's own
 * 24 MiB buffer plus the headroom that ours works with, so that both meet the same limit. Both clocks start with the
 * program, not with the boot. A boot without a finding in the time given counts as "none", not as a number.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { readSpec } from "../lab/kernels/kernel.ts";
import { Inconclusive } from "../ops/errors.ts";
import { ownCommand } from "../ops/self.ts";
import { compileTwin } from "./twin.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  kernel: { kind: "text", default: "6.1.170", description: "an affected kernel, as lab.ts takes it" },
  boots: { kind: "count", default: 10, min: 1, max: 999, description: "boots of each program" },
  seconds: { kind: "count", default: 60, min: 1, description: "time given to a program in one boot" },
  only: {
    kind: "choice",
    choices: ["both", "ours", "twin"],
    default: "both",
    description: "which program to boot for",
  },
} as const satisfies ArgumentSpecs;

/** The report's program holds a 24 MiB buffer; ours leaves 6 MiB above what it holds. */
const TWIN_GROUP_BYTES = (24 + 2 + 6) * 2 ** 20;

const ROOT = join(import.meta.dir, "../..");

/** The guest's side of the yardstick: a script with the program inside, so that one file is all the guest needs. */
function driver(program: Uint8Array, seconds: number): string {
  return `import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
writeFileSync("/tmp/twin", Buffer.from("${Buffer.from(program).toString("base64")}", "base64"));
chmodSync("/tmp/twin", 0o755);
mkdirSync("/sys/fs/cgroup/twin");
writeFileSync("/sys/fs/cgroup/twin/memory.max", "${TWIN_GROUP_BYTES}");
const started = performance.now();
const command = "echo $$ > /sys/fs/cgroup/twin/cgroup.procs; exec /tmp/twin /mnt/test ${seconds} 48 " + process.argv[2] + " 1000000";
const ended = Bun.spawnSync(["sh", "-c", command], { stdout: "pipe", stderr: "pipe" });
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ code: ended.exitCode, signal: ended.signalCode ?? null, seconds, output: String(ended.stdout) + String(ended.stderr) }));
process.exit(0);
`;
}

/** One boot: the guest's stdout. */
async function boot(kernel: string, seconds: number, script: readonly string[]): Promise<string> {
  const lab = ownCommand(join(ROOT, "scripts/lab.ts"), "run", "--kernel", kernel, "--quiet");
  const limits = ["--timeout", `${seconds + 120}s`];
  const child = Bun.spawn([...lab, ...limits, "--", ...script], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (stdout.trim() === "") throw new Inconclusive(`the guest printed nothing: ${stderr.trim().split("\n").at(-1)}`);
  return stdout;
}

/** Seconds to the first finding, or undefined when there was none. */
type Contest = (round: number) => Promise<number | undefined>;

function ours({ kernel, seconds }: Arguments<typeof OPTIONS>): Contest {
  return async (round) => {
    const words = ["uring-append.ts", "--seconds", String(seconds), "--seed", String(round + 1), "--json", "--quiet"];
    const report = JSON.parse(await boot(kernel, seconds, words)) as { totals: Record<string, number> };
    return report.totals.firstFindingSeconds;
  };
}

function twins({ kernel, seconds }: Arguments<typeof OPTIONS>, script: string): Contest {
  return async (round) => {
    const output = JSON.parse(await boot(kernel, seconds, [script, String(round + 1)])) as {
      code: number | null;
      signal: string | null;
      seconds: number;
      output: string;
    };
    if (output.code === 1) return output.seconds;
    if (output.code === 0) return undefined;
    throw new Error(`the yardstick ended ${output.code ?? output.signal}: ${output.output.trim()}`);
  };
}

/** "10 of 10 boots; seconds: 0.4 0.4 0.5 …, median 0.5". */
function distribution(found: readonly (number | undefined)[], secondsMax: number): string {
  const hits = found.filter((value) => value !== undefined).sort((a, b) => a - b);
  const none = found.length - hits.length;
  const values = [...hits.map((value) => value.toFixed(1)), ...Array<string>(none).fill(`none in ${secondsMax}`)];
  const middle =
    found.length % 2 === 1
      ? values[found.length >> 1]
      : values.slice(found.length / 2 - 1, found.length / 2 + 1).join(" to ");
  return `${hits.length} of ${found.length} boots; seconds: ${values.join("  ")}; median ${middle}`;
}

async function main(options: Arguments<typeof OPTIONS>): Promise<number> {
  using twin = compileTwin("append", ["uring"], { linked: "static" });
  using workshop = new Workshop(join(tmpdir(), "bytewitness-first-"));
  const script = workshop.file("twin.ts");
  writeFileSync(script, driver(readFileSync(twin.path), options.seconds));
  const contests = { bytewitness: ours(options), "C twin": twins(options, script) };
  const wanted = Object.entries(contests).filter(
    ([name]) => options.only === "both" || (options.only === "ours") === (name === "bytewitness"),
  );
  const found: Record<string, (number | undefined)[]> = {};
  console.log(
    `first finding on ${options.kernel}: ${options.boots} boots each, ${options.seconds} s given; ${twin.builtBy}`,
  );
  for (let round = 0; round < options.boots; round++) {
    for (const [name, contest] of wanted) {
      const seconds = await contest(round);
      found[name] = [...(found[name] ?? []), seconds];
      console.log(
        `  boot ${round + 1}  ${name.padEnd(12)} ${seconds === undefined ? "none" : `${seconds.toFixed(1)} s`}`,
      );
    }
  }
  for (const [name, values] of Object.entries(found)) console.log(`${name}: ${distribution(values, options.seconds)}`);
  return 0;
}

export const benchmark = defineTool({
  name: "first-finding",
  summary: "seconds to the first finding on an affected kernel, against the twin in C",
  options: OPTIONS,
  // Before a program is compiled for it.
  check: ({ kernel }) => void readSpec(kernel),
  run: ({ args }) => main(args),
});
