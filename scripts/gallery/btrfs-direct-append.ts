#!/usr/bin/env bun
/**
 * btrfs-direct-append: does an append by direct I/O that is finished by buffered writing keep every byte in its place?
 *
 * What is exercised: one writev(2) on a btrfs file opened with O_DIRECT and O_APPEND, whose last page direct I/O cannot
 * use. Direct I/O moves the end of the file for all of it, writes what comes before that page, and falls back to buffered
 * writing, which starts at the new end instead of where direct I/O stopped.
 * What broken looks like: the call returns all that it was asked, and the file has grown by more: a page of zeros before
 * the last one; on older kernels (6.1.176) zeros in place of everything that direct I/O had written, too.
 * POSIX, write: with O_APPEND "the file offset shall be set to the end of the file prior to each write", and a write that
 * returns n has written n bytes there.
 * Since when, fixed by: bad on 6.1.176 and 6.12.90; "btrfs: fix incorrect buffered IO fallback for append direct writes"
 * (6.1.178, 6.12.97, 7.1.4, 7.2); good on 6.1.192 and 6.18.44. (5.10 refuses the page: the racy path is never entered.)
 * Who is hit: databases and loggers that append with direct I/O while memory is short (a page of the buffer is reclaimed
 * between two attempts: a thread that evicts pages shows the same on 6.1.176), and those that write from device memory.
 * The page here is the clock's, [vvar], which no direct I/O can pin, so that the fallback is certain.
 * Control: the same append without O_DIRECT. Not judged: an append that fails. write(2), NOTES: with direct I/O an error
 * "does not mean the entire write has failed"; 6.1.192 fails with EFAULT on an unreadable page, and the file has grown.
 * Needs: root and mkfs.btrfs, or a directory on btrfs. No checksums (nodatasum): with them newer kernels never write directly.
 * Run: bun run btrfs-direct-append.ts [DIR]
 */
import { readFileSync } from "node:fs";
import {
  allocate,
  counter,
  IoVectors,
  judgeBytes,
  type KernelBuffer,
  KiB,
  MiB,
  mapAnonymous,
  needsFilesystem,
  openFile,
  PAGE_BYTES,
  placeOnFilesystem,
  read,
  runReproducer,
  scratchFile,
  statFd,
  tryWriteVectors,
  write,
} from "bytewitness";
import { O_APPEND, O_DIRECT, O_RDONLY, O_RDWR } from "bytewitness/uapi";

const FILESYSTEM = { type: "btrfs", mountOptions: "nodatasum" };
const HEAD_BYTES = PAGE_BYTES;
/** How much of each append direct I/O can write: less than a bio holds, and more. */
const DIRECT_BYTES = [4 * KiB, 32 * KiB, 2 * MiB] as const;
const HOW = ["buffered (control)", "O_DIRECT"] as const;

/** Where the kernel has mapped the clock's page: readable memory without a struct page behind it. vdso(7), proc(5). */
function clockAddress(): number | undefined {
  const line = /^([0-9a-f]+)-.* \[vvar\]$/m.exec(readFileSync("/proc/self/maps", "utf8"));
  return line?.[1] === undefined ? undefined : Number.parseInt(line[1], 16);
}

/** The clock's page as a part of a writev. It is there as long as the process is. */
function clockPage(): KernelBuffer {
  const address = clockAddress() ?? 0;
  return { lengthBytes: PAGE_BYTES, at: (offsetBytes) => address + offsetBytes, pin: () => {}, unpin: () => {} };
}

await runReproducer({
  name: "btrfs-direct-append",
  summary: "a direct append on btrfs that buffered writing finishes: is every byte where the call put it?",
  events: [
    "btrfs:btrfs_ordered_extent_add",
    "btrfs:btrfs_ordered_extent_remove",
    "btrfs:btrfs_ordered_extent_mark_finished",
    "kretprobe:btrfs:btrfs_direct_write",
    "kretprobe:btrfs:btrfs_file_write_iter",
  ],
  known: {
    fix: "btrfs: fix incorrect buffered IO fallback for append direct writes",
    firstFixed: ["6.1.178", "6.12.97", "7.1.4", "7.2"],
    source: "changelogs of linux 6.1.180-1, 6.12.100-1 and 7.1.4-1; bad on 6.1.176 and 6.12.90, clean on 6.1.192",
    avoid: "append without O_DIRECT",
  },
  racyPath: "an append by direct I/O was finished by buffered writing",
  positionals: { dir: { kind: "path", optional: true, description: "a directory on btrfs, best without checksums" } },
  requires: [
    needsFilesystem(FILESYSTEM),
    { name: "the clock's page", probe: () => (clockAddress() === undefined ? "no [vvar] in this process" : undefined) },
  ],
  run: (run) => {
    const place = placeOnFilesystem(run, { ...FILESYSTEM, capacityBytes: 512 * MiB, directory: run.args.dir });
    const direct = /\bnodata(sum|cow)\b/.test(place.where.mountOptions ?? "");
    const pattern = counter();
    const { tally } = run;
    tally.line(
      "The append",
      place.description + (direct ? "" : "; with checksums, so newer kernels write all buffered"),
    );
    using back = allocate(8 * MiB);

    for (const [directBytes, how] of DIRECT_BYTES.flatMap((bytes) => HOW.map((name) => [bytes, name] as const))) {
      const name = `btrfs-direct-append-${how === "O_DIRECT" ? "direct" : "control"}`;
      const scratch = scratchFile(run, { directory: place.directory, name });
      scratch.fd.close();
      using file = openFile(scratch.path, { flags: O_RDWR | O_APPEND | (how === "O_DIRECT" ? O_DIRECT : 0) });

      // 1. The stream's first page, so that an append is not at 0.
      using head = mapAnonymous({ lengthBytes: HEAD_BYTES });
      pattern.fill(head.bytes, 0);
      const headBytes = tally.wrote("write (head)", HEAD_BYTES, write(file, head)).result;

      // 2. The append: memory that direct I/O can read, and a last page that it cannot.
      using buffer = mapAnonymous({ lengthBytes: directBytes });
      pattern.fill(buffer.bytes, HEAD_BYTES);
      using vectors = new IoVectors(2).add(buffer).add(clockPage());
      const askedBytes = vectors.lengthBytes;
      const call = tally.wrote(`writev (${how})`, askedBytes, tryWriteVectors(file, vectors));
      const whole = call.result === askedBytes;
      if (how === "O_DIRECT") tally.tried(whole && direct);
      const grewBytes = statFd(file).sizeBytes - headBytes;
      tally.line(
        "The append",
        `${how}, ${askedBytes} bytes: writev returned ${call.result}, the file grew by ${grewBytes}`,
      );
      if (!whole) continue;

      // 3. The clock's page is the last one, and has no contents to compare. What comes before it is the stream.
      using reading = openFile(scratch.path, { flags: O_RDONLY });
      const readBytes = read(reading, back, { offsetBytes: 0 });
      const expected = { pattern, expectBytes: headBytes + directBytes, file: scratch.path };
      const judged = judgeBytes(back.bytes.subarray(0, Math.max(0, readBytes - PAGE_BYTES)), expected);
      tally.judged(judged, {
        file: scratch,
        calls: [call],
        control: how === "O_DIRECT" ? undefined : "a buffered append",
      });
    }
    return place.where;
  },
});
