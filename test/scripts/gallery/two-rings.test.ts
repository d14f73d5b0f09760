/** The example of two rings in two threads: both streams whole, one counter, errors of a thread arrive. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";

const ROOT = `${import.meta.dir}/../../..`;

async function run(...args: string[]) {
  const child = Bun.spawn([process.execPath, "scripts/gallery/two-rings.ts", ...args], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 30_000 },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
}

test("two threads write and the main thread judges both files", async () => {
  const directory = mkdtempSync(`${os.tmpdir()}/two-rings-`);
  const { out, code } = await run(directory, "--megabytes", "8", "--json");
  const report = JSON.parse(out);
  expect({ code, verdict: report.verdict, totals: report.totals }).toEqual({
    code: 0,
    verdict: "clean",
    totals: { bytesWritten: 2 * 8 * 2 ** 20, bytesVerified: 2 * 8 * 2 ** 20, files: 2, calls: 64 },
  });
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});
