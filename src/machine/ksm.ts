/**
 * The kernel's merging of equal pages, switched on for the time of a run: Documentation/admin-guide/mm/ksm.rst.
 *
 * Owns the settings under /sys/kernel/mm/ksm while the lease is held; the last run out restores them. Pages of other
 * programs are merged only where those asked for it (MADV_MERGEABLE).
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Inconclusive } from "../ops/errors.ts";
import { fileSettings, leaseWhenFree } from "./lease.ts";

const DIRECTORY = "/sys/kernel/mm/ksm";
/** In the order in which they are written and restored: `run` last. */
const WANTED = { pages_to_scan: "50000", sleep_millisecs: "2", smart_scan: "0", run: "1" } as const;
/** A machine whose virtual machines offer their memory for merging has gigabytes to look at in each pass. */
const WAIT_SECONDS_MAX = 60;

/** Why this run cannot use KSM, undefined when it can. */
export function ksmMissing(): string | undefined {
  if (!existsSync(`${DIRECTORY}/run`)) return "this kernel has no KSM (CONFIG_KSM)";
  return process.geteuid?.() === 0 ? undefined : "switching KSM on needs root";
}

/** KSM for the time of a run. */
export interface Ksm extends Disposable {
  /** A number of /sys/kernel/mm/ksm: "pages_shared", "pages_sharing", "full_scans". */
  read(name: string): number;
  /**
   * Waits until exactly `pages` pages of this process are merged (/proc/self/ksm_merging_pages; pages that were unmapped
   * count until ksmd comes by again), or, before Linux 6.1, until every mergeable page of the machine was looked at four times. Throws Inconclusive after a minute.
   */
  merged(pages: number): Promise<void>;
  /** Pages of this process that are merged now; undefined before Linux 6.1. proc(5). */
  mergedPages(): number | undefined;
}

function mergedPages(): number | undefined {
  const path = "/proc/self/ksm_merging_pages";
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined;
}

/** Switches KSM on, quick, until disposed of. Waits while another run has other settings. */
export async function useKsm(run: { readonly stopped: boolean; narrate(line: string): void }): Promise<Ksm> {
  const names = Object.keys(WANTED).filter((name) => existsSync(`${DIRECTORY}/${name}`)) as (keyof typeof WANTED)[];
  const spec = {
    setting: "ksm",
    wanted: JSON.stringify(WANTED),
    ...fileSettings(names.map((name) => `${DIRECTORY}/${name}`)),
  };
  const lease = await leaseWhenFree(spec, { stopped: () => run.stopped, waiting: (reason) => run.narrate(reason) });
  for (const line of lease.mended) run.narrate(line);
  const read = (name: string) => Number(readFileSync(`${DIRECTORY}/${name}`, "utf8"));
  try {
    for (const name of names) writeFileSync(`${DIRECTORY}/${name}`, WANTED[name]);
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
  return {
    read,
    mergedPages,
    async merged(pages) {
      const goal = read("full_scans") + 4;
      const deadlineMs = performance.now() + WAIT_SECONDS_MAX * 1000;
      for (;;) {
        const merged = mergedPages();
        if (merged === undefined ? read("full_scans") >= goal : merged === pages) return;
        if (run.stopped) throw new Inconclusive("interrupted while pages were being merged");
        if (performance.now() > deadlineMs) {
          throw new Inconclusive(
            `ksmd did not come to ${pages} merged pages of this process within ${WAIT_SECONDS_MAX} s (${merged ?? "unknown"} now)`,
          );
        }
        await Bun.sleep(2);
      }
    },
    [Symbol.dispose]: () => lease[Symbol.dispose](),
  };
}
