/**
 * The judge's loops against C: gcc -O2, gcc -O3 -march=native, libc memcmp, ours and our TypeScript fallback, in turns on
 * the same buffers in one run; hot in cache and streaming from memory; and whole files against plain read().
 *
 * Owns what is compared and that every contender finds a planted error at its very place before it is measured.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArgumentSpecs, Arguments } from "../cli/args.ts";
import { defineTool } from "../cli/tool.ts";
import { counter } from "../pattern/counter.ts";
import { RECORD_BYTES_MAX, readRecord, STEP } from "../pattern/record.ts";
import { tagged } from "../pattern/tagged.ts";
import { advance, readWord } from "../pattern/u64.ts";
import { openLibrary } from "../sys/library.ts";
import { useNativeLoops } from "../sys/loops.ts";
import { type Contender, interleave } from "./interleave.ts";
import { type Answer, exitOf } from "./noise.ts";
import { RATE, table } from "./rate-table.ts";
import { raceFile } from "./verify-file.ts";
import { raceCommit, raceFindings } from "./verify-process.ts";
import { Workshop } from "./workshop.ts";

const OPTIONS = {
  rounds: { kind: "count", default: 9, min: 1, max: 99, description: "turns of each contender (the file: times 5)" },
  turnMs: { kind: "count", default: 40, min: 1, description: "milliseconds of one turn" },
  part: {
    kind: "choice",
    choices: ["all", "loops", "file", "findings"],
    default: "all",
    description: "only this part",
  },
  commit: { kind: "text", optional: true, description: "also judge a clean file with this older commit, in turns" },
  findingsMib: { kind: "count", default: 256, min: 1, description: "size of the files with findings, MiB" },
  fileMib: { kind: "count", default: 1920, min: 1, description: "size of the file in page cache, MiB" },
} as const satisfies ArgumentSpecs;

const HOT_BYTES = 512 * 1024;
const STREAM_BYTES = 96 * 1024 * 1024;
const RECORD_BYTES = 1024 * 1024;
const START_BYTES = 40 * 2 ** 30;

/** Index of the first wrong word, or -1. */
type Loop = (block: Uint8Array) => number;

interface Yardstick {
  readonly name: string;
  readonly plain: Loop;
  readonly groups: Loop;
  readonly step: Loop;
}

const SYMBOLS = {
  bv_plain: [["ptr", "ptr", "ptr"], "i64_fast"],
  bv_groups: [["ptr", "ptr", "ptr"], "i64_fast"],
  bv_step: [["ptr", "ptr", "ptr"], "i64_fast"],
} as const;

/** bun:ffi takes typed arrays where the table has a number. */
const asPointer = (bytes: Uint8Array | Uint32Array) => bytes as unknown as number;

function yardstick(workshop: Workshop, flags: readonly string[]): Yardstick {
  const gcc = Bun.which("gcc");
  if (gcc === null) throw new Error("the C yardstick needs gcc: apt-get install gcc libc6-dev");
  const path = join(workshop.path, `verify${flags.join("")}.so`);
  const source = join(import.meta.dir, "../../c/yardstick/verify.c");
  const made = Bun.spawnSync([gcc, ...flags, "-shared", "-fPIC", "-o", path, source], { stderr: "pipe" });
  if (made.exitCode !== 0) throw new Error(`gcc verify.c: ${made.stderr}`);
  workshop.made(path);
  const library = openLibrary([path], SYMBOLS);
  if (library.name === undefined) throw new Error(library.reason);
  const { bv_plain, bv_groups, bv_step } = library.symbols;
  const startWord = START_BYTES / 8;
  return {
    name: `gcc ${flags.join(" ")}`,
    plain: (block) => bv_plain(asPointer(block), block.length / 8, startWord),
    groups: (block) => bv_groups(asPointer(block), block.length / 8, startWord),
    step: (block) =>
      steps(block, (payload, start) => bv_step(asPointer(payload), payload.length / 8, asPointer(start))),
  };
}

/** Calls a C loop for the payload of each record, as a C program that knows the header would. */
function steps(block: Uint8Array, loop: (payload: Uint8Array, startAndStep: Uint32Array) => number): number {
  const startAndStep = new Uint32Array(new ArrayBuffer(2048));
  for (let at = 0; at < block.length; at += RECORD_BYTES) {
    if (readRecord(block, at) === undefined) return at / 8;
    const start = advance(readWord(block, at), STEP, 8);
    startAndStep.set([start.lo, start.hi, STEP.lo, STEP.hi]);
    const bad = loop(block.subarray(at + 64, Math.min(block.length, at + RECORD_BYTES)), startAndStep);
    if (bad >= 0) return (at + 64) / 8 + bad;
  }
  return -1;
}

const toWord = (index: number) => (index < 0 ? -1 : Math.floor(index / 8));

function withTypescript(loop: Loop): Loop {
  return (block) => {
    useNativeLoops(false);
    const bad = loop(block);
    useNativeLoops(true);
    return bad;
  };
}

