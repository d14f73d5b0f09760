#!/usr/bin/env bun
/**
 * shared-position: do two copies into one open file keep each other's bytes?
 *
 * What is exercised: copy_file_range(2) and sendfile(2) with a NULL output offset, by two threads on one open file. The
 * kernel reads the file position when the call begins and stores it when it ends, without the lock that write(2) holds
 * meanwhile: both copies begin at the same place.
 * What broken looks like: both calls return their whole length, the file has half of the bytes. Only records that are
 * gone whole count: it is not promised that two copies do not interleave.
 * What is promised: copy_file_range(2): a NULL offset means that "the file offset is adjusted by the number of bytes
 * copied"; POSIX.1-2024, 2.9.7, makes read() and write() atomic in this on regular files, and does not list these two.
 * A maintainer may answer "do not share the file position". Programs do.
 * Since when, fixed by: bad on every kernel tried, 5.10.262 to 7.3.4 and 6.18.44; no fix is known.
 * Who is hit: `(cat A & cat B & wait) > out` with coreutils 9.1 or later, make -j with one log as standard output.
 * Control: the same two threads with read(2) and write(2).
 * Needs: a writable directory.
 * Run: bun run shared-position.ts [DIR] [--door sendfile]
 */
import {
  accountLog,
  allocate,
  type Fd,
  fillRecords,
  Inconclusive,
  KiB,
  race,
  read,
  readWhole,
  runner,
  runReproducer,
  scratchFile,
  seek,
  startThreads,
  statFd,
  truncate,
  tryCopyFileRange,
  trySendFile,
  writeAll,
} from "bytewitness";
import { SEEK_SET } from "bytewitness/uapi";

const DOORS = ["copy_file_range", "sendfile"] as const;
const CONTROL = "read+write (control)";
const RECORD_BYTES = 32 * KiB;
const PROMISES = [
  'copy_file_range(2): with a NULL offset "the file offset is adjusted by the number of bytes copied"',
  "POSIX.1-2024, 2.9.7, promises it of read() and write() on regular files, and does not list these two calls",
];

/** One writer: everything in `from` goes to the shared position of `to`. Runs in a thread of its own. */
export function copyAll(from: Fd, to: Fd, door: string): number {
  let bytes = 0;
  using buffer = allocate(64 * KiB);
  for (let left = statFd(from).sizeBytes; left > 0; ) {
    const options = { lengthBytes: left }; // no offsets: the descriptors' own positions
    let got = 0;
    if (door === "copy_file_range") got = tryCopyFileRange(from, to, options);
    else if (door === "sendfile") got = trySendFile(from, to, options);
    else {
      got = read(from, buffer);
      writeAll(to, buffer, { lengthBytes: got });
    }
    if (got < 0) throw new Inconclusive(`${door} is refused here with errno ${-got}`);
    if (got === 0) throw new Inconclusive(`${door} ended ${left} bytes before the input did`);
    bytes += got;
    left -= got;
  }
  return bytes;
}

const TITLE = "One position for two writers";

await runReproducer({
  name: "shared-position",
  summary: "two copies into one open file by copy_file_range or sendfile: does each acknowledged byte stay?",
  program: "shared-position",
  events: ["kretprobe:vfs_copy_file_range", "kretprobe:do_splice_direct", "kretprobe:generic_copy_file_range"],
  known: {
    fix: "",
    firstFixed: [],
    source: "bad on 5.10.262, 6.1.192, 6.12.43 to 6.12.118, 6.18.44, 7.2.13 and 7.3.4",
    avoid: "open the output with O_APPEND (>> in a shell), or once for each writer",
  },
  racyPath: "the two writers' calls overlapped in time",
  positionals: { dir: { kind: "path", optional: true, description: "where the files go" } },
  options: {
    door: { kind: "choice", choices: [...DOORS, "both"], default: "both", description: "how both writers copy" },
    records: { kind: "count", default: 64, min: 2, max: 4096, description: "records of 32 KiB of each writer" },
    rounds: { kind: "count", default: 6, min: 1, max: 1000, description: "tries for each door" },
    seconds: { kind: "duration", default: "30s", description: "no further try after this long" },
  },
  run: async (run) => {
    const { records, rounds, seconds } = run.args;
    const another = (round: number, most: number) =>
      round < most && !run.stopped && (round === 0 || run.elapsedSeconds < seconds);
    const sources = [1, 2].map((writer) => {
      const { fd } = scratchFile(run, { directory: run.args.dir, name: `shared-position-${writer}` });
      using buffer = allocate(RECORD_BYTES);
      for (let sequence = 0; sequence < records; sequence += 1) {
        fillRecords(buffer.bytes, { writer, generation: 1, sequence, lengthBytes: RECORD_BYTES });
        writeAll(fd, buffer);
      }
      return fd;
    });
    const tallies = [1, 2].map((writer) => ({ writer, recordBytes: RECORD_BYTES, records, partial: [] }));
    using threads = await startThreads(2);
    const { tally } = run;

    for (const door of [CONTROL, ...DOORS.filter((name) => run.args.door === name || run.args.door === "both")]) {
      const scratch = scratchFile(run, { directory: run.args.dir, name: "shared-position-out" });
      const out = scratch.fd;
      let gone = 0;
      let line = "";
      for (let round = 0; gone === 0 && another(round, door === CONTROL ? 2 : rounds); round += 1) {
        // 1. The inputs at their beginning, the output empty, and its one position at 0.
        for (const fd of [...sources, out]) seek(fd, { offsetBytes: 0, whence: SEEK_SET });
        truncate(out, { lengthBytes: 0 });

        // 2. Both writers begin together; each returns what the kernel reported as copied.
        const runners = sources.map((from) => runner(copyAll, from, out, door));
        const { results, overlapped } = await race(runners, { threads });
        const acknowledgedBytes = results.reduce((sum, bytes) => sum + bytes, 0);

        // 3. What is in the file.
        using whole = readWhole(out);
        const cause = `${door} by two writers of one open file acknowledged ${acknowledgedBytes} bytes, the file has ${whole.lengthBytes}`;
        const judged = await accountLog(run, whole.bytes, {
          lookFor: "gone",
          generation: 1,
          tallies,
          file: scratch.path,
          cause,
        });
        gone = judged.bad;
        tally.wroteMany(2, acknowledgedBytes);
        tally.judged(judged, { file: scratch, control: door === CONTROL ? door : undefined });
        if (door !== CONTROL) tally.tried(overlapped);
        line = `${door}: ${gone} of ${judged.records} acknowledged records are gone, round ${round + 1}`;
      }
      tally.line(TITLE, line);
    }
    for (const promise of PROMISES) tally.line(TITLE, promise);
  },
});
