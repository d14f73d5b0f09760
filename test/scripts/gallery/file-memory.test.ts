/** The cases about memory that becomes file data, as processes: what this kernel is known to do, controls that stay clean. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import { basename, dirname } from "node:path";
import { needed } from "../../needed.ts";
import { command, reportOf } from "../command.ts";

const TIMEOUT = 120_000;
const known = os.release().startsWith("6.18.44");
const WAYS = ["ftruncate", "pwrite", "fallocate", "copy_file_range", "splice"];

describe("past-the-end", () => {
  test(
    "tmpfs: every way of growing shows what was stored behind the end, and no control does",
    async () => {
      const directory = mkdtempSync("/dev/shm/past-the-end-test-");
      const ran = await command("gallery/past-the-end", [directory, "--json"], { timeoutMs: TIMEOUT });
      const report = reportOf(ran);
      // Bad on every kernel tried; one that is good one day is good in all ways.
      expect(ran.code).toBe(report.verdict === "corrupt" ? 1 : 0);
      if (known) expect(report.findings.map(({ file }) => file?.split("-").at(-2))).toEqual(WAYS);
      for (const finding of report.findings) {
        expect(finding).toMatchObject({
          offsetBytes: 2048,
          lengthBytes: 2048,
          calls: [{ result: expect.any(Number) }],
        });
        expect(["foreign", "filled"]).toContain(finding.kind);
        expect(finding.file).not.toContain("control");
      }
      expect(report.totals).toMatchObject({ bytesVerified: 20_480, files: 11 });
      const left = readdirSync(directory, { recursive: true }).map((name) => `${directory}/${name}`);
      // One directory for all the evidence, and nothing else.
      expect(left.filter((path) => !report.artifacts.includes(path)).length).toBe(report.artifacts.length > 0 ? 1 : 0);
      rmSync(directory, { recursive: true });
    },
    TIMEOUT,
  );

  test(
    "one way, as nobody, in the default directory",
    async () => {
      const wrap = needed("root", "setpriv", "a public checkout")
        ? []
        : ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      const ran = await command("gallery/past-the-end", ["--by", "pwrite", "--json"], { wrap, timeoutMs: TIMEOUT });
      const report = reportOf(ran);
      for (const path of report.artifacts) {
        rmSync(dirname(path), { recursive: true });
        expect(existsSync(`/dev/shm/${basename(path)}`)).toBe(false);
      }
      expect(ran.code).toBe(report.verdict === "corrupt" ? 1 : 0);
      expect(report.trigger).toMatchObject({ reached: 1, attempts: 1 });
    },
    TIMEOUT,
  );
});

describe.skipIf(needed("root", "mkfs.xfs"))("short-write-exposes", () => {
  test(
    "XFS shows old memory behind a short write where this kernel is affected; tmpfs never does",
    async () => {
      const directory = mkdtempSync(`${os.tmpdir()}/short-write-exposes-`);
      const env = { TMPDIR: directory };
      const ran = await command("gallery/short-write-exposes", ["--json", "--seed", "1"], { env, timeoutMs: TIMEOUT });
      const report = reportOf(ran);
      expect(ran.code).toBe(report.verdict === "corrupt" ? 1 : 0);
      if (known) {
        // Pages of memory that was zero already show nothing: some of many writes do.
        expect(report.verdict).toBe("corrupt");
        expect(report.trigger?.reached).toBeGreaterThan(0);
      }
      for (const { offsetBytes, lengthBytes, calls, file } of report.findings) {
        const call = calls?.[0];
        expect(call?.result).toBeLessThan(call?.requestedBytes ?? 0);
        expect(offsetBytes % 512 === 0 && lengthBytes === 0).toBe(false);
        expect(file).toContain("/xfs-");
      }
      const lines = report.sections?.[0]?.lines ?? [];
      expect(lines[1]).toMatch(/^tmpfs \(control\): [1-9]\d* short writes, 0 exposed memory$/);
      rmSync(directory, { recursive: true });
    },
    TIMEOUT,
  );
});
