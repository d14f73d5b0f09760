#!/usr/bin/env bun
/**
 * hugetlb-mremap: does mremap(2) of huge pages leave every byte at its offset?
 *
 * What is exercised: a hugetlb mapping of 1 GiB and a little, with only the bytes behind the first GiB touched,
 * moved to an address that lies elsewhere within its GiB. The kernel skips the empty page tables of the first GiB and
 * rounds the old and the new address differently when it does.
 * What broken looks like: the bytes are 512 MiB away from their offset, and zeros are in their place. mremap succeeded.
 * mremap(2): it "expands (or shrinks) an existing memory mapping, potentially moving it at the same time".
 * Since when, fixed by: bad on 6.1.190, 6.12.111, 6.18.44 and 7.2.6; "mm/hugetlb: preserve mremap address delta when
 * skipping page tables" (6.1.191, 6.12.112, 7.2.9).
 * Who is hit: programs that grow large sparse arrays on huge pages: databases, virtual machine monitors, allocators.
 * Control: the same move by whole GiB.
 * Needs: root (at most 8 huge pages of 2 MiB, made on demand and given back).
 * Run: bun run hugetlb-mremap.ts
 */
import {
  allowHugePages,
  counter,
  GiB,
  isSyscallError,
  type Judgement,
  judgeViews,
  type Mapping,
  MiB,
  madvise,
  mapAnonymous,
  missing,
  mremap,
  runReproducer,
} from "bytewitness";
import { MADV_POPULATE_WRITE, MAP_HUGETLB, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE } from "bytewitness/uapi";

const BYTES = GiB + 8 * MiB;
const TOUCHED = { offsetBytes: GiB, lengthBytes: 4 * MiB };
const MOVES = { "by whole GiB (control)": 0, "into the middle of a GiB": 512 * MiB } as const;

/** Addresses only, room for a mapping anywhere within a GiB. */
function reserve(): Mapping {
  return mapAnonymous({ lengthBytes: 4 * GiB, protection: PROT_NONE, flags: MAP_PRIVATE | MAP_NORESERVE });
}

/** The place in a reservation that lies `shiftBytes` behind a GiB boundary of the address space. */
function placeIn(over: Mapping, shiftBytes: number) {
  return { over, offsetBytes: Math.ceil(over.address / GiB) * GiB - over.address + shiftBytes };
}

/** Moves touched huge pages and judges the bytes where they belong, and where half a GiB before would be. */
function move(shiftBytes: number, file: string): Pick<Judgement, "findings" | "verifiedBytes"> {
  using from = reserve();
  using to = reserve();
  const pattern = counter();
  const flags = MAP_PRIVATE | MAP_HUGETLB | MAP_NORESERVE;
  using mapping = mapAnonymous({ lengthBytes: BYTES, flags, place: placeIn(from, 0) });
  // An error instead of a signal when the machine has no free huge page.
  madvise(mapping, { advice: MADV_POPULATE_WRITE, ...TOUCHED });
  pattern.fill(mapping.view(TOUCHED), TOUCHED.offsetBytes);

  using moved = mremap(mapping, { lengthBytes: BYTES, place: placeIn(to, shiftBytes) });

  madvise(moved, { advice: MADV_POPULATE_WRITE, ...TOUCHED });
  const touched = { offsetBytes: TOUCHED.offsetBytes, bytes: moved.view(TOUCHED) };
  const here = judgeViews([touched], { pattern, file });
  if (here.findings.length === 0) return here;

  // Right bytes at the wrong address? Half a GiB before their offset nothing was ever written.
  const elsewhere = { offsetBytes: GiB - 512 * MiB, lengthBytes: TOUCHED.lengthBytes };
  madvise(moved, { advice: MADV_POPULATE_WRITE, ...elsewhere });
  const untouched = { offsetBytes: elsewhere.offsetBytes, bytes: moved.view(elsewhere), untouched: true };
  return judgeViews([untouched, touched], { pattern, file });
}

await runReproducer({
  name: "hugetlb-mremap",
  summary: "mremap of huge pages whose first GiB was never touched: is every byte still at its offset?",
  program: "hugetlb-mremap",
  events: [
    "kprobe:move_hugetlb_page_tables(old_address=$arg3 new_address=$arg4 length=$arg5)",
    "kretprobe:move_hugetlb_page_tables",
    "kprobe:hugetlb_fault",
  ],
  known: {
    fix: "mm/hugetlb: preserve mremap address delta when skipping page tables",
    firstFixed: ["6.1.191", "6.12.112", "7.2.9"],
    affectedSince: "5.16",
    source:
      "changelogs of linux 6.1.192-1, 6.12.113-1 and 7.2.9-1; bad on 6.1.190, 6.12.111, 6.18.44, 7.1.13 and 7.2.6",
  },
  racyPath: "a sequence of calls, no race",
  systemWide: "lets huge pages be made on demand (nr_overcommit_hugepages) for a moment",
  requires: [{ name: "huge pages", probe: missing.hugePages }],
  run: async (run) => {
    using _allowed = await allowHugePages(run);
    for (const [name, shiftBytes] of Object.entries(MOVES)) {
      try {
        const bad = run.tally.judged(move(shiftBytes, `the mapping moved ${name}`));
        run.tally.line("Moves", `${name}: ${bad ? "bytes moved away" : "whole"}`);
        run.tally.wroteMany(3, TOUCHED.lengthBytes);
      } catch (error) {
        const reason = "this kernel does not move hugetlb mappings (Linux 5.16 and later do)";
        // Before 5.14 madvise does not know MADV_POPULATE_WRITE either.
        const old = isSyscallError(error, "EINVAL") && (error.call === "mremap" || error.call === "madvise");
        if (old) return { verdict: "skipped", reason };
        throw error;
      }
    }
    run.tally.tried();
    return undefined;
  },
});
