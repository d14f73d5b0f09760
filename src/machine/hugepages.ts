/**
 * Huge pages (hugetlb) for the time of a run: Documentation/admin-guide/mm/hugetlbpage.rst.
 *
 * Owns nr_overcommit_hugepages while the lease is held: pages are then made when they are touched and given back when
 * they are unmapped, so that nothing is taken from anybody in advance. The last run out restores the setting.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileSettings, leaseWhenFree } from "./lease.ts";

/** A huge page of x86-64 with 2 MiB pages, which each of them has. */
export const HUGE_PAGE_BYTES = 2 * 2 ** 20;

const SETTING = `/sys/kernel/mm/hugepages/hugepages-${HUGE_PAGE_BYTES / 1024}kB/nr_overcommit_hugepages`;
/** Enough for several runs at once; a limit, not a reservation. */
const PAGES_MAX = 256;

/** Why this run cannot have huge pages, undefined when it can. */
export function hugePagesMissing(): string | undefined {
  if (!existsSync(SETTING)) return "this kernel has no 2 MiB huge pages (CONFIG_HUGETLBFS)";
  return process.geteuid?.() === 0 ? undefined : "allowing huge pages needs root";
}

/** Lets mappings with MAP_HUGETLB get pages on demand, until disposed of. */
export async function allowHugePages(run: {
  readonly stopped: boolean;
  narrate(line: string): void;
}): Promise<Disposable> {
  const spec = { setting: "hugepages/overcommit", wanted: String(PAGES_MAX), ...fileSettings([SETTING]) };
  const lease = await leaseWhenFree(spec, { stopped: () => run.stopped, waiting: (reason) => run.narrate(reason) });
  for (const line of lease.mended) run.narrate(line);
  try {
    if (Number(readFileSync(SETTING, "utf8")) < PAGES_MAX) writeFileSync(SETTING, String(PAGES_MAX));
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
  return lease;
}
