/**
 * verify.ts as a whole process: what findings cost, from one to millions, and whether a clean file takes longer than with
 * an older commit.
 *
 * Owns the files (in memory: a disk's speed would drown the comparison) and the goals. The older commit is taken out of
 * git into a directory of its own and runs with this checkout's packages.
 */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { openFile, writeAll } from "../ops/file.ts";
import { allocate, MiB } from "../ops/memory.ts";
import { ownCommand, PACKAGE_ROOT } from "../ops/self.ts";
import { counter } from "../pattern/counter.ts";
import { O_RDWR } from "../sys/uapi/fcntl.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, goalText } from "./noise.ts";
import { withUs } from "./with-us.ts";
import { Workshop } from "./workshop.ts";

const SECONDS = "s";
const MEMORY = "MB";
/** Millions of findings cost little more than reading. */
const TIME_GOAL = { atMost: 3 };
const MEMORY_MB_MAX = 200;
const OLD_GOAL = { atMost: 1.05 };
const FLIPS_MOST = 4_200_000;
const FLIPS = [0, 1, 1000, 100_000, 1_000_000, FLIPS_MOST];

/** A counter stream in which so many words, evenly spread, have one flipped bit. */
export function flippedFile(workshop: Workshop, name: string, of: { bytes: number; flips: number }): string {
  const path = workshop.file(name);
  const words = of.bytes / 8;
  using memory = allocate(MiB);
  using fd = openFile(path, { flags: O_RDWR });
  const pattern = counter();
  let flip = 0;
  for (let at = 0; at < of.bytes; at += memory.lengthBytes) {
    pattern.fill(memory.bytes, at);
    for (; flip < of.flips; flip += 1) {
      const byte = Math.floor(((flip + 0.5) * words) / of.flips) * 8 + 3 - at;
      if (byte >= memory.lengthBytes) break;
      memory.bytes[byte] = (memory.bytes[byte] as number) ^ 16;
    }
    writeAll(fd, memory);
  }
  return path;
}

/** Preloaded into what is measured; see there. */
const PEAK = join(import.meta.dir, "peak.ts");

/** verify.ts as a whole process: how long it takes, and the most memory that it itself has. */
export function verifies(name: string, script: string, words: readonly string[], code: number): Contender {
  return {
    name,
    run: () => {
      const started = performance.now();
      const command = withUs(ownCommand("--preload", PEAK, script, ...words, "--quiet"));
      const ended = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
      const seconds = (performance.now() - started) / 1000;
      if (ended.exitCode !== code) throw new Error(`verify.ts ended ${ended.exitCode}: ${ended.stderr}`);
      const kib = /^peak (\d+) kB$/m.exec(ended.stderr.toString())?.[1];
      if (kib === undefined) throw new Error(`verify.ts did not print its peak: ${ended.stderr}`);
      return { [SECONDS]: seconds, [MEMORY]: (Number(kib) * 1024) / 1e6 };
    },
  };
}

/** One line for each number of findings, against the clean file, which comes first. */
export function findingLines(all: readonly Measured[]): { lines: string[]; answers: Answer[] } {
  const [clean, ...others] = all as [Measured, ...Measured[]];
  const answers: Answer[] = [];
  const lines = all.map((side) => {
    const [seconds, megabytes] = [SECONDS, MEMORY].map((figure) => median(side.figures[figure] ?? []));
    const head = `  ${side.name.padEnd(20)} ${(seconds as number).toFixed(2).padStart(6)} s ${(megabytes as number).toFixed(0).padStart(5)} MB`;
    if (side === clean) return head;
    const found = compare(side, clean, SECONDS);
    if (side !== others.at(-1)) return `${head}  ${comparisonText(found)}`;
    const small: Answer = (megabytes as number) < MEMORY_MB_MAX ? "reached" : "NOT reached";
    answers.push(answerTo(found, TIME_GOAL), small);
    return `${head}  ${comparisonText(found)}; ${goalText(found, TIME_GOAL)}; goal < ${MEMORY_MB_MAX} MB: ${small}`;
  });
  return { lines, answers };
}

export const SCRIPT = join(PACKAGE_ROOT, "scripts/verify.ts");

/** The curve of findings: 0 to 4.2 million in one file. */
export async function raceFindings(bytes: number, rounds: number): Promise<Answer[]> {
  using workshop = new Workshop("/dev/shm/bytewitness-bench-");
  const contenders = FLIPS.map((flips) => {
    const path = flippedFile(workshop, `flips-${flips}`, { bytes, flips });
    const words = [path, "--expect-bytes", String(bytes)];
    return verifies(`${flips} flipped words`, SCRIPT, words, flips === 0 ? 0 : 1);
  });
  console.log(`${bytes / MiB} MiB with flipped words, whole process (median, ratio to the clean file)`);
  const { lines, answers } = findingLines(await interleave(contenders, rounds));
  for (const line of lines) console.log(line);
  return answers;
}

/** A new directory inside one that is this run's own; a shell removes it when this process is gone, SIGKILL included. */
function goesWithUs(path: string): { readonly path: string } & Disposable {
  mkdirSync(path, { mode: 0o700 });
  const script = 'trap "" HUP INT TERM; cat >/dev/null; rm -rf -- "$1"; rmdir -- "$(dirname -- "$1")" 2>/dev/null';
  const guard = Bun.spawn(["sh", "-c", script, "guard", path], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  guard.unref();
  const dispose = () => {
    rmSync(path, { recursive: true, force: true });
    void guard.stdin.end();
  };
  return { path, [Symbol.dispose]: dispose };
}

/** A clean file, judged by this checkout and by an older commit of it, in turns. */
export async function raceCommit(commit: string, bytes: number, rounds: number): Promise<Answer[]> {
  using workshop = new Workshop("/dev/shm/bytewitness-bench-");
  using tree = goesWithUs(join(workshop.path, "tree"));
  const take = 'git -C "$1" archive "$2" | tar -x -C "$3"';
  const taken = Bun.spawnSync(["sh", "-c", take, "sh", PACKAGE_ROOT, commit, tree.path], { stderr: "pipe" });
  const script = join(tree.path, "scripts/verify.ts");
  if (!(await Bun.file(script).exists())) throw new Error(`${commit} cannot be taken out of git: ${taken.stderr}`);
  symlinkSync(join(PACKAGE_ROOT, "node_modules"), join(tree.path, "node_modules"));
  const path = flippedFile(workshop, "clean", { bytes, flips: 0 });
  const words = [path, "--expect-bytes", String(bytes)];
  const contenders = [verifies("now", SCRIPT, words, 0), verifies(commit, script, words, 0)];
  const [now, old] = (await interleave(contenders, rounds)) as [Measured, Measured];
  const found = compare(now, old, SECONDS);
  console.log(
    `a clean file of ${bytes / MiB} MiB, this checkout against ${commit}: time ${comparisonText(found)}; ${goalText(found, OLD_GOAL)}`,
  );
  return [answerTo(found, OLD_GOAL)];
}
