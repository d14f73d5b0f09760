#!/usr/bin/env bun
/**
 * shared-position-ring: do two io_uring writers on one open file keep each other's records?
 *
 * What is exercised: IORING_OP_WRITE with offset -1 from two rings in two threads on one open file. io_uring reads the
 * file position and stores it after the write, without the lock that write(2) holds meanwhile: two records go to the
 * same place.
 * What broken looks like: every completion reports its whole length, and the file is shorter than the sum.
 * What is promised: io_uring_enter(2): offset -1 "will use (and advance) the file position, like the read(2) and
 * write(2) system calls"; POSIX.1-2024, 2.9.7, makes write() atomic in this on regular files.
 * Since when, fixed by: bad on every kernel tried, 6.12.113 to 7.3.4 and 6.18.44; no fix is known.
 * Who is hit: a log without O_APPEND that threads write through rings of their own.
 * Control: the same two threads with write(2).
 * Needs: io_uring, a writable directory.
 * Run: bun run shared-position-ring.ts [DIR] [--records 2000]
 */
import {
  AT_FILE_POSITION,
  accountLog,
  allocate,
  type Fd,
  fillRecords,
  Inconclusive,
  KiB,
  type Memory,
  missing,
  Ring,
  race,
  readWhole,
  runner,
  runReproducer,
  scratchFile,
  seek,
  sqe,
  startThreads,
  truncate,
  write,
} from "bytewitness";
import { SEEK_SET } from "bytewitness/uapi";

const RECORD_BYTES = 4 * KiB;
const CONTROL = "write (control)";
const PROMISES = [
  'io_uring_enter(2): offset -1 uses and advances the file position "like the read(2) and write(2) system calls"',
  "POSIX.1-2024, 2.9.7: write() is atomic in this on regular files",
];

/** One writer with a ring of its own: its records one after the other, at the shared position. Runs in a thread. */
export function writeRecords(file: Fd, door: string, filled: Memory): void {
  using ring = new Ring({ entries: 4 });
  for (let at = 0; at < filled.lengthBytes; at += RECORD_BYTES) {
    const record = { bufferOffsetBytes: at, lengthBytes: RECORD_BYTES };
    const request = sqe.write(file, filled, { offsetBytes: AT_FILE_POSITION, ...record });
    const result = door === CONTROL ? write(file, filled, record) : ring.run(request);
    // A short or refused record has no promise to keep, and a judge of whole records cannot know what it should be.
    if (result !== RECORD_BYTES) throw new Inconclusive(`the record at ${at} returned ${result}`);
  }
}

/** A writer's records, filled ahead: the threads do nothing but write. */
function recordsOf(writer: number, records: number): Memory {
  const filled = allocate(records * RECORD_BYTES);
  fillRecords(filled.bytes, { writer, generation: 1, sequence: 0, lengthBytes: RECORD_BYTES });
  return filled;
}

const TITLE = "One position for two rings";

await runReproducer({
  name: "shared-position-ring",
  summary: "two io_uring writers with offset -1 on one open file: does each acknowledged record stay?",
  known: {
    fix: "",
    firstFixed: [],
    source: "bad on 6.12.113, 6.18.44, 7.2.13 and 7.3.4",
    avoid: "open the file with O_APPEND, or give offsets",
  },
  racyPath: "the two writers were at work at the same time",
  positionals: { dir: { kind: "path", optional: true, description: "where the files go" } },
  options: {
    records: { kind: "count", default: 500, min: 2, max: 100_000, description: "records of 4 KiB of each writer" },
    rounds: { kind: "count", default: 6, min: 1, max: 1000, description: "tries" },
    seconds: { kind: "duration", default: "30s", description: "no further try after this long" },
  },
  requires: [{ name: "io_uring", probe: missing.ioUring }],
  run: async (run) => {
    const { records, rounds, seconds, dir: directory } = run.args;
    const another = (round: number, most: number) =>
      round < most && !run.stopped && (round === 0 || run.elapsedSeconds < seconds);
    const tallies = [1, 2].map((writer) => ({ writer, recordBytes: RECORD_BYTES, records, partial: [] }));
    const filled = [1, 2].map((writer) => recordsOf(writer, records));
    using threads = await startThreads(2);
    const { tally } = run;

    for (const door of [CONTROL, "io_uring write"]) {
      const scratch = scratchFile(run, { directory, name: "shared-position-ring" });
      const out = scratch.fd;
      let gone = 0;
      let line = "";
      for (let round = 0; gone === 0 && another(round, door === CONTROL ? 2 : rounds); round += 1) {
        // 1. An empty file, and its one position at 0.
        truncate(out, { lengthBytes: 0 });
        seek(out, { offsetBytes: 0, whence: SEEK_SET });

        // 2. Both writers begin together; every record is acknowledged whole, or the run is not judged.
        const runners = filled.map((memory) => runner(writeRecords, out, door, memory));
        const { overlapped } = await race(runners, { threads });

        // 3. What is in the file.
        using whole = readWhole(out);
        const writtenBytes = 2 * records * RECORD_BYTES;
        const cause = `${door} by two writers of one open file acknowledged ${writtenBytes} bytes, the file has ${whole.lengthBytes}`;
        const judged = await accountLog(run, whole.bytes, {
          lookFor: "gone",
          generation: 1,
          tallies,
          file: scratch.path,
          cause,
        });
        gone = judged.bad;
        tally.wroteMany(2 * records, writtenBytes);
        tally.judged(judged, { file: scratch, control: door === CONTROL ? door : undefined });
        if (door !== CONTROL) tally.tried(overlapped);
        line = `${door}: ${gone} of ${judged.records} acknowledged records are gone, round ${round + 1}`;
      }
      tally.line(TITLE, line);
    }
    for (const promise of PROMISES) tally.line(TITLE, promise);
  },
});
