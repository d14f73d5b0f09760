/**
 * uring-append against its C yardstick: files per second, the same bytes, the same detections, in turns.
 *
 * Owns where it runs (tmpfs, and an XFS of its own on a loop device for root) and what is compared: the rate of the work
 * as each program reports it, and that of the whole process with its start. Both must verify the same number of bytes.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { scratchXfs } from "../ops/filesystem.ts";
import { GiB } from "../ops/memory.ts";
import { ownCommand } from "../ops/self.ts";
import { filesystemOf } from "../ops/stat.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, exitOf, goalText } from "./noise.ts";
import { compileTwin } from "./twin.ts";
import { withUs } from "./with-us.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 21, min: 1, max: 99, description: "turns of each program on each file system" },
  // A few seconds of work; a run without arguments lasts a minute, so the start weighs less there than here.
  files: { kind: "count", default: 240, min: 1, description: "files per turn" },
  fileMb: { kind: "count", default: 48, min: 1, description: "MiB after which a file is full" },
  seed: { kind: "count", default: 1, description: "decides the chunks of both programs" },
} as const satisfies ArgumentSpecs;

/** Files per second of the whole process, ours over the twin's. */
export const GOAL = { atLeast: 1.2 };
const WORK = "work";
const PROCESS = "whole process";

interface BenchPlace {
  readonly name: string;
  readonly directory: string;
}

interface Turn {
  readonly files: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** Runs one program to its end; its figures as rates, or an Error with what it printed. */
function turn(command: readonly string[], read: (stdout: string) => Turn, wanted: { files: number }) {
  const started = performance.now();
  const ended = Bun.spawnSync(withUs(command), { stdout: "pipe", stderr: "pipe" });
  const wholeSeconds = (performance.now() - started) / 1000;
  if (ended.exitCode !== 0) {
    throw new Error(`${command.join(" ")} ended ${ended.exitCode}: ${ended.stderr}${ended.stdout}`.slice(0, 2000));
  }
  const { files, bytes, seconds } = read(ended.stdout.toString());
  if (files !== wanted.files) throw new Error(`${command[0]} did ${files} files of ${wanted.files}`);
  return { [WORK]: files / seconds, [PROCESS]: files / wholeSeconds, bytes };
}

type AppendOptions = Record<keyof typeof OPTIONS, number>;

function contenders(place: BenchPlace, options: AppendOptions, twinPath: string): Contender[] {
  const { files, fileMb } = options;
  const script = join(import.meta.dir, "../../scripts/uring-append.ts");
  const limits = ["600", String(fileMb)];
  const ours = ownCommand(script, join(place.directory, "ours"), ...limits, "--files", String(files));
  const quiet = ["--pressure", "none", "--json", "--quiet"];
  return [
    {
      name: "bytewitness",
      run: (round) => turn([...ours, ...quiet, "--seed", String(options.seed + round)], readOurs, { files }),
    },
    {
      name: "C twin",
      run: (round) =>
        turn(
          [twinPath, place.directory, ...limits, String(options.seed + round), String(files)],
          (stdout) => JSON.parse(stdout) as Turn,
          { files },
        ),
    },
  ];
}

function readOurs(stdout: string): Turn {
  const report = JSON.parse(stdout) as {
    verdict: string;
    totals: { files: number; bytesVerified: number; bytesWritten: number; workSeconds: number };
  };
  const { files, bytesVerified, bytesWritten, workSeconds } = report.totals;
  if (report.verdict !== "clean" || bytesVerified !== bytesWritten) {
    throw new Error(`uring-append reported ${report.verdict}, ${bytesVerified} of ${bytesWritten} bytes verified`);
  }
  return { files, bytes: bytesVerified, seconds: workSeconds };
}

/** The lines of one file system's result, and what they mean for the goal there. */
export function resultLines(place: string, ours: Measured, twin: Measured): { lines: string[]; answer: Answer } {
  const bytes = (side: Measured) => JSON.stringify(side.figures.bytes);
  if (bytes(ours) !== bytes(twin)) throw new Error("the two programs did not write the same bytes");
  const lines = [`${place}: ${ours.figures[WORK]?.length} turns each, files per second, median (lowest to highest)`];
  for (const figure of [WORK, PROCESS]) {
    for (const side of [ours, twin]) {
      const values = side.figures[figure] ?? [];
      const range = `${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)}`;
      lines.push(`  ${figure.padEnd(14)} ${side.name.padEnd(12)} ${median(values).toFixed(1).padStart(7)}  (${range})`);
    }
    lines.push(`  ${figure.padEnd(14)} ratio        ${comparisonText(compare(ours, twin, figure))}`);
  }
  const whole = compare(ours, twin, PROCESS);
  lines.push(`  ${PROCESS}: ${goalText(whole, GOAL)}`);
  return { lines, answer: answerTo(whole, GOAL) };
}

async function main(options: Arguments<typeof OPTIONS>): Promise<number> {
  using twin = compileTwin("append", ["uring"]);
  console.log(
    `append: files of ${options.fileMb} MiB and up, ${options.files} per turn; twin built by ${twin.builtBy}`,
  );
  const answers: Answer[] = [];
  const measure = async (place: BenchPlace) => {
    const [ours, other] = await interleave(contenders(place, options, twin.path), options.rounds);
    const result = resultLines(place.name, ours as Measured, other as Measured);
    for (const line of result.lines) console.log(line);
    answers.push(result.answer);
  };

  {
    using workshop = new Workshop("/dev/shm/bytewitness-bench-");
    await measure({ name: filesystemOf(workshop.path).type, directory: workshop.path });
  }

  if (process.geteuid?.() !== 0) {
    console.log("xfs: skipped: an XFS of its own needs root");
  } else {
    // Loop over tmpfs where there is room: the device's own speed would drown the comparison.
    const roomy = filesystemOf("/dev/shm").availableBytes > 3 * GiB;
    const imageDirectory = roomy ? "/dev/shm" : tmpdir();
    using xfs = scratchXfs({ capacityBytes: 2 * GiB, imageDirectory });
    await measure({ name: `xfs on a loop device over ${filesystemOf(imageDirectory).type}`, directory: xfs.path });
  }
  return exitOf(answers);
}

export const benchmark = defineTool({
  name: "append",
  summary: "uring-append against its twin in C",
  options: OPTIONS,
  run: ({ args }) => main(args),
});
