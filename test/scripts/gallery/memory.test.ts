/**
 * The gallery's cases about memory, as processes: what this kernel is known to do, controls that stay clean, settings
 * that are as before. On a kernel without an entry in the table of the headers a verdict is only asked to be one.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import os from "node:os";
import { hugePagesMissing } from "../../../src/machine/hugepages.ts";
import { ksmMissing } from "../../../src/machine/ksm.ts";
import { needed } from "../../needed.ts";
import { until } from "../../until.ts";
import { command, reportOf } from "../command.ts";

const TIMEOUT = 120_000;
/** 6.18.44 is the kernel on which the headers' "bad" was seen. */
const known = os.release().startsWith("6.18.44");

/** The readable settings of a directory of /sys. */
function settings(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => (statSync(`${directory}/${name}`).mode & 0o200) !== 0);
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${directory}/${name}`, "utf8").trim()]));
}

/** Other runs on this machine may hold the lease too: the last one out restores. */
async function restored(directory: string, before: Record<string, string>): Promise<Record<string, string>> {
  await until("settings as before", () => JSON.stringify(settings(directory)) === JSON.stringify(before), 60_000);
  return settings(directory);
}

describe.skipIf(needed("root") || ksmMissing() !== undefined)("ksm-madv-free", () => {
  test(
    "the victim's pages are zeros, the control's are not, KSM's settings are as before",
    async () => {
      const directory = "/sys/kernel/mm/ksm";
      // While another run holds the lease these are not the originals.
      const before = { ...settings(directory), run: "0" };
      const ran = await command("gallery/ksm-madv-free", ["--json", "--seed", "1"], { timeoutMs: TIMEOUT });
      const report = reportOf(ran);
      expect(ran.code).toBe(report.verdict === "corrupt" ? 1 : 0);
      if (known) expect(report.verdict).toBe("corrupt");
      for (const finding of report.findings) {
        expect(finding).toMatchObject({ kind: "zeroed", file: "the victim", pageAligned: true });
      }
      if (known) {
        expect(report.findings.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
          [0, 262_144],
        ]);
        expect(report.trigger).toMatchObject({ reached: 64, attempts: 64 });
      }
      expect(report.totals.bytesVerified).toBe(524_288);
      expect(report.sections?.[0]?.lines.at(-1)).toBe("control, without MADV_FREE: 0 of 64 pages changed");
      expect((await restored(directory, before)).run).toBe("0");
    },
    TIMEOUT,
  );
});

describe.skipIf(needed("root") || hugePagesMissing() !== undefined)("hugetlb-mremap", () => {
  test(
    "the bytes are half a GiB away, a move by whole GiB keeps them, no huge page stays",
    async () => {
      const directory = "/sys/kernel/mm/hugepages/hugepages-2048kB";
      const ran = await command("gallery/hugetlb-mremap", ["--json"], { timeoutMs: TIMEOUT });
      const report = reportOf(ran);
      expect(ran.code).toBe(report.verdict === "corrupt" ? 1 : 0);
      if (known) {
        expect(
          report.findings.map(({ kind, offsetBytes, lengthBytes, alsoAtBytes }) => {
            return { kind, offsetBytes, lengthBytes, alsoAtBytes };
          }),
        ).toEqual([
          { kind: "misplaced", offsetBytes: 2 ** 29, lengthBytes: 2 ** 22, alsoAtBytes: 2 ** 30 },
          { kind: "zeroed", offsetBytes: 2 ** 30, lengthBytes: 2 ** 22, alsoAtBytes: 2 ** 29 },
        ]);
      }
      expect(report.sections?.[0]?.lines[0]).toBe("by whole GiB (control): whole");
      const after = await restored(directory, { ...settings(directory), nr_overcommit_hugepages: "0" });
      expect(after).toMatchObject({ nr_overcommit_hugepages: "0", nr_hugepages: "0" });
    },
    TIMEOUT,
  );
});

test.skipIf(needed("root", "setpriv", "a public checkout"))(
  "as nobody both name what they need",
  async () => {
    const wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for (const name of ["ksm-madv-free", "hugetlb-mremap"]) {
      const ran = await command(`gallery/${name}`, ["--json"], { wrap, timeoutMs: TIMEOUT });
      expect(ran.code).toBe(125);
      expect(reportOf(ran).reason).toContain("needs root");
    }
  },
  TIMEOUT,
);

test(
  "shmem-swapin runs in a guest only: an affected kernel could not switch that swap off again",
  async () => {
    const ran = await command("gallery/shmem-swapin", ["--json"], { timeoutMs: TIMEOUT });
    expect(ran.code).toBe(125);
    expect(reportOf(ran).reason).toContain("a guest of the lab");
  },
  TIMEOUT,
);
