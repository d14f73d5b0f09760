/** KSM, huge pages and swap of a run's own: what /sys and /proc show before, meanwhile and after. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { allowHugePages, HUGE_PAGE_BYTES, hugePagesMissing } from "../../src/machine/hugepages.ts";
import { ksmMissing, useKsm } from "../../src/machine/ksm.ts";
import { swapMissing } from "../../src/machine/swap.ts";
import { madvise, mapAnonymous, tryMadvise } from "../../src/ops/mapping.ts";
import * as M from "../../src/sys/uapi/mman.ts";
import { needed } from "../needed.ts";
import { childValue, runChild } from "../ops/child.ts";

const TIMEOUT = 120_000;
const run = { stopped: false, narrate: () => undefined };
const content = (path: string) => readFileSync(path, "utf8").trim();

describe.skipIf(needed("root") || ksmMissing() !== undefined)("KSM", () => {
  test(
    "merges equal pages while it is held, and the settings are as before afterwards",
    async () => {
      const settings = () =>
        ["run", "pages_to_scan", "sleep_millisecs"].map((name) => content(`/sys/kernel/mm/ksm/${name}`));
      // Another run may hold the lease at the same time: then the original is its, and it restores.
      const ksm = await useKsm(run);
      expect(content("/sys/kernel/mm/ksm/run")).toBe("1");
      using first = mapAnonymous({ lengthBytes: 64 * 4096 });
      using second = mapAnonymous({ lengthBytes: 64 * 4096 });
      for (const mapped of [first, second]) {
        madvise(mapped, { advice: M.MADV_NOHUGEPAGE });
        mapped.bytes.fill(0x6b);
        madvise(mapped, { advice: M.MADV_MERGEABLE });
      }
      await ksm.merged(128);
      expect(ksm.read("pages_sharing")).toBeGreaterThanOrEqual(64);
      expect(first.bytes.every((byte) => byte === 0x6b)).toBe(true);
      ksm[Symbol.dispose]();
      const deadlineMs = performance.now() + 60_000;
      while (settings()[0] !== "0" && performance.now() < deadlineMs) await Bun.sleep(50);
      expect(settings()[0]).toBe("0");
    },
    TIMEOUT,
  );
});

describe.skipIf(needed("root") || hugePagesMissing() !== undefined)("huge pages", () => {
  test(
    "are there on demand, and are given back",
    async () => {
      const DIRECTORY = "/sys/kernel/mm/hugepages/hugepages-2048kB";
      using allowed = await allowHugePages(run);
      using mapped = mapAnonymous({
        lengthBytes: 2 * HUGE_PAGE_BYTES,
        flags: M.MAP_PRIVATE | M.MAP_HUGETLB | M.MAP_NORESERVE,
      });
      expect(tryMadvise(mapped, { advice: M.MADV_POPULATE_WRITE })).toBe(0);
      expect(Number(content(`${DIRECTORY}/surplus_hugepages`))).toBeGreaterThanOrEqual(2);
      mapped.bytes.fill(1);
      expect(content("/proc/self/smaps")).toMatch(/Private_Hugetlb:\s+4096 kB/);
      expect(allowed).toBeDefined();
    },
    TIMEOUT,
  );
});

describe.skipIf(needed("root") || swapMissing() !== undefined)("swap of a run's own", () => {
  test(
    "takes pages, gives them back whole, and is gone at dispose",
    async () => {
      const value = (await childValue("swap.ts", [], { timeoutMs: 60_000, path: FIXTURE })) as Record<string, unknown>;
      expect(value).toMatchObject({ listed: true, blkid: "swap", intact: true, after: false });
      expect(value.swappedBytes).toBeGreaterThanOrEqual(4 * 2 ** 20);
    },
    TIMEOUT,
  );

  test(
    "is gone after SIGKILL too",
    async () => {
      const ended = await runChild("swap.ts", ["wait"], { signal: "SIGKILL", timeoutMs: 60_000, path: FIXTURE });
      const device = ended.stdout.split("\n")[0] as string;
      expect(ended.signal).toBe("SIGKILL");
      expect(device).toStartWith("/dev/loop");
      const deadlineMs = performance.now() + 60_000;
      while (content("/proc/swaps").includes(device) && performance.now() < deadlineMs) await Bun.sleep(20);
      expect(content("/proc/swaps")).not.toContain(device);
    },
    TIMEOUT,
  );
});

const FIXTURE = `${import.meta.dir}/fixtures/swap.ts`;
