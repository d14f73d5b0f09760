/**
 * The cases that bring a file system of their own, as processes: what this kernel is known to do, controls that stay
 * clean, nothing left mounted or attached; where the kernel lacks the file system, a line that names it.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { filesystemMissing } from "../../../src/ops/filesystem.ts";
import { needed } from "../../needed.ts";
import { command, reportOf } from "../command.ts";

const TIMEOUT = 120_000;
/** 6.18.44 is clean in the first two, by the headers. */
const known = os.release().startsWith("6.18.44");

/** Runs a case with a TMPDIR of its own: its report, and what it left there. */
async function ran(name: string, args: readonly string[] = []) {
  const directory = mkdtempSync(`${os.tmpdir()}/${name}-`);
  const env = { TMPDIR: directory, BYTEWITNESS_DIR: "" };
  const ended = await command(`gallery/${name}`, ["--json", ...args], { env, timeoutMs: TIMEOUT });
  const left = readdirSync(directory).filter((entry) => entry.includes("bytewitness"));
  rmSync(directory, { recursive: true });
  return { code: ended.code, report: reportOf(ended), left };
}

describe.skipIf(needed("root", "mkfs.btrfs"))("btrfs-direct-append", () => {
  test(
    "buffered writing finished the direct append, and every byte is in its place where this kernel has the fix",
    async () => {
      const { code, report, left } = await ran("btrfs-direct-append");
      expect(code).toBe(report.verdict === "corrupt" ? 1 : 0);
      if (known) expect(report.verdict).toBe("clean");
      expect(report.environment.filesystem).toBe("btrfs");
      expect(report.trigger).toMatchObject({ reached: 3, attempts: 3 });
      for (const { file } of report.findings) expect(file).toContain("direct-");
      expect(left.length).toBe(report.artifacts.length);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("/run/bytewitness/mounts/btrfs");
    },
    TIMEOUT,
  );
});

describe.skipIf(needed("root"))("tmpfs-huge-zap", () => {
  test(
    "huge=never is whole, huge=always where this kernel has the fix",
    async () => {
      const { code, report } = await ran("tmpfs-huge-zap");
      expect(code).toBe(report.verdict === "corrupt" ? 1 : 0);
      if (known) expect([report.verdict, report.trigger?.reached]).toEqual(["clean", 1]);
      expect(report.totals.bytesVerified).toBe(16_777_216);
      expect(report.sections?.[0]?.lines[1]).toBe("huge=never (control): 0 of 8388608 bytes gone");
    },
    TIMEOUT,
  );
});

for (const [name, type] of [
  ["exfat-append", "exfat"],
  ["udf-inline-expand", "udf"],
] as const) {
  test(
    `${name}: judged where the kernel has ${type}, skipped by name where it has not`,
    async () => {
      const { code, report, left } = await ran(name);
      const missing = filesystemMissing(type);
      if (missing === undefined) expect(report.totals.bytesVerified).toBeGreaterThan(0);
      else expect(report.reason).toContain(missing);
      expect(code).toBe(missing === undefined ? (report.verdict === "corrupt" ? 1 : 0) : 125);
      for (const { file } of report.findings) expect(file).not.toContain("control");
      expect(left.length).toBe(report.artifacts.length);
    },
    TIMEOUT,
  );
}
