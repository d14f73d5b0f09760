#!/usr/bin/env bun
/**
 * exfat-append: does a file on exFAT show what a deleted file left on the disk, after ftruncate and an append?
 *
 * What is exercised: a file is made longer by ftruncate(2); exFAT keeps apart how long it is and how much of it was ever
 * written ("valid size"), and reads zeros behind the latter. An O_APPEND write at the new end then moves the valid size
 * to its own end without zeroing what lies between.
 * What broken looks like: after the next mount the gap is the contents of deleted files. No call failed.
 * POSIX, ftruncate: "the extended area shall appear as if it were zero-filled".
 * Since when, fixed by: bad on 6.12.43 to 6.12.117 and 7.2.13, good on 5.10.262 and 6.1.192; "exfat: advance valid_size to
 * EOF for append writes" (6.12.118, 7.3.4).
 * Who is hit: logs and recordings that are allocated first and appended to, on SD cards and USB sticks.
 * Control: the same bytes written by pwrite(2) at the same place.
 * Needs: root, exFAT in the kernel, mkfs.exfat (package exfatprogs); or a directory on a small exFAT.
 * Run: bun run exfat-append.ts [DIR]
 */
import {
  allocate,
  counter,
  type Finding,
  judgeBytes,
  KiB,
  loadsFilesystem,
  MiB,
  needsFilesystem,
  openFile,
  placeOnFilesystem,
  read,
  runReproducer,
  type ScratchFile,
  scratchFile,
  sync,
  syncAll,
  truncate,
  tryWrite,
  write,
  zero,
} from "bytewitness";
import { O_APPEND, O_RDONLY, O_WRONLY } from "bytewitness/uapi";

const FILESYSTEM = { type: "exfat", capacityBytesMax: 256 * MiB };
const HEAD_BYTES = 4 * KiB;
const LONG_BYTES = 512 * KiB;
const TAIL_BYTES = 4 * KiB;
const OLD = 5; // the generation of the deleted file's contents

/** Fills the file system with a file that is then deleted: its contents stay on the disk. */
function leaveOldContents(old: ScratchFile): number {
  using buffer = allocate(64 * KiB);
  const pattern = counter({ generation: OLD });
  let bytes = 0;
  for (let got = 1; got > 0; bytes += Math.max(0, got)) {
    pattern.fill(buffer.bytes, bytes);
    got = tryWrite(old.fd, buffer);
  }
  sync(old.fd);
  old.remove();
  syncAll();
  return bytes;
}

await runReproducer({
  name: "exfat-append",
  summary: "ftruncate makes a file on exFAT longer, an append follows: is the gap zeros?",
  events: [
    "kretprobe:exfat:exfat_file_write_iter",
    "kprobe:exfat:exfat_setattr",
    "kretprobe:exfat:exfat_map_cluster",
    "filemap:mm_filemap_add_to_page_cache",
    "block:block_bio_queue",
  ],
  known: {
    fix: "exfat: advance valid_size to EOF for append writes",
    firstFixed: ["6.12.118", "7.3.4"],
    affectedSince: "6.12",
    source: "changelogs of linux 6.12.118-1 and 7.3.4-1; bad on 6.12.43, 6.12.113, 6.12.117 and 7.2.13",
  },
  systemWide: () => loadsFilesystem("exfat"),
  racyPath: "a sequence of calls, no race",
  positionals: { dir: { kind: "path", optional: true, description: "a directory on a small exFAT; it is filled up" } },
  requires: [needsFilesystem(FILESYSTEM)],
  run: (run) => {
    const place = placeOnFilesystem(run, { ...FILESYSTEM, capacityBytes: 16 * MiB, directory: run.args.dir });
    const oldBytes = leaveOldContents(scratchFile(run, { directory: place.directory, name: "exfat-append-old" }));
    const { tally } = run;
    tally.tried();
    tally.line("The gap", place.description);
    tally.line("The gap", `${oldBytes} bytes of a deleted file are on it`);
    using buffer = allocate(LONG_BYTES + TAIL_BYTES);

    for (const how of ["pwrite (control)", "O_APPEND"] as const) {
      const name = `exfat-append-${how === "O_APPEND" ? "appended" : "control"}`;
      const scratch = scratchFile(run, { directory: place.directory, name });
      buffer.bytes.fill(0x41);
      {
        // 1. A short file, made longer: zeros from its head to the new end.
        using file = scratch.fd;
        tally.wrote("write (head)", HEAD_BYTES, write(file, buffer, { lengthBytes: HEAD_BYTES }));
        truncate(file, { lengthBytes: LONG_BYTES });

        // 2. The next bytes, at that end.
        using appending = openFile(scratch.path, { flags: how === "O_APPEND" ? O_WRONLY | O_APPEND : O_WRONLY });
        const written =
          how === "O_APPEND"
            ? write(appending, buffer, { lengthBytes: TAIL_BYTES })
            : write(appending, buffer, { offsetBytes: LONG_BYTES, lengthBytes: TAIL_BYTES });
        tally.wrote(how, TAIL_BYTES, written);
        sync(file);
      }

      // 3. What a reader gets from the disk.
      const readHow = place.readAnew();
      using again = openFile(scratch.path, { flags: O_RDONLY });
      const readBytes = read(again, buffer, { offsetBytes: 0 });
      const gap = buffer.bytes.subarray(HEAD_BYTES, Math.min(readBytes, LONG_BYTES));
      const expected = { pattern: zero(), startBytes: HEAD_BYTES, expectBytes: LONG_BYTES, file: scratch.path };
      const judged = judgeBytes(gap, expected);
      const findings = judged.findings.map((finding) => stale(finding, buffer.bytes));
      const bad = tally.judged(
        { ...judged, findings },
        { file: scratch, calls: tally.callsSince(tally.callCount - 1) },
      );
      tally.line("The gap", `the gap after ${how}, read ${readHow}: ${bad ? "not zeros" : "zeros"}`);
    }
    return place.where;
  },
});

/** Bytes that are the deleted file's in its own order are stale, and where they were in it is known. */
function stale(finding: Finding, bytes: Uint8Array): Finding {
  const { offsetBytes, lengthBytes } = finding;
  const found = bytes.slice(offsetBytes, offsetBytes + lengthBytes);
  const originBytes = 8 * Number(new DataView(found.buffer).getBigUint64(0, true) & 0xff_ffff_ffffn);
  const old = {
    pattern: counter({ generation: OLD }),
    startBytes: originBytes,
    expectBytes: originBytes + lengthBytes,
  };
  if (judgeBytes(found, old).findings.length > 0) return finding;
  return { ...finding, kind: "stale", originBytes, label: "the deleted file" };
}
