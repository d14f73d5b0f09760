#!/usr/bin/env bun
/**
 * shared-position-input: do two consumers of one open file each get bytes of their own?
 *
 * What is exercised: sendfile(2) and copy_file_range(2) with a NULL input offset, by two threads that share the input's
 * open file, as workers that inherit one descriptor do. The kernel reads the file position when the call begins and
 * stores it when it ends, without the lock that read(2) holds meanwhile: both consumers begin at the same place.
 * What broken looks like: the two consumers together get more bytes than the file has, and records twice.
 * What is promised: sendfile(2): with a NULL offset "data will be read from in_fd starting at the file offset, and the
 * file offset will be updated by the call"; POSIX.1-2024, 2.9.7, makes read() atomic in this and does not list sendfile.
 * Since when, fixed by: bad on every kernel tried, 6.12.113 to 7.3.4 and 6.18.44; no fix is known.
 * Who is hit: job queues in a file, prefork workers that share one input.
 * Control: the same two threads with read(2).
 * Needs: a writable directory.
 * Run: bun run shared-position-input.ts [DIR] [--door sendfile]
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
  truncate,
  tryCopyFileRange,
  trySendFile,
  writeAll,
} from "bytewitness";
import { SEEK_SET } from "bytewitness/uapi";

const DOORS = ["sendfile", "copy_file_range"] as const;
const CONTROL = "read (control)";
const RECORD_BYTES = 4 * KiB;
const CHUNK_BYTES = 128 * KiB;
const PROMISES = [
  'sendfile(2): with a NULL offset "the file offset will be updated by the call"',
  "POSIX.1-2024, 2.9.7, promises it of read() on regular files, and does not list sendfile",
];

/** One consumer: takes from the shared position of `from` until the end, into a file of its own. Runs in a thread. */
export function consume(from: Fd, to: Fd, door: string): number {
  let bytes = 0;
  using buffer = allocate(CHUNK_BYTES);
  for (;;) {
    const options = { lengthBytes: CHUNK_BYTES }; // no offsets: the descriptors' own positions
    let got = 0;
    if (door === "copy_file_range") got = tryCopyFileRange(from, to, options);
    else if (door === "sendfile") got = trySendFile(from, to, options);
    else {
      got = read(from, buffer);
      writeAll(to, buffer, { lengthBytes: got });
    }
    if (got < 0) throw new Inconclusive(`${door} is refused here with errno ${-got}`);
    if (got === 0) return bytes;
    bytes += got;
  }
}

const TITLE = "One position for two consumers";

await runReproducer({
  name: "shared-position-input",
  summary: "two consumers of one open file by sendfile or copy_file_range: does each get bytes of its own?",
  known: {
    fix: "",
    firstFixed: [],
    source: "bad on 6.12.113, 6.18.44, 7.2.13 and 7.3.4",
    avoid: "give each consumer an open file of its own, or offsets instead of the position",
  },
  racyPath: "the two consumers' calls overlapped in time",
  positionals: { dir: { kind: "path", optional: true, description: "where the files go" } },
  options: {
    door: { kind: "choice", choices: [...DOORS, "both"], default: "both", description: "how both consumers take" },
    records: { kind: "count", default: 1024, min: 64, max: 65536, description: "records of 4 KiB in the input" },
    rounds: { kind: "count", default: 6, min: 1, max: 1000, description: "tries for each door" },
    seconds: { kind: "duration", default: "30s", description: "no further try after this long" },
  },
  run: async (run) => {
    const { records, rounds, seconds, dir: directory } = run.args;
    const another = (round: number, most: number) =>
      round < most && !run.stopped && (round === 0 || run.elapsedSeconds < seconds);
    const { fd: input } = scratchFile(run, { directory, name: "shared-position-input" });
    using buffer = allocate(RECORD_BYTES);
    for (let sequence = 0; sequence < records; sequence += 1) {
      fillRecords(buffer.bytes, { writer: 1, generation: 1, sequence, lengthBytes: RECORD_BYTES });
      writeAll(input, buffer);
    }
    const tallies = [{ writer: 1, recordBytes: RECORD_BYTES, records, partial: [] }];
    using threads = await startThreads(2);
    const { tally } = run;

    for (const door of [CONTROL, ...DOORS.filter((name) => run.args.door === name || run.args.door === "both")]) {
      const output = (which: string) => scratchFile(run, { directory, name: `shared-position-out-${which}` });
      const outputs = [output("a"), output("b")] as const;
      let bad = 0;
      let line = "";
      for (let round = 0; bad === 0 && another(round, door === CONTROL ? 2 : rounds); round += 1) {
        // 1. The input at its beginning, the outputs empty.
        for (const fd of [input, ...outputs.map((output) => output.fd)]) seek(fd, { offsetBytes: 0, whence: SEEK_SET });
        for (const { fd } of outputs) truncate(fd, { lengthBytes: 0 });

        // 2. Both consumers begin together; each returns what it got.
        const runners = outputs.map(({ fd }) => runner(consume, input, fd, door));
        const { results, overlapped } = await race(runners, { threads });
        const gotBytes = results.reduce((sum, bytes) => sum + bytes, 0);

        // 3. What the two got, one behind the other.
        using first = readWhole(outputs[0].fd);
        using second = readWhole(outputs[1].fd);
        const both = Buffer.concat([first.bytes, second.bytes]);
        const cause = `${door} by two consumers of one open file gave out ${gotBytes} bytes of ${records * RECORD_BYTES}`;
        const judged = await accountLog(run, both, { lookFor: "repeated", generation: 1, tallies, cause });
        bad = judged.bad;
        tally.wroteMany(2, gotBytes);
        tally.judged(judged, { control: door === CONTROL ? door : undefined });
        if (door !== CONTROL) tally.tried(overlapped);
        line = `${door}: ${bad} of ${records} records were given out twice, round ${round + 1}`;
      }
      tally.line(TITLE, line);
      if (bad > 0) for (const { keep } of outputs) keep();
    }
    for (const promise of PROMISES) tally.line(TITLE, promise);
  },
});
