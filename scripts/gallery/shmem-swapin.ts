#!/usr/bin/env bun
/**
 * shmem-swapin: does shared memory on huge pages come back from swap as it was?
 *
 * What is exercised: a tmpfs file of huge pages is swapped out, each huge page as one entry; it is then read from its
 * beginning. Swap readahead brings single pages of the next huge page into memory, while the file still has that
 * page's one large entry; the first of them is put in the place of all 512.
 * What broken looks like: 511 pages hold the first page's bytes. No call failed.
 * tmpfs(5): the file system's contents "may be swapped out"; nothing about them may change for that.
 * Since when, fixed by: bad on 6.12.43, good on 6.12.90 (large pages of tmpfs are swapped whole since 6.12); "mm: shmem:
 * fix potential data corruption during shmem swapin" (6.12.78).
 * Who is hit: shared memory on huge pages or on pages of several sizes, on a machine that swaps.
 * Control: the same without huge pages (huge=never).
 * Needs: a guest of the lab (an affected kernel cannot switch that swap off any more), swap, cgroup2 with memory.reclaim.
 * A large vm.page-cluster makes the readahead reach the next huge page; with smaller large pages (16 KiB) the default does.
 * Run: bun run lab.ts run --kernel 6.12.43 -- shmem-swapin.ts
 */
import os from "node:os";
import {
  allocate,
  counter,
  Judge,
  MiB,
  missing,
  type OwnSwap,
  openFile,
  ownSwap,
  type ReclaimableGroup,
  read,
  reclaimableGroup,
  runReproducer,
  scratchFilesystem,
  swapReadahead,
  truncate,
  write,
} from "bytewitness";
import { O_CREAT, O_EXCL, O_RDWR } from "bytewitness/uapi";

const BYTES = 24 * MiB;
const PAGE_CLUSTER = 10; // 2^10 pages: readahead of two huge pages

/** Writes a file, has it swapped out, reads it from its beginning: what the judge finds, and how much was swapped. */
function throughSwap(mountOptions: string, { group, swap }: { group: ReclaimableGroup; swap: OwnSwap }) {
  using tmpfs = scratchFilesystem({
    type: "tmpfs",
    capacityBytes: 64 * MiB,
    imageDirectory: os.tmpdir(),
    mountOptions,
  });
  using file = openFile(`${tmpfs.path}/file`, { flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600 });
  truncate(file, { lengthBytes: BYTES });
  const pattern = counter({ generation: 3 });
  using buffer = allocate(2 * MiB);
  for (let at = 0; at < BYTES; at += buffer.lengthBytes) {
    pattern.fill(buffer.bytes, at);
    write(file, buffer, { offsetBytes: at });
  }

  // What cannot be reclaimed at once (-EAGAIN) is tried again; usedBytes shows how much went.
  for (let attempt = 0; attempt < 4 && swap.usedBytes() < BYTES; attempt += 1) group.tryReclaim({ lengthBytes: BYTES });
  const swappedBytes = swap.usedBytes();

  const judge = new Judge({ pattern, expectBytes: BYTES, file: `a tmpfs file, ${mountOptions}` });
  for (let at = 0; at < BYTES; at += buffer.lengthBytes) {
    judge.push(buffer.bytes.subarray(0, read(file, buffer, { offsetBytes: at })));
  }
  return { ...judge.finish(), swappedBytes };
}

await runReproducer({
  name: "shmem-swapin",
  summary: "shared memory on huge pages, swapped out and in again: is it what it was?",
  known: {
    fix: "mm: shmem: fix potential data corruption during shmem swapin",
    firstFixed: ["6.12.78"],
    affectedSince: "6.12",
    source: "changelog of linux 6.12.85-1, entry of 6.12.78; bad on 6.12.43, clean on 6.12.90",
  },
  racyPath: "as much as the file holds was swapped out (/proc/swaps)",
  systemWide: "switches swap of its own on, and sets vm.page-cluster for a moment",
  requires: [
    {
      name: "a guest of the lab",
      probe: () =>
        process.env.BYTEWITNESS_GUEST === undefined
          ? "an affected kernel loses swap entries and can then not switch that swap off: run it in a guest of the lab"
          : undefined,
    },
    { name: "a tmpfs of its own", probe: () => missing.filesystem("tmpfs") },
    { name: "swap", probe: missing.swap },
    { name: "memory.reclaim", probe: missing.groupReclaim },
  ],
  run: async (run) => {
    using _readahead = await swapReadahead(run, { cluster: PAGE_CLUSTER });
    using swap = ownSwap({ capacityBytes: 256 * MiB });
    using group = reclaimableGroup();

    const control = throughSwap("huge=never", { group, swap });
    const judged = throughSwap("huge=always", { group, swap });
    // The kernel has lost entries: switching that swap off would never end. The guest does.
    if (judged.findings.length > 0) swap.abandon();
    const title = "After swapping out and in";
    for (const [name, result] of Object.entries({ "huge=always": judged, "huge=never (control)": control })) {
      const whole = run.tally.judged(result) ? "not what was written" : "whole";
      run.tally.line(title, `${name}: ${whole}, ${result.swappedBytes} bytes of swap in use before reading`);
    }
    run.tally.tried(judged.swappedBytes >= BYTES);
    return {
      findingsLeftOut: control.findingsLeftOut + judged.findingsLeftOut,
      filesystem: "tmpfs",
      mountOptions: "huge=always",
      totals: { bytesWritten: 2 * BYTES, files: 2, calls: 6 },
    };
  },
});
