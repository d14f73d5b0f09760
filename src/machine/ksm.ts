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
const WANTED = { pages_to_scan: "4000", sleep_millisecs: "5", smart_scan: "0", run: "1" } as const;
const SCAN_SECONDS_MAX = 20;

/** Why this run cannot use KSM, undefined when it can. */
export function ksmMissing(): string | undefined {
  if (!existsSync(`${DIRECTORY}/run`)) return "this kernel has no KSM (CONFIG_KSM)";
  return process.geteuid?.() === 0 ? undefined : "switching KSM on needs root";
}

export interface Ksm extends Disposable {
  /** A number of /sys/kernel/mm/ksm: "pages_shared", "pages_sharing", "full_scans". */
  read(name: string): number;
  /** Waits until every mergeable page was looked at `count` times more. */
  scans(count: number): Promise<void>;
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
    async scans(count) {
      const goal = read("full_scans") + count;
      const deadlineMs = performance.now() + SCAN_SECONDS_MAX * 1000;
      while (read("full_scans") < goal) {
        if (run.stopped) throw new Inconclusive("interrupted while pages were being merged");
        if (performance.now() > deadlineMs) {
          throw new Inconclusive(`ksmd did not look at every mergeable page within ${SCAN_SECONDS_MAX} s`);
        }
        await Bun.sleep(2);
      }
    },
    [Symbol.dispose]: () => lease[Symbol.dispose](),
  };
}
