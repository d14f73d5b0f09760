#!/usr/bin/env bun
/**
 * ksm-madv-free: can one mapping's MADV_FREE empty the memory of another that only has the same contents?
 *
 * What is exercised: three mappings with equal pages, as three virtual machines have. KSM merges the first two, one of
 * them goes; the other is given to madvise(MADV_FREE), which marks the merged page as free to take; the third, which
 * never called MADV_FREE, is merged into that page; reclaim then throws the page away.
 * What broken looks like: the third mapping reads zeros. No call failed.
 * madvise(2): MADV_FREE means that "the application no longer requires the pages in the range"; it speaks for the caller's
 * range only, and KSM promises that merging cannot be seen ("KSM … transparently", admin-guide/mm/ksm.rst).
 * Since when, fixed by: bad on every kernel tried, 5.10.262 to 7.3.4, but 6.12.118: "mm/madvise: fix data loss from
 * MADV_FREE on a KSM page".
 * Who is hit: hosts of virtual machines with KSM on, where one guest's allocator or balloon frees memory.
 * Control: pages of other contents, merged the same way, without any call of MADV_FREE.
 * Needs: root (ksm/run), CONFIG_KSM. KSM is on for about a tenth of a second, and as before afterwards.
 * Run: bun run ksm-madv-free.ts
 */
import {
  counter,
  judgeBytes,
  KiB,
  type Mapping,
  madvise,
  mapAnonymous,
  missing,
  PAGE_BYTES,
  runReproducer,
  useKsm,
} from "bytewitness";
import { MADV_FREE, MADV_MERGEABLE, MADV_NOHUGEPAGE, MADV_PAGEOUT } from "bytewitness/uapi";

const BYTES = 256 * KiB;
const PAGES = BYTES / PAGE_BYTES;

/** A mapping that KSM may merge with every other of the same generation, page by page. */
function filled(generation: number): Mapping {
  const mapping = mapAnonymous({ lengthBytes: BYTES });
  madvise(mapping, { advice: MADV_NOHUGEPAGE });
  counter({ generation }).fill(mapping.bytes, 0);
  madvise(mapping, { advice: MADV_MERGEABLE });
  return mapping;
}

await runReproducer({
  name: "ksm-madv-free",
  summary: "MADV_FREE on a page that KSM has merged: does another mapping with the same contents keep them?",
  program: "ksm-madv-free",
  events: [
    "ksm:ksm_merge_one_page",
    "ksm:ksm_merge_with_ksm_page",
    "kprobe:madvise_free_pte_range",
    "kprobe:ksm_might_need_to_copy",
    "kprobe:try_to_unmap_one",
    "kprobe:ksm_migrate_page",
  ],
  known: {
    fix: "mm/madvise: fix data loss from MADV_FREE on a KSM page",
    firstFixed: ["6.12.118"],
    source: "changelog of linux 6.12.118-1; bad on 5.10.262, 6.1.192, 6.12.117, 6.18.44, 7.2.13 and 7.3.4",
  },
  systemWide: "switches KSM on (/sys/kernel/mm/ksm) for a moment",
  requires: [{ name: "KSM", probe: missing.ksm }],
  run: async (run) => {
    using ksm = await useKsm(run);
    // Contents of this run's own: a page that other programs have too stays theirs, and is not freed.
    const freedContents = 1 + run.random("contents").below(2 ** 23);
    const controlContents = freedContents + 1;

    // 1. Two mappings of each contents become one set of pages; then only the first of each uses them.
    using freed = filled(freedContents);
    using control = filled(controlContents);
    {
      using _freedTwin = filled(freedContents);
      using _controlTwin = filled(controlContents);
      await ksm.merged(4 * PAGES);
    }
    await ksm.merged(2 * PAGES);

    // 2. "These pages may be taken", of the first contents only. KSM's page carries the mark from now on.
    madvise(freed, { advice: MADV_FREE });

    // 3. The victim: the same contents in a mapping that asked for nothing. Merged, it uses the marked page.
    using victim = filled(freedContents);
    using controlVictim = filled(controlContents);
    await ksm.merged(4 * PAGES);
    const merged = ksm.mergedPages();

    // 4. The one that freed goes away; reclaim looks at the victim's pages.
    freed[Symbol.dispose]();
    control[Symbol.dispose]();
    for (const mapping of [victim, controlVictim]) madvise(mapping, { advice: MADV_PAGEOUT });

    for (const [file, what, mapping, generation] of [
      ["the victim", "which never called MADV_FREE", victim, freedContents],
      ["control", "without MADV_FREE", controlVictim, controlContents],
    ] as const) {
      const judged = judgeBytes(mapping.bytes, { pattern: counter({ generation }), expectBytes: BYTES, file });
      run.tally.judged(judged);
      const lost = judged.findings.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      run.tally.line("Memory", `${file}, ${what}: ${lost / PAGE_BYTES} of ${PAGES} pages changed`);
    }
    run.tally.wroteMany(3, 6 * BYTES);
    return {
      trigger: {
        reached: merged === undefined ? null : Math.min(PAGES, Math.floor(merged / 4)),
        attempts: PAGES,
        how: "the victim's pages that were merged (/proc/self/ksm_merging_pages, a quarter of it)",
      },
    };
  },
});
