#!/usr/bin/env bun
/**
 * memfd-position: do two threads that write(2) to one memfd keep each other's records?
 *
 * What is exercised: plain write(2) by two threads on one memfd. Files of memfd_create(2) are made without the flag that
 * makes the file position atomic (FMODE_ATOMIC_POS), so two writes begin at the same place.
 * What broken looks like: every write returns its whole length, and the file is shorter than the sum.
 * What is promised: POSIX.1-2024, 2.9.7: write() on regular files is atomic in its effects, the position among them;
 * memfd_create(2): "the file behaves like a regular file".
 * Since when, fixed by: bad on 5.10.262 to 6.12.117, 6.18.44, 7.2.13 and 7.3.4; good on 6.12.118, "mm/memfd: make f_pos
 * accesses atomic".
 * Who is hit: programs that collect their children's or threads' output in a memfd.
 * Control: the same two threads on the same memfd, opened again by open(2) through /proc/self/fd.
 * Needs: nothing.
 * Run: bun run memfd-position.ts [--records 4000]
 */
import {
  accountLog,
  allocate,
  type Fd,
  fillRecords,
  Inconclusive,
  KiB,
  type Memory,
  openFile,
  openMemfd,
  race,
  readWhole,
  runner,
  runReproducer,
  saveEvidence,
  seek,
  startThreads,
  truncate,
  write,
} from "bytewitness";
import { O_RDWR, SEEK_SET } from "bytewitness/uapi";

const RECORD_BYTES = 4 * KiB;
const CONTROL = "the memfd opened by open(2) (control)";
const PROMISES = [
  "POSIX.1-2024, 2.9.7: write() on regular files is atomic in its effects, the file position among them",
  'memfd_create(2): "the file behaves like a regular file"',
];

/** One writer: its records one after the other, at the shared position. Runs in a thread of its own. */
export function writeRecords(file: Fd, filled: Memory): void {
  for (let at = 0; at < filled.lengthBytes; at += RECORD_BYTES) {
    const result = write(file, filled, { bufferOffsetBytes: at, lengthBytes: RECORD_BYTES });
    if (result !== RECORD_BYTES) throw new Inconclusive(`the record at ${at} returned ${result}`);
  }
}

/** A writer's records, filled ahead: the threads do nothing but write. */
function recordsOf(writer: number, records: number): Memory {
  const filled = allocate(records * RECORD_BYTES);
  fillRecords(filled.bytes, { writer, generation: 1, sequence: 0, lengthBytes: RECORD_BYTES });
  return filled;
}

const TITLE = "One position for two writers";

await runReproducer({
  name: "memfd-position",
  summary: "two threads write(2) to one memfd: does each acknowledged record stay?",
  program: "memfd-position",
  events: ["kretprobe:shmem_file_write_iter"],
  known: {
    fix: "mm/memfd: make f_pos accesses atomic",
    firstFixed: ["6.12.118"],
    source: "changelog of linux 6.12.118-1; bad on 5.10.262, 6.1.192, 6.12.43 to 6.12.117, 6.18.44, 7.2.13 and 7.3.4",
    avoid: "give offsets (pwrite), or open the memfd again through /proc/self/fd",
  },
  racyPath: "the two writers were at work at the same time",
  options: {
    records: { kind: "count", default: 500, min: 2, max: 100_000, description: "records of 4 KiB of each writer" },
    rounds: { kind: "count", default: 6, min: 1, max: 1000, description: "tries" },
    seconds: { kind: "duration", default: "30s", description: "no further try after this long" },
  },
  run: async (run) => {
    const { records, rounds, seconds } = run.args;
    const another = (round: number, most: number) =>
      round < most && !run.stopped && (round === 0 || run.elapsedSeconds < seconds);
    const tallies = [1, 2].map((writer) => ({ writer, recordBytes: RECORD_BYTES, records, partial: [] }));
    const filled = [1, 2].map((writer) => recordsOf(writer, records));
    using threads = await startThreads(2);
    const { tally } = run;
    const artifacts: string[] = [];

    for (const place of [CONTROL, "a memfd"]) {
      using memfd = openMemfd("memfd-position");
      using again = openFile(`/proc/self/fd/${memfd.number}`, { flags: O_RDWR });
      const file = place === CONTROL ? again : memfd;
      tally.madeFile();
      let gone = 0;
      let line = "";
      for (let round = 0; gone === 0 && another(round, place === CONTROL ? 2 : rounds); round += 1) {
        // 1. An empty file, and its one position at 0.
        truncate(file, { lengthBytes: 0 });
        seek(file, { offsetBytes: 0, whence: SEEK_SET });

        // 2. Both writers begin together; every record is acknowledged whole, or the run is not judged.
        const runners = filled.map((memory) => runner(writeRecords, file, memory));
        const { overlapped } = await race(runners, { threads });

        // 3. What is in the file.
        using whole = readWhole(file);
        const writtenBytes = 2 * records * RECORD_BYTES;
        const cause = `two writers of ${place} were acknowledged ${writtenBytes} bytes, it has ${whole.lengthBytes}`;
        const judged = await accountLog(run, whole.bytes, {
          lookFor: "gone",
          generation: 1,
          tallies,
          file: place,
          cause,
        });
        gone = judged.bad;
        tally.wroteMany(2 * records, writtenBytes);
        tally.judged(judged, { control: place === CONTROL ? place : undefined });
        if (place !== CONTROL) tally.tried(overlapped);
        line = `${place}: ${gone} of ${judged.records} acknowledged records are gone, round ${round + 1}`;
        if (gone > 0) artifacts.push(...saveEvidence("memfd-position", [`/proc/self/fd/${file.number}`]));
      }
      tally.line(TITLE, line);
    }
    for (const promise of PROMISES) tally.line(TITLE, promise);
    return { artifacts };
  },
});
