#!/usr/bin/env bun
/**
 * tmpfs-huge-zap: are bytes that were stored through a mapping of a tmpfs huge page still there after munmap and reclaim?
 *
 * What is exercised: tmpfs mounted with huge=always; the huge page is mapped by a read fault, clean but writable; stores
 * then set only the dirty bit of the page table's entry, and munmap must carry that bit to the page. Memory reclaim drops
 * pages that are clean.
 * What broken looks like: the file reads as zeros after reclaim, up to all of it. No call failed.
 * POSIX, mmap: with MAP_SHARED "write references shall change the underlying object".
 * Since when, fixed by: bad on 5.10.262, 6.1.190, 6.12.113, 6.18.15 and 7.1.13, good on 6.18.44 and 7.2.6; "mm/huge_memory:
 * transfer the pmd dirty bit to the folio on zap" (6.1.191, 6.12.114, 7.2).
 * Who is hit: shared memory on huge pages (databases, browsers, virtual machines), on a machine short of memory.
 * Control: the same with huge=never.
 * Needs: root (a tmpfs of its own, mounted where only this run sees it). No swap: clean pages need none.
 * Run: bun run tmpfs-huge-zap.ts
 */
import { readFileSync } from "node:fs";
import os from "node:os";
import {
  allocate,
  counter,
  judgeBytes,
  type Mapping,
  MiB,
  madvise,
  mapAnonymous,
  mapFile,
  missing,
  openFile,
  read,
  runReproducer,
  scratchFilesystem,
  truncate,
} from "bytewitness";
import { MADV_PAGEOUT, MAP_NORESERVE, MAP_PRIVATE, O_CREAT, O_EXCL, O_RDWR, PROT_NONE } from "bytewitness/uapi";

const BYTES = 8 * MiB;
const HUGE_BYTES = 2 * MiB;

/** The file, mapped where huge pages can be mapped whole: at a multiple of their size. */
function mapAligned(file: ReturnType<typeof openFile>, reserved: Mapping): Mapping {
  const offsetBytes = Math.ceil(reserved.address / HUGE_BYTES) * HUGE_BYTES - reserved.address;
  return mapFile(file, { lengthBytes: BYTES, place: { over: reserved, offsetBytes } });
}

function reserve(): Mapping {
  return mapAnonymous({ lengthBytes: 2 * BYTES, protection: PROT_NONE, flags: MAP_PRIVATE | MAP_NORESERVE });
}

/** Faults each huge page in by reading one byte; the sum keeps the reads from being thought useless. */
function readFaults(mapping: Mapping): number {
  let sum = 0;
  for (let at = 0; at < BYTES; at += HUGE_BYTES) sum += mapping.bytes[at] as number;
  return sum;
}

/** Bytes of huge pages that are mapped whole, in all of the machine: /proc/meminfo, proc(5). */
function hugeMapped(): number {
  return Number(/^ShmemPmdMapped:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) * 1024;
}

/** Stores through a mapping, unmaps, reclaims, reads: what the judge finds, and whether huge pages were mapped. */
function storeAndReclaim(mountOptions: string) {
  using tmpfs = scratchFilesystem({
    type: "tmpfs",
    capacityBytes: 64 * MiB,
    imageDirectory: os.tmpdir(),
    mountOptions,
  });
  using file = openFile(`${tmpfs.path}/file`, { flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600 });
  truncate(file, { lengthBytes: BYTES });
  const pattern = counter({ generation: 3 });
  const before = hugeMapped();
  let huge = false;
  {
    using reserved = reserve();
    using mapping = mapAligned(file, reserved);
    readFaults(mapping);
    huge = hugeMapped() - before >= BYTES;
    pattern.fill(mapping.bytes, 0);
  }
  {
    // Reclaim, asked for by a mapping of the file that only read: pages that look clean go.
    using reserved = reserve();
    using mapping = mapAligned(file, reserved);
    readFaults(mapping);
    madvise(mapping, { advice: MADV_PAGEOUT });
  }
  using back = allocate(BYTES);
  const readBytes = read(file, back, { offsetBytes: 0 });
  const expected = { pattern, expectBytes: BYTES, file: `a tmpfs file, ${mountOptions}` };
  return { ...judgeBytes(back.bytes.subarray(0, readBytes), expected), huge };
}

await runReproducer({
  name: "tmpfs-huge-zap",
  summary: "stores through a mapping of a tmpfs huge page, munmap, reclaim: is the data kept?",
  events: [
    "kprobe:zap_huge_pmd(address=$arg4)",
    "huge_memory:mm_khugepaged_scan_file",
    "vmscan:mm_vmscan_memcg_reclaim_begin",
    "vmscan:mm_vmscan_memcg_reclaim_end",
    "vmscan:mm_vmscan_write_folio",
    "vmscan:mm_vmscan_writepage",
    "filemap:mm_filemap_delete_from_page_cache",
  ],
  known: {
    fix: "mm/huge_memory: transfer the pmd dirty bit to the folio on zap",
    firstFixed: ["6.1.191", "6.12.114", "7.2"],
    source:
      "changelogs of linux 6.1.192-1 and 6.12.115-1; bad on 6.1.190, 6.12.113, 6.18.15, 6.19.14 and 7.1.13; clean on 6.18.44, whose changelog no package carries, and on 7.2.6, which no changelog of 7.2 explains, so 7.2 has it",
  },
  requires: [{ name: "a tmpfs of its own", probe: () => missing.filesystem("tmpfs") }],
  racyPath: "huge pages were mapped whole (ShmemPmdMapped)",
  run: ({ tally }) => {
    const control = storeAndReclaim("huge=never");
    const judged = storeAndReclaim("huge=always");
    for (const [name, result] of Object.entries({ "huge=always": judged, "huge=never (control)": control })) {
      tally.judged(result);
      const lost = result.findings.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      tally.line("After munmap and reclaim", `${name}: ${lost} of ${BYTES} bytes gone`);
    }
    tally.tried(judged.huge);
    return {
      filesystem: "tmpfs",
      mountOptions: "huge=always",
      totals: { bytesWritten: 2 * BYTES, files: 2, calls: 4 },
    };
  },
});
