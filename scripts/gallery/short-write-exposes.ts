#!/usr/bin/env bun
/**
 * short-write-exposes: does a write that stops half-way leave bytes in the file that were never written?
 *
 * What is exercised: buffered pwrite(2) into a hole on XFS from a buffer whose end cannot be read (PROT_NONE): the
 * kernel has prepared page cache for the whole length, copies what it can and returns the short count.
 * What broken looks like: behind the bytes that were acknowledged the file shows old kernel memory, not the hole's zeros:
 * the cache was marked as filled though only a part was. What comes may be any program's; it can reach the disk.
 * write(2): "The number of bytes written may be less than count"; what was not written has not changed: a hole reads
 * "as null bytes" (lseek(2)).
 * Since when, fixed by: bad on 6.12.117, 6.18.44 and 7.2.13; "iomap: don't mark unwritten parts of a folio uptodate"
 * (6.12.118, 7.3.4). With init_on_alloc=1, the default of Debian's kernels, new memory is zero and nothing is seen.
 * Who is hit: a write whose buffer ends in memory of a truncated or punched mapping; a way to read others' memory.
 * Control: the same writes, short ones too, to a file on a tmpfs.
 * Needs: root and mkfs.xfs, or a directory on XFS.
 * Run: bun run short-write-exposes.ts [DIR] [--tries 300]
 */
import { readFileSync } from "node:fs";
import {
  allocate,
  counter,
  filesystemOf,
  judgeBytes,
  KiB,
  type Memory,
  MiB,
  mapAnonymous,
  mprotect,
  needsFilesystem,
  PAGE_BYTES,
  placeOnFilesystem,
  type Random,
  read,
  runReproducer,
  scratchFile,
  truncate,
  tryWrite,
  zero,
} from "bytewitness";
import { PROT_NONE } from "bytewitness/uapi";

const FILESYSTEM = { type: "xfs" };
const FILE_BYTES = MiB;
const FINDINGS_MAX = 3;
const TITLE = "Short writes";

/** Leaves memory with contents behind, so that what a file may show by mistake is not zero. */
function dirtyMemory(): void {
  using mapping = mapAnonymous({ lengthBytes: 32 * MiB });
  counter({ generation: 77 }).fill(mapping.bytes, 0);
}

/** A write whose source is readable only in its first bytes; the file as it is afterwards lies in `back`. */
function shortWrite(
  run: Parameters<typeof scratchFile>[0],
  where: { directory: string; back: Memory; random: Random },
) {
  const { directory, back, random } = where;
  const scratch = scratchFile(run, { directory, name: "short-write-exposes" });
  const file = scratch.fd;
  truncate(file, { lengthBytes: FILE_BYTES });
  const goodBytes = 1 + random.below(20_000);
  const askedBytes = Math.min(512 * KiB, goodBytes + 1 + random.below(200_000));
  const offsetBytes = 512 * random.below(200);

  // The readable bytes end where a page ends; behind it nothing may be read.
  const readableBytes = Math.ceil(goodBytes / PAGE_BYTES) * PAGE_BYTES;
  using mapping = mapAnonymous({ lengthBytes: readableBytes + Math.ceil(askedBytes / PAGE_BYTES) * PAGE_BYTES });
  counter().fill(mapping.bytes.subarray(readableBytes - goodBytes, readableBytes), offsetBytes);
  mprotect(mapping, {
    protection: PROT_NONE,
    offsetBytes: readableBytes,
    lengthBytes: mapping.lengthBytes - readableBytes,
  });

  const part = { bufferOffsetBytes: readableBytes - goodBytes, lengthBytes: askedBytes };
  const result = tryWrite(file, mapping, { offsetBytes, ...part });

  // What was acknowledged, then nothing but the hole.
  const readBytes = read(file, back, { offsetBytes: 0 });
  const writtenBytes = Math.max(0, result);
  const pieces = [
    { pattern: zero(), startBytes: 0, expectBytes: offsetBytes },
    { pattern: counter(), startBytes: offsetBytes, expectBytes: offsetBytes + writtenBytes },
    { pattern: zero(), startBytes: offsetBytes + writtenBytes, expectBytes: FILE_BYTES },
  ];
  const findings = pieces.flatMap((piece) => {
    const end = Math.min(piece.expectBytes, readBytes);
    return judgeBytes(back.bytes.subarray(piece.startBytes, end), { ...piece, file: scratch.path }).findings;
  });
  return { scratch, findings, result, askedBytes, readBytes };
}

await runReproducer({
  name: "short-write-exposes",
  summary: "a write cut short by an unreadable buffer on XFS: does the rest of the file stay a hole?",
  program: "short-write-exposes",
  events: [
    "xfs:xfs_file_buffered_write",
    "iomap:iomap_iter",
    "kretprobe:iomap_file_buffered_write",
    "iomap:iomap_readpage",
    "iomap:iomap_readahead",
  ],
  known: {
    fix: "iomap: don't mark unwritten parts of a folio uptodate",
    firstFixed: ["6.12.118", "7.3.4"],
    source: "changelogs of linux 6.12.118-1 and 7.3.4-1; bad on 6.12.117, 6.18.44 and 7.2.13 with init_on_alloc=0",
  },
  racyPath: "writes on the file system that came back short",
  positionals: { dir: { kind: "path", optional: true, description: "a directory on XFS" } },
  options: { tries: { kind: "count", default: 300, min: 1, max: 100_000, description: "writes, at most" } },
  requires: [needsFilesystem(FILESYSTEM)],
  run: async (run) => {
    const place = placeOnFilesystem(run, { ...FILESYSTEM, capacityBytes: 512 * MiB, directory: run.args.dir });
    const { tally } = run;
    const seen = { "/dev/shm": { bad: 0, short: 0 }, [place.directory]: { bad: 0, short: 0 } };
    const random = run.random("writes");
    using back = allocate(FILE_BYTES);

    for (
      let attempt = 0;
      attempt < run.args.tries && tally.findings.length < FINDINGS_MAX && !run.stopped;
      attempt += 1
    ) {
      if (attempt % 20 === 0) dirtyMemory();
      for (const [directory, counts] of Object.entries(seen)) {
        const { scratch, findings, result, askedBytes, readBytes } = shortWrite(run, { directory, back, random });
        const call = tally.wrote("pwrite", askedBytes, result);
        const isShort = result >= 0 && result < askedBytes;
        if (isShort) counts.short += 1;
        if (directory === place.directory) tally.tried(isShort);
        if (tally.judged({ findings, verifiedBytes: readBytes }, { file: scratch, calls: [call] })) counts.bad += 1;
        else scratch.remove();
      }
      run.progress({ done: attempt, total: run.args.tries, bytes: tally.totals.bytesVerified });
      await run.breathe();
    }
    tally.line(TITLE, place.description);
    for (const [directory, counts] of Object.entries(seen)) {
      const on = `${filesystemOf(directory).type}${directory === "/dev/shm" ? " (control)" : ""}`;
      tally.line(TITLE, `${on}: ${counts.short} short writes, ${counts.bad} exposed memory`);
    }
    const initOnAlloc = /\binit_on_alloc=\S+/.exec(readFileSync("/proc/cmdline", "utf8"))?.[0] ?? "not given";
    tally.line(TITLE, `kernel command line: init_on_alloc ${initOnAlloc}`);
    return place.where;
  },
});
