/**
 * What a start costs: whole processes against a Bun that runs nothing, in turns, by the clock and by processor time.
 *
 * Owns what is started and the goal. The megabyte to be judged lies in memory under no name, so that nothing stays behind
 * however this ends. Next to verify.ts runs the least that could do the same on citty and libc, a few lines without a
 * module of ours; and the same with as many modules as verify.ts loads, all of them empty. What these cost, no command
 * that is built of modules can do without.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { openFile, openMemfd, writeAll } from "../ops/file.ts";
import { allocate, type Memory, MiB } from "../ops/memory.ts";
import { PACKAGE_ROOT } from "../ops/self.ts";
import { counter } from "../pattern/counter.ts";
import { libcName } from "../sys/libc.ts";
import { O_WRONLY } from "../sys/uapi/fcntl.ts";
import { type Contender, interleave, type Measured, median } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, exitOf, goalText } from "./noise.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 21, min: 1, max: 999, description: "starts of each command" },
} as const satisfies ArgumentSpecs;

const WALL = "ms";
const CPU = "CPU ms";
/** Judging a megabyte as a whole process, against an empty Bun. */
export const VERIFY_GOAL = { atMost: 2.6 };
const VERIFY = "verify.ts, 1 MiB";

export const LEAST = "the least: citty, libc";

/** Ends 0 where the u64 at byte 8j of the file is j, for a megabyte; 1 where one is not. Nothing that it does can be left out. */
export function leastProgram(path: string): string {
  return `
    import { dlopen, ptr } from "bun:ffi";
    import { defineCommand, runCommand } from ${JSON.stringify(Bun.resolveSync("citty", import.meta.dir))};
    const { symbols: libc } = dlopen(${JSON.stringify(libcName())}, {
      open: { args: ["cstring", "i32"], returns: "i32" },
      read: { args: ["i32", "ptr", "u32"], returns: "i32" },
      write: { args: ["i32", "ptr", "u32"], returns: "i32" },
    });
    const bytes = new Uint8Array(new ArrayBuffer(${MiB}));
    const run = ({ args }) => {
      const fd = libc.open(Buffer.from(args.file + "\\0"), 0);
      const got = libc.read(fd, ptr(bytes), bytes.length);
      const words = new Uint32Array(bytes.buffer);
      let right = 0;
      while (right < words.length / 2 && words[2 * right] === right && words[2 * right + 1] === 0) right += 1;
      const isRight = got === bytes.length && right * 8 === got;
      const line = Buffer.from((isRight ? "CLEAN " : "CORRUPT ") + right * 8 + " bytes\\n");
      libc.write(1, ptr(line), line.length);
      process.exit(isRight ? 0 : 1);
    };
    const command = defineCommand({ args: { file: { type: "string" } }, run });
    await runCommand(command, { rawArgs: [${JSON.stringify(`--file=${path}`)}] });`;
}

/** A program that does not judge would be no measure: it must see one wrong bit. */
export function assertLeastJudges(memory: Memory, path: string): void {
  const at = MiB - 1;
  const ends = (bit: number) => {
    memory.bytes[at] = (memory.bytes[at] as number) ^ bit;
    using fd = openFile(path, { flags: O_WRONLY });
    writeAll(fd, memory);
    return Bun.spawnSync([process.execPath, "-e", leastProgram(path)], { cwd: "/", stdout: "ignore" }).exitCode;
  };
  const codes = [ends(0x80), ends(0x80)];
  if (codes[0] !== 1 || codes[1] !== 0) throw new Error(`${LEAST} ended ${codes.join(" and ")} instead of 1 and 0`);
}

/** How many modules below `root`, dependencies apart, a script has loaded when it ends. */
export function modulesOf(script: string, words: readonly string[], root = PACKAGE_ROOT): number {
  const program = `
    process.argv = [process.execPath, ${[script, ...words].map((word) => JSON.stringify(word)).join(", ")}];
    const ours = (path) => path.startsWith(${JSON.stringify(`${root}/`)}) && !path.includes("/node_modules/");
    process.on("exit", () => console.error(Object.keys(require.cache).filter(ours).length));
    await import(${JSON.stringify(script)});`;
  const ended = Bun.spawnSync([process.execPath, "-e", program], { cwd: "/", stdout: "ignore", stderr: "pipe" });
  const count = Number(ended.stderr.toString().trim());
  if (ended.exitCode !== 0 || !(count > 0)) throw new Error(`${script} ended ${ended.exitCode}: ${ended.stderr}`);
  return count;
}

/** Modules that hold nothing but each other, a tree like ours; the path of its root, which exports how many there are. */
export function emptyModules(workshop: Workshop, count: number): string {
  const file = (index: number) => join(workshop.path, `m${index}.ts`);
  for (let index = 0; index < count; index += 1) {
    const below = [2 * index + 1, 2 * index + 2].filter((each) => each < count);
    const imports = below.map((each) => `import { n as n${each} } from "./m${each}.ts";\n`);
    const sum = ["1", ...below.map((each) => `n${each}`)].join(" + ");
    writeFileSync(workshop.file(`m${index}.ts`), `${imports.join("")}export const n = ${sum};\n`);
  }
  return file(0);
}

/** The least program, which first makes sure that it has its modules. */
function leastIn(modules: string, count: number, path: string): string {
  return `import { n } from ${JSON.stringify(modules)}; if (n !== ${count}) process.exit(2); ${leastProgram(path)}`;
}

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
  assertLeastJudges(memory, path);
  const script = join(PACKAGE_ROOT, "scripts/verify.ts");
  const words = [path, "--expect-bytes", String(MiB)];
  const count = modulesOf(script, words);
  using workshop = new Workshop(join(tmpdir(), "bytewitness-start-"));
  const modules = emptyModules(workshop, count);
  const contenders = [
    contender("Bun, one expression", ["-e", "0"]),
    contender("verify.ts --version", [script, "--version"]),
    contender("verify.ts --help", [script, "--help"]),
    contender(LEAST, ["-e", leastProgram(path)]),
    contender(`same, ${count} empty modules`, ["-e", leastIn(modules, count, path)]),
    contender(VERIFY, [script, ...words]),
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
