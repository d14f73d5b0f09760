#!/usr/bin/env bun
/**
 * ext4-seek-data: does a copy that asks SEEK_DATA where the data is, as cp, tar -S and rsync -S do, copy all of it?
 *
 * What is exercised: data written behind a hole and not yet on disk (delayed allocation), in an ext4 file with indirect
 * block maps: disks that began as ext3, or mkfs.ext4 -O ^extent. A copy from data to data is judged against the stream.
 * What broken looks like: lseek(SEEK_DATA) answers ENXIO, "only a hole follows"; the copy is zeros and no call failed.
 * lseek(2): "SEEK_DATA: adjust the file offset to the next location in the file greater than or equal to offset
 * containing data"; a file system may report too much data, never too little.
 * Since when, fixed by: bad on 6.12.43 to 6.12.116, 6.18.44 and 7.2.13, good on 5.10.262 and 6.1.192; "ext4: don't report
 * delalloc data as a hole on indirect-mapped inodes" (6.12.117, 7.3.4).
 * Who is hit: whoever copies, archives or backs up a file within seconds of writing it, on a file system like this.
 * Control: the same copy after fsync(2), when the blocks are allocated; it must be whole.
 * Needs: root and mkfs.ext4, or a directory on an ext4 like this.
 * Run: bun run ext4-seek-data.ts [DIR]
 */
import {
  allocate,
  counter,
  type Fd,
  judgeBytes,
  KiB,
  MiB,
  needsFilesystem,
  nextData,
  placeOnFilesystem,
  read,
  runReproducer,
  scratchFile,
  sync,
  type Tally,
  truncate,
  write,
} from "bytewitness";

const HOLE_BYTES = MiB;
const DATA_BYTES = 256 * KiB;
const END_BYTES = HOLE_BYTES + DATA_BYTES;
const FILESYSTEM = { type: "ext4", mkfsOptions: ["-O", "^extent,^64bit"] };

/** The copy of every tool that knows holes: from data to data, then the length. Returns the bytes it copied. */
function sparseCopy(source: Fd, copy: Fd, tally: Tally): number {
  using buffer = allocate(DATA_BYTES);
  let copied = 0;
  for (let range = nextData(source, { offsetBytes: 0 }); range !== undefined; ) {
    const lengthBytes = Math.min(range.lengthBytes, DATA_BYTES);
    const got = read(source, buffer, { offsetBytes: range.offsetBytes, lengthBytes });
    copied += write(copy, buffer, { offsetBytes: range.offsetBytes, lengthBytes: got });
    tally.called("copy of data", lengthBytes, got);
    range =
      range.offsetBytes + got < END_BYTES ? nextData(source, { offsetBytes: range.offsetBytes + got }) : undefined;
  }
  truncate(copy, { lengthBytes: END_BYTES });
  return copied;
}

await runReproducer({
  name: "ext4-seek-data",
  summary: "a sparse copy of fresh data on ext4 without extents: is everything copied?",
  events: [
    "ext4:ext4_da_write_begin",
    "ext4:ext4_da_reserve_space",
    "ext4:ext4_ind_map_blocks_enter",
    "ext4:ext4_ind_map_blocks_exit",
    "kretprobe:ext4:ext4_llseek",
    "ext4:ext4_sync_file_enter",
  ],
  known: {
    fix: "ext4: don't report delalloc data as a hole on indirect-mapped inodes",
    firstFixed: ["6.12.117", "7.3.4"],
    affectedSince: "6.12",
    source: "changelogs of linux 6.12.117-1 and 7.3.4-1; run on 5.10.262 and 6.1.192 (clean), 6.12.43, 6.18.44, 7.2.13",
  },
  racyPath: "a sequence of calls, no race",
  positionals: { dir: { kind: "path", optional: true, description: "a directory on an ext4 without extents" } },
  requires: [needsFilesystem(FILESYSTEM)],
  run: (run) => {
    const place = placeOnFilesystem(run, { ...FILESYSTEM, capacityBytes: 64 * MiB, directory: run.args.dir });
    const { tally } = run;
    const file = (name: string) => scratchFile(run, { directory: place.directory, name: `ext4-seek-data-${name}` });
    const [source, fresh, settled] = [file("source"), file("fresh"), file("settled")] as const;
    const pattern = counter();
    using buffer = allocate(DATA_BYTES);

    // 1. Data behind a hole. It lies in the page cache; its blocks are not allocated yet.
    pattern.fill(buffer.bytes, HOLE_BYTES);
    const call = tally.wrote("pwrite", DATA_BYTES, write(source.fd, buffer, { offsetBytes: HOLE_BYTES }));

    // 2. The copy at once, and the control: the same copy after fsync.
    const copied = sparseCopy(source.fd, fresh.fd, tally);
    sync(source.fd);
    const settledCopied = sparseCopy(source.fd, settled.fd, tally);

    // 3. Both copies against the stream that was written.
    for (const copy of [fresh, settled]) {
      const lengthBytes = read(copy.fd, buffer, { offsetBytes: HOLE_BYTES });
      const expected = { pattern, startBytes: HOLE_BYTES, expectBytes: END_BYTES, file: copy.path };
      tally.judged(judgeBytes(buffer.bytes.subarray(0, lengthBytes), expected), { file: copy, calls: [call] });
    }
    tally.tried();
    const title = "What SEEK_DATA led the copies to";
    tally.line(title, place.description);
    tally.line(title, `at once: ${copied} of ${DATA_BYTES} bytes copied; control, after fsync: ${settledCopied}`);
    return place.where;
  },
});
