/** Without pressure a run is the workload as it is; on a device that somebody else has limited, it is not, and the report shows it. */
import { beforeAll, describe, expect, test } from "bun:test";
import { needed } from "../needed.ts";
import type { Ran } from "./command.ts";
import { flagsOf, REPRODUCERS } from "./flags.ts";

const FIXTURE = `${import.meta.dir}/../workload/fixtures/limited-device.ts`;

/** A reproducer on an XFS whose device of dirty pages. */
async function onLimitedDevice(script: string, words: readonly string[]): Promise<Ran> {
  const child = Bun.spawn([process.execPath, FIXTURE, script, ...words], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

let pressed: string[] = [];
beforeAll(async () => {
  const all = await Promise.all(REPRODUCERS.map(async (script) => [script, await flagsOf(script)] as const));
  pressed = all.filter(([, flags]) => "--pressure" in flags).map(([script]) => script);
});

describe.skipIf(needed("root", "mkfs.xfs", "dirty limits per device"))("--pressure none on a limited device", () => {
  test("is inconclusive in every reproducer that takes --pressure, and gives the reason", async () => {
    expect(pressed).toContain("uring-append");
    expect(pressed).toContain("gallery/nowait-append");
    for (const script of pressed) {
      const ran = await onLimitedDevice(script, ["--seconds", "1", "--pressure", "none", "--json"]);
      const { verdict, reason, totals } = JSON.parse(ran.stdout);
      expect({ script, verdict, code: ran.code }).toEqual({ script, verdict: "inconclusive", code: 125 });
      expect(reason).toContain("of dirty pages");
      expect(totals.bytesVerified).toBeGreaterThan(0);
      expect(ran.stderr).toContain("pressure: none, but its device");
    }
  });

  test("so are its parallel jobs", async () => {
    const words = ["--seconds", "1", "--file-mb", "4", "--pressure", "none", "--jobs", "2", "--json"];
    const ran = await onLimitedDevice("uring-append", words);
    const { verdict, reason } = JSON.parse(ran.stdout);
    expect({ verdict, code: ran.code }).toEqual({ verdict: "inconclusive", code: 125 });
    expect(reason).toContain("of dirty pages");
  });
});
