#!/usr/bin/env bun
/**
 * past-the-end: do bytes that were stored behind the end of a file, through a mapping, become data when the file grows?
 *
 * What is exercised: a file that ends inside a page is mapped, and the rest of that page is stored to. Then the file
 * grows over it in one of five ways: ftruncate, pwrite behind a gap, fallocate, copy_file_range, splice.
 * What broken looks like: the gap between the old end and the new data holds what was stored there, not zeros.
 * POSIX, mmap: "the system shall never write out any modified portions of the last page of an object which are beyond its
 * end"; ftruncate: "the extended area shall appear as if it were zero-filled". mmap(2): "the effect of changes to the
 * portion of the page beyond the end of the file … are not written to the file".
 * Since when, fixed by: tmpfs on every kernel tried, 5.10.218 to 7.3.4; ext4 on 5.10.218 and 6.1.170, not on 6.12.43 and
 * later; XFS with fallocate only, on 5.10 and 6.1.
 * Who is hit: programs that map files of odd lengths and append to them otherwise; what leaks is their own memory.
 * Control: the same growth of a file where only the bytes before the end were stored to.
 * Needs: a writable directory (/dev/shm unless given, the lab's disk in a guest).
 * Run: bun run past-the-end.ts [DIR] [--by pwrite]
 */
import {
  allocate,
  copyFileRange,
  type Fd,
  fallocate,
  judgeBytes,
  type Memory,
  mapFile,
  openPipe,
  PAGE_BYTES,
  read,
  runReproducer,
  scratchFile,
  splice,
  truncate,
  write,
  zero,
} from "bytewitness";

const DATA_BYTES = 2048;
const MEMORY = "/dev/shm";
const END_BYTES = 2 * PAGE_BYTES;

/** Each makes the file two pages long without writing to its first; `page` is in the file `source` too. */
const GROWTHS: Record<string, (file: Fd, page: Memory, source: Fd) => number> = {
  ftruncate: (file) => {
    truncate(file, { lengthBytes: END_BYTES });
    return END_BYTES;
  },
  pwrite: (file, page) => write(file, page, { offsetBytes: PAGE_BYTES }),
  fallocate: (file) => {
    fallocate(file, { offsetBytes: 0, lengthBytes: END_BYTES, mode: 0 });
    return END_BYTES;
  },
  copy_file_range: (file, _page, source) =>
    copyFileRange(source, file, { lengthBytes: PAGE_BYTES, fromOffsetBytes: 0, toOffsetBytes: PAGE_BYTES }),
  splice: (file, page) => {
    using pipe = openPipe();
    write(pipe.writeEnd, page);
    return splice(pipe.readEnd, file, { lengthBytes: PAGE_BYTES, toOffsetBytes: PAGE_BYTES, flags: 0 });
  },
};
const WAYS = Object.keys(GROWTHS);

await runReproducer({
  name: "past-the-end",
  summary: "bytes stored behind the end of a file through a mapping: are they data once the file grows?",
  known: { fix: "", firstFixed: [], source: "tmpfs on every kernel tried, 5.10.218 to 7.3.4" },
  racyPath: "a sequence of calls, no race",
  positionals: { dir: { kind: "path", optional: true, description: "where the files go (/dev/shm, a tmpfs)" } },
  options: { by: { kind: "choice", choices: [...WAYS, "all"], default: "all", description: "how the file grows" } },
  run: (run) => {
    const directory = run.args.dir ?? (process.env.BYTEWITNESS_DIR || MEMORY);
    const { tally } = run;
    // Evidence stays where the user wanted the files; from our default place, which is memory, it is copied out.
    if (String(directory) === MEMORY) tally.vanishing(MEMORY);
    using page = allocate(END_BYTES);
    using data = allocate(PAGE_BYTES);
    data.bytes.fill(0x43);
    const source = scratchFile(run, { directory, name: "past-the-end-source" });
    write(source.fd, data, { offsetBytes: 0 });

    for (const way of WAYS.filter((name) => run.args.by === name || run.args.by === "all")) {
      for (const control of [true, false]) {
        const name = `past-the-end-${way}${control ? "-control" : ""}`;
        const scratch = scratchFile(run, { directory, name });
        const file = scratch.fd;
        page.bytes.fill(0x41);

        // 1. The file ends inside its first page; the rest of that page is mapped memory behind the end.
        tally.wrote("write", DATA_BYTES, write(file, page, { lengthBytes: DATA_BYTES }));
        using mapping = mapFile(file, { lengthBytes: PAGE_BYTES });

        // 2. Stores behind the end; in the control, before it.
        if (control) mapping.bytes.fill(0x42, 0, DATA_BYTES);
        else mapping.bytes.fill(0x42, DATA_BYTES);

        // 3. The file grows over it. Between the old end and the new data zeros belong.
        const grow = GROWTHS[way] as (typeof GROWTHS)[string];
        const grown = tally.wrote(way, PAGE_BYTES, grow(file, data, source.fd));
        const readBytes = read(file, page, { offsetBytes: 0 });

        const gap = page.bytes.subarray(DATA_BYTES, Math.min(PAGE_BYTES, readBytes));
        const expected = { pattern: zero(), startBytes: DATA_BYTES, expectBytes: PAGE_BYTES, file: scratch.path };
        const judged = judgeBytes(gap, expected);
        const bad = tally.judged(judged, { file: scratch, calls: [grown] });
        tally.line(
          "The gap behind the old end",
          `${name.padEnd(36)} ${bad ? "stale bytes from behind the end" : "zeros"}`,
        );
      }
      tally.tried();
    }
  },
});
