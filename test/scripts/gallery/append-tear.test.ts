/** append-tear as a process: torn records on its own XFS on this kernel, whole ones in every control. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import { needed } from "../../needed.ts";

const ROOT = `${import.meta.dir}/../../..`;

async function run(...args: string[]) {
  // Evidence goes where the test can remove it.
  const directory = mkdtempSync(`${os.tmpdir()}/append-tear-`);
  const child = Bun.spawn([process.execPath, "scripts/gallery/append-tear.ts", ...args], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 50_000 },
    env: { ...process.env, TMPDIR: directory },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code, directory, pid: child.pid };
}

test.skipIf(needed("root", "mkfs.xfs"))(
  "exit 1 within 30 s: a record reported whole lies in pieces, with the file as evidence",
  async () => {
    const { out, code, directory, pid } = await run("--torn", "1", "--json");
    const report = JSON.parse(out);
    const [finding] = report.findings;
    expect({ code, verdict: report.verdict, kind: finding?.kind }).toEqual({
      code: 1,
      verdict: "corrupt",
      kind: "torn",
    });
    expect(finding.lengthBytes).toBe(4 * 2 ** 20);
    expect(finding.detail).toMatch(
      /^record \d+ of writer 0, 4194304 bytes, reported whole, lies in \d+ pieces \(\d+ \+ /,
    );
    expect(finding.secondReading).toBe("same");
    expect(report.durationSeconds).toBeLessThan(30);
    expect(report.totals.torn).toBe(report.findings.length + (report.findingsLeftOut ?? 0));
    expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
    expect(report.artifacts.length).toBe(1);
    expect(existsSync(report.artifacts[0])).toBe(true);
    expect(readdirSync("/run").filter((name) => name.startsWith(`bytewitness-dirty-limit-${pid}-`))).toEqual([]);
    rmSync(directory, { recursive: true });
  },
  60_000,
);

test.skipIf(needed("root", "mkfs.xfs"))(
  "all controls end 0, with a rate and an interval for each",
  async () => {
    const { out, code, directory } = await run("--control", "all", "--seconds", "12", "--json");
    const report = JSON.parse(out);
    expect({ code, findings: report.findings }).toEqual({ code: 0, findings: [] });
    const [rates] = report.sections as [{ lines: string[] }];
    expect(rates.lines.map((line: string) => line.split(" torn ")[0]?.trim())).toEqual([
      "control async",
      "control linked",
      "control write",
      "control no-writeback",
    ]);
    for (const line of rates.lines) expect(line).toMatch(/torn 0 of [1-9]\d*: 0 per thousand \(0 to \S+ with 95 %/);
    expect(readdirSync(directory).filter((name) => name.startsWith("bytewitness"))).toEqual([]);
    rmSync(directory, { recursive: true });
  },
  60_000,
);

test("records that cannot be marked are bad arguments", async () => {
  const { err, code, directory } = await run("--large", "1001");
  expect({ code, err }).toEqual({ code: 254, err: "append-tear: --large and --small must be multiples of 8 bytes\n" });
  rmSync(directory, { recursive: true });
});
