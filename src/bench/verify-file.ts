/**
 * A whole file in the page cache: reading and judging it, in one thread and in two, against reading it alone.
 *
 * Owns the contenders and the goal. Reads within this process: what a start costs is measured elsewhere (start.ts).
 */
import { Judge } from "../judge/judge.ts";
import { openFile, read, readFully, writeAll } from "../ops/file.ts";
import { allocate } from "../ops/memory.ts";
import { counter } from "../pattern/counter.ts";
import { O_RDONLY, O_RDWR } from "../sys/uapi/fcntl.ts";
import { openInput } from "../workload/scan/input.ts";
import { Rear } from "../workload/scan/rear.ts";
import { intactInParallel, judgeInOrder } from "../workload/scan/scan.ts";
import { type Contender, interleave, type Measured } from "./interleave.ts";
import { type Answer, answerTo, compare, comparisonText, goalText } from "./noise.ts";
import { RATE, table } from "./rate-table.ts";
import type { Workshop } from "./workshop.ts";

/**
 * Reading and judging within this process, against reading alone into a buffer as large as the file. Two threads are what
 * verify.ts does by itself where there are two processors: the second one is started anew in each turn.
 */
const FILE_GOAL = { atLeast: 1.6 };
const WHOLE_READ = "read() into one buffer";
const AS_VERIFY = "judging, two threads";
/** Turns for each round: they take a tenth of a second, and nine leave an interval of 1.07 to 1.74. */
const FILE_TURNS = 5;

export async function raceFile(workshop: Workshop, sizeBytes: number, rounds: number): Promise<Answer> {
  const path = workshop.file("stream");
  const pattern = counter();
  {
    using memory = allocate(1 << 20);
    using fd = openFile(path, { flags: O_RDWR });
    for (let at = 0; at < sizeBytes; at += memory.lengthBytes) {
      pattern.fill(memory.bytes, at);
      writeAll(fd, memory);
    }
  }
  // The yardstick: the whole file into one buffer as large as it. Reading into a small buffer again and again is
  // the kernel's own best, with the destination in cache; it is shown too.
  const whole = allocate(sizeBytes);
  // Its pages are there before anything is measured: the first turn would measure them, and none after it.
  whole.bytes.fill(1);
  const small = allocate(1 << 20);
  const timed = (name: string, work: () => Promise<void> | void): Contender => ({
    name,
    run: async () => {
      const started = performance.now();
      await work();
      return { [RATE]: sizeBytes / (performance.now() - started) / 1e6 };
    },
  });
  const wholeRead = timed(WHOLE_READ, () => {
    using fd = openFile(path, { flags: O_RDONLY });
    readFully(fd, whole);
  });
  const smallRead = timed("read() into 1 MiB, repeated", () => {
    using fd = openFile(path, { flags: O_RDONLY });
    while (read(fd, small) > 0);
  });
  const args = { pattern: "counter", generation: 0, writer: 0, recordBytes: 4096 };
  const range = { from: 0, to: sizeBytes };
  const order = { path, args, reference: undefined, range };
  const judged = async (rear?: Rear) => {
    const input = openInput(path);
    using _fd = input.fd;
    const judge = new Judge({ pattern, expectBytes: sizeBytes });
    const { restRight } = await judgeInOrder(input, judge, range, async () => true, { rear });
    if (!judge.intact || (restRight !== true && judge.finish().findings.length > 0))
      throw new Error("the file is not intact");
  };
  const alone = timed("judging, one thread", () => judged());
  const asVerify = timed(AS_VERIFY, () => judged(new Rear(order)));
  const parallel = timed("judging, --jobs 2", async () => {
    if (!(await intactInParallel(order, 2, () => true))) throw new Error("the file is not intact");
  });
  const measured = await interleave(
    [wholeRead, smallRead, alone, asVerify, { ...parallel, roundsMax: rounds }],
    rounds * FILE_TURNS,
  );
  console.log(table(`${sizeBytes / 2 ** 20} MiB file in page cache`, measured, WHOLE_READ).join("\n"));
  const found = compare(measured[3] as Measured, measured[0] as Measured, RATE);
  console.log(`${AS_VERIFY}, against ${WHOLE_READ}: ${comparisonText(found)}; ${goalText(found, FILE_GOAL)}\n`);
  return answerTo(found, FILE_GOAL);
}

/** The exit code: 0 when every goal was reached, else 125. */
