/** nowait-append as a process: clean on this kernel with the path entered, and what it does without root or a place. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import { needed } from "../../needed.ts";

const ROOT = `${import.meta.dir}/../../..`;

async function run(...args: string[]) {
  const child = Bun.spawn([process.execPath, "scripts/gallery/nowait-append.ts", ...args], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 30_000 },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code, pid: child.pid };
}

test.skipIf(needed("root", "mkfs.xfs"))(
  "on its own XFS the refusals are real, every retry is whole, and the device is as it was before",
  async () => {
    const { out, code, pid } = await run("--seconds", "2", "--json");
    const report = JSON.parse(out);
    expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: "clean" });
    expect(report.environment.filesystem).toBe("xfs");
    expect(report.trigger.reached).toBeGreaterThan(0);
    expect(report.trigger.reached).toBe(report.totals.short);
    expect(report.totals.forgotten).toBe(0);
    expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
    expect(report.artifacts).toEqual([]);
    expect(readdirSync("/run").filter((name) => name.startsWith(`bytewitness-dirty-limit-${pid}-`))).toEqual([]);
  },
  60_000,
);

test("in a directory of the user's nothing is left behind", async () => {
  const directory = mkdtempSync(`${os.tmpdir()}/nowait-append-`);
  const { out, code } = await run(directory, "--seconds", "1", "--json", "--pressure", "none");
  const report = JSON.parse(out);
  // tmpfs and overlayfs refuse RWF_NOWAIT outright: then nothing was verified, and the report gives the reason.
  expect([0, 125]).toContain(code);
  if (code === 0) expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
  else expect(report.reason).toContain("RWF_NOWAIT");
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});
