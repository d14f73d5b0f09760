#!/usr/bin/env bun
/**
 * btrfs-direct-append: does an append by direct I/O that stops half-way leave the file as long as the call said?
 *
 * What is exercised: one write(2) on a btrfs file opened with O_DIRECT and O_APPEND, from a buffer whose upper half cannot
 * be read. Direct I/O moves the end of the file, stops at the bad page and falls back to buffered writing, which starts
 * at the new end instead of the old one.
 * What broken looks like: the call fails (EFAULT) or is short, and the file has grown by more than it returned: zeros,
 * or bytes that were never acknowledged. A caller that tries again appends behind them.
 * write(2): on error "-1 is returned"; POSIX: with O_APPEND "the file offset shall be set to the end of the file prior to
 * each write", and a write that returns n has written n bytes.
 * Since when, fixed by: bad on 6.1.176; "btrfs: fix incorrect buffered IO fallback for append direct writes" (6.1.178,
 * 6.12.97). 6.12.90 lacks that fix and is clean in this case; 6.1.192 has it, and there the call still fails although the
 * file has grown by the half that could be read.
 * Who is hit: databases and loggers that append with direct I/O and meet a bad page, or memory that is short.
 * Control: the same buffered append (without O_DIRECT).
 * Needs: root and mkfs.btrfs, or a directory on btrfs.
 * Run: bun run btrfs-direct-append.ts [DIR]
 */
import {
  allocate,
  counter,
  judgeBytes,
  KiB,
  mapAnonymous,
  MiB,
  mprotect,
  needsFilesystem,
  openFile,
  PAGE_BYTES,
  placeOnFilesystem,
  read,
  runReproducer,
  scratchFile,
  statFd,
  tryWrite,
  write,
} from "bytewitness";
import { O_APPEND, O_DIRECT, O_RDONLY, O_RDWR, PROT_NONE } from "bytewitness/uapi";

const FILESYSTEM = { type: "btrfs" };
const HEAD_BYTES = PAGE_BYTES;
/** How much of each append can be read, a half: less than a bio holds, and more. */
const GOOD_BYTES = [4 * KiB, 32 * KiB, 2 * MiB] as const;
const HOW = ["buffered (control)", "O_DIRECT"] as const;

await runReproducer({
  name: "btrfs-direct-append",
  summary: "an O_DIRECT|O_APPEND write on btrfs that stops half-way: is the file as long as the call reported?",
  events: [
    "btrfs:btrfs_ordered_extent_add",
    "btrfs:btrfs_ordered_extent_remove",
    "btrfs:btrfs_ordered_extent_mark_finished",
    "kretprobe:btrfs_direct_write",
    "kretprobe:btrfs_file_write_iter",
  ],
  known: {
    fix: "btrfs: fix incorrect buffered IO fallback for append direct writes",
    firstFixed: ["6.1.178", "6.12.97"],
    source:
      "changelogs of linux 6.1.178-1 and 6.12.97-1; bad on 6.1.176, clean on 6.12.90, 6.12.117 and 6.18.44; 6.1.192 still fails with the file grown",
  },
  racyPath: "the direct write did not write all that it named",
  positionals: { dir: { kind: "path", optional: true, description: "a directory on btrfs" } },
  requires: [needsFilesystem(FILESYSTEM)],
  run: (run) => {
    const place = placeOnFilesystem(run, { ...FILESYSTEM, capacityBytes: 512 * MiB, directory: run.args.dir });
    const pattern = counter();
    const { tally } = run;
    tally.line("The append", place.description);
    using back = allocate(8 * MiB);

    for (const [goodBytes, how] of GOOD_BYTES.flatMap((bytes) => HOW.map((name) => [bytes, name] as const))) {
      const askedBytes = 2 * goodBytes;
      const name = `btrfs-direct-append-${how === "O_DIRECT" ? "direct" : "control"}`;
      const scratch = scratchFile(run, { directory: place.directory, name });
      scratch.fd.close();
      using file = openFile(scratch.path, { flags: O_RDWR | O_APPEND | (how === "O_DIRECT" ? O_DIRECT : 0) });

      // 1. The stream's first page, so that an append is not at 0.
      using head = mapAnonymous({ lengthBytes: HEAD_BYTES });
      pattern.fill(head.bytes, 0);
      const headBytes = tally.wrote("write (head)", HEAD_BYTES, write(file, head)).result;

      // 2. The append: only the first half of what it names can be read.
      using buffer = mapAnonymous({ lengthBytes: askedBytes });
      pattern.fill(buffer.bytes, HEAD_BYTES);
      mprotect(buffer, { protection: PROT_NONE, offsetBytes: goodBytes, lengthBytes: askedBytes - goodBytes });
      const call = tally.wrote(`write (${how})`, askedBytes, tryWrite(file, buffer));
      if (how === "O_DIRECT") tally.tried(call.result < askedBytes);

      // 3. The file must be what was acknowledged, and no longer.
      const sizeBytes = statFd(file).sizeBytes;
      using reading = openFile(scratch.path, { flags: O_RDONLY });
      const readBytes = read(reading, back, { offsetBytes: 0 });
      const expectBytes = headBytes + Math.max(0, call.result);
      const judged = judgeBytes(back.bytes.subarray(0, readBytes), { pattern, expectBytes, file: scratch.path });
      tally.judged(judged, { file: scratch, calls: [call] });
      tally.line(
        "The append",
        `${how}, ${askedBytes} bytes: write returned ${call.result}, the file grew by ${sizeBytes - HEAD_BYTES}`,
      );
    }
    return place.where;
  },
});
