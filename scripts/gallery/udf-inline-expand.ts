#!/usr/bin/env bun
/**
 * udf-inline-expand: does a small file on UDF keep its bytes when a write that would make it larger is refused?
 *
 * What is exercised: a file small enough to lie inside its own inode, written and fsynced; the volume is filled up; a write
 * that no longer fits into the inode fails, as it must, with ENOSPC. Before it fails the kernel moves the file's bytes
 * out of the inode into the page cache, for which there is no block.
 * What broken looks like: read at once, the file is as it was; read after the next mount, all of it is zeros: data that
 * fsync(2) had returned for is destroyed by a call that failed.
 * write(2): on error "-1 is returned", and nothing was written; fsync(2): data can be retrieved "even if the system
 * crashes or is rebooted".
 * Since when, fixed by: bad on 6.12.107, good on 6.12.113: "udf: Fix data loss when converting inline inodes to out of
 * line".
 * Who is hit: small files on optical and USB media that run full.
 * Control: a second small file that is not written to after its fsync.
 * Needs: root, UDF in the kernel, mkfs.udf (package udftools); or a directory on a small UDF.
 * Run: bun run udf-inline-expand.ts [DIR]
 */
import {
  allocate,
  counter,
  type Fd,
  judgeBytes,
  KiB,
  loadsFilesystem,
  MiB,
  needsFilesystem,
  openFile,
  placeOnFilesystem,
  read,
  runReproducer,
  scratchFile,
  sync,
  syncAll,
  tryWrite,
  write,
} from "bytewitness";
import { ERRNO, O_RDONLY } from "bytewitness/uapi";

const FILESYSTEM = { type: "udf", capacityBytesMax: 256 * MiB };
const SMALL_BYTES = 200; // fits into the inode, which is a block of 512 bytes
const MORE_BYTES = 4 * KiB; // does not

/** Writes until nothing more fits, in ever smaller pieces; the bytes that did. */
function fillUp(file: Fd): number {
  using buffer = allocate(64 * KiB);
  let bytes = 0;
  for (const lengthBytes of [64 * KiB, 2 * KiB, 512]) {
    for (let got = tryWrite(file, buffer, { lengthBytes }); got > 0; got = tryWrite(file, buffer, { lengthBytes })) {
      bytes += got;
    }
  }
  sync(file);
  syncAll();
  return bytes;
}

await runReproducer({
  name: "udf-inline-expand",
  summary: "a write refused with ENOSPC on UDF: does the small file keep the bytes that it had?",
  known: {
    fix: "udf: Fix data loss when converting inline inodes to out of line",
    firstFixed: ["6.12.112"],
    source: "changelog of linux 6.12.113-1; run on 6.12.107 (bad) and 6.12.113 (clean)",
  },
  systemWide: () => loadsFilesystem("udf"),
  racyPath: "the write was refused with ENOSPC",
  positionals: { dir: { kind: "path", optional: true, description: "a directory on a small UDF; it is filled up" } },
  requires: [needsFilesystem(FILESYSTEM)],
  run: (run) => {
    const place = placeOnFilesystem(run, { ...FILESYSTEM, capacityBytes: 8 * MiB, directory: run.args.dir });
    const { tally } = run;
    const files = ["written", "control"].map((name, generation) => {
      const file = scratchFile(run, { directory: place.directory, name: `udf-inline-expand-${name}` });
      return { ...file, pattern: counter({ generation: generation + 1 }) };
    });
    using buffer = allocate(SMALL_BYTES + MORE_BYTES);

    // 1. Two small files, safe on the disk: fsync has returned.
    for (const { fd, pattern } of files) {
      pattern.fill(buffer.bytes, 0);
      tally.wrote("write", SMALL_BYTES, write(fd, buffer, { lengthBytes: SMALL_BYTES }));
      sync(fd);
    }

    // 2. The volume runs full.
    const filler = scratchFile(run, { directory: place.directory, name: "udf-inline-expand-filler" });
    const filledBytes = fillUp(filler.fd);
    tally.wroteMany(0, filledBytes);

    // 3. One more write to the first file, too long for its inode. It is refused, and nothing else may happen.
    const [written] = files as [(typeof files)[number]];
    written.pattern.fill(buffer.bytes, 0);
    const part = { bufferOffsetBytes: SMALL_BYTES, lengthBytes: MORE_BYTES };
    const call = tally.wrote("pwrite", MORE_BYTES, tryWrite(written.fd, buffer, { offsetBytes: SMALL_BYTES, ...part }));
    for (const { fd } of [...files, filler]) fd.close();

    // 4. Both files as they are on the disk.
    const readHow = place.readAnew();
    tally.tried(call.result === -ERRNO.ENOSPC);
    tally.line("The full volume", place.description);
    tally.line("The full volume", `filled with ${filledBytes} bytes; the write returned ${call.result}`);
    for (const file of files) {
      const { path, pattern } = file;
      using back = openFile(path, { flags: O_RDONLY });
      const readBytes = read(back, buffer, { offsetBytes: 0 });
      const expectBytes = SMALL_BYTES + (path === written.path ? Math.max(0, call.result) : 0);
      const judged = judgeBytes(buffer.bytes.subarray(0, readBytes), { pattern, expectBytes, file: path });
      const bad = tally.judged(judged, { file, calls: [call] });
      tally.line("The full volume", `${path}, read ${readHow}: ${bad ? "not what was fsynced" : "whole"}`);
    }
    return place.where;
  },
});