function memcmpLoop(size: number, fill: (block: Uint8Array) => void): Loop {
  const libc = openLibrary(["libc.so.6"], { memcmp: [["ptr", "ptr", "ptr"], "i32"] });
  if (libc.name === undefined) throw new Error(libc.reason);
  const ready = new Uint8Array(new ArrayBuffer(size));
  fill(ready);
  const { memcmp } = libc.symbols;
  return (block) => (memcmp(asPointer(block), asPointer(ready), block.length) === 0 ? -1 : 0);
}

interface Racer {
  readonly name: string;
  readonly loop: Loop;
  /** memcmp reports that, not where. */
  readonly locates: boolean;
}

/** Plants one wrong word at three places and asks for it back. */
function prove({ name, loop, locates }: Racer, block: Uint8Array): void {
  if (loop(block) !== -1) throw new Error(`${name} calls an intact buffer wrong`);
  for (const word of [8, Math.floor(block.length / 16) + 300, block.length / 8 - 1]) {
    block[word * 8 + 2] = (block[word * 8 + 2] as number) ^ 4;
    const index = loop(block);
    block[word * 8 + 2] = (block[word * 8 + 2] as number) ^ 4;
    if (locates ? index !== word : index === -1)
      throw new Error(`${name} returned ${index} where word ${word} is wrong`);
  }
}

function contender({ name, loop }: Racer, block: Uint8Array, turnMs: number): Contender {
  return {
    name,
    run: () => {
      const started = performance.now();
      let bytes = 0;
      let ms = 0;
      do {
        if (loop(block) !== -1) throw new Error(`${name} calls an intact buffer wrong`);
        bytes += block.length;
        ms = performance.now() - started;
      } while (ms < turnMs);
      return { [RATE]: bytes / ms / 1e6 };
    },
  };
}

interface Settings {
  readonly rounds: number;
  readonly turnMs: number;
}

async function race(title: string, racers: readonly Racer[], block: Uint8Array, settings: Settings): Promise<void> {
  for (const racer of racers) prove(racer, block);
  const contenders = racers.map((racer) => contender(racer, block, settings.turnMs));
  const measured = await interleave(contenders, settings.rounds);
  console.log(table(title, measured, (racers[1] as Racer).name).join("\n"));
}

/** Both patterns in one size of buffer. */
async function raceLoops(
  where: string,
  size: number,
  yardsticks: readonly Yardstick[],
  settings: Settings,
): Promise<void> {
  const block = new Uint8Array(new ArrayBuffer(size));
  const words = counter();
  const own: Loop = (bytes) => toWord(words.firstMismatch(bytes, START_BYTES));
  words.fill(block, START_BYTES);
  const counterRacers = [
    ...yardsticks.flatMap(({ name, plain, groups }) => [
      { name: `${name}, plain`, loop: plain, locates: true },
      { name: `${name}, groups`, loop: groups, locates: true },
    ]),
    { name: "memcmp, ready reference", loop: memcmpLoop(size, (b) => words.fill(b, START_BYTES)), locates: false },
    { name: "ours", loop: own, locates: true },
    { name: "ours, TypeScript only", loop: withTypescript(own), locates: true },
  ];
  await race(`counter, ${where}`, counterRacers, block, settings);

  const records = tagged({ writer: 1, generation: 2, recordBytes: Math.min(RECORD_BYTES, RECORD_BYTES_MAX) });
  const ownRecords: Loop = (bytes) => toWord(records.firstMismatch(bytes, 0));
  records.fill(block, 0);
  const taggedRacers = [
    ...yardsticks.map(({ name, step }) => ({ name, loop: step, locates: true })),
    { name: "memcmp, ready reference", loop: memcmpLoop(size, (b) => records.fill(b, 0)), locates: false },
    { name: "ours", loop: ownRecords, locates: true },
    { name: "ours, TypeScript only", loop: withTypescript(ownRecords), locates: true },
  ];
  await race(`tagged, ${where}`, taggedRacers, block, settings);
}

async function benchVerify(options: Arguments<typeof OPTIONS>): Promise<number> {
  const { part, rounds, commit } = options;
  const wanted = (name: typeof part) => part === "all" || part === name;
  const answers: Answer[] = [];
  using workshop = new Workshop(join(tmpdir(), "bytewitness-bench-"));
  if (wanted("loops")) {
    const yardsticks = [yardstick(workshop, ["-O2"]), yardstick(workshop, ["-O3", "-march=native"])];
    await raceLoops("512 KiB hot in cache", HOT_BYTES, yardsticks, options);
    await raceLoops("96 MiB streaming", STREAM_BYTES, yardsticks, options);
  }
  if (wanted("file")) answers.push(await raceFile(workshop, options.fileMib * 2 ** 20, options.rounds));
  const bytes = options.findingsMib * 2 ** 20;
  if (wanted("findings")) answers.push(...(await raceFindings(bytes, rounds)));
  if (commit !== undefined) answers.push(...(await raceCommit(commit, bytes, rounds)));
  return exitOf(answers);
}

export const benchmark = defineTool({
  name: "verify",
  summary: "the judge's loops against gcc and memcmp, and whole files against read()",
  options: OPTIONS,
  run: async ({ args }) => {
    return benchVerify(args);
  },
});
