/** A sparse copy of fresh data, as a process: zeros in the copy, whole after fsync, nothing left mounted. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { needed } from "../../needed.ts";
import { command, reportOf } from "../command.ts";

const TIMEOUT = 120_000;
const known = os.release().startsWith("6.18.44");

describe.skipIf(needed("root", "mkfs.ext4"))("ext4-seek-data", () => {
  test(
    "the copy made at once is zeros where this kernel is affected; the one after fsync never is",
    async () => {
      const directory = mkdtempSync(`${os.tmpdir()}/ext4-seek-data-`);
      const ran = await command("gallery/ext4-seek-data", ["--json"], {
        env: { TMPDIR: directory },
        timeoutMs: TIMEOUT,
      });
      const report = reportOf(ran);
      expect(ran.code).toBe(report.verdict === "corrupt" ? 1 : 0);
      expect(report.environment.filesystem).toBe("ext4");
      if (known) {
        expect(report.findings).toMatchObject([
          {
            kind: "zeroed",
            offsetBytes: 1_048_576,
            lengthBytes: 262_144,
            pageAligned: true,
            calls: [{ what: "pwrite" }],
          },
        ]);
        // The evidence outlives the file system: 1 MiB of hole, then zeros where data was written.
        const kept = readFileSync(report.artifacts[0] as string);
        expect([kept.length, kept.every((byte) => byte === 0)]).toEqual([1_310_720, true]);
        expect(report.sections?.[0]?.lines[1]).toStartWith("at once: 0 of 262144");
      }
      for (const { file } of report.findings) expect(file).toContain("fresh");
      expect(report.sections?.[0]?.lines[1]).toEndWith("control, after fsync: 262144");
      const ours = readdirSync(directory).filter((name) => name.includes("bytewitness"));
      expect(ours.length).toBe(report.artifacts.length);
      rmSync(directory, { recursive: true });
    },
    TIMEOUT,
  );

  test(
    "a directory of another file system: judged, and the report shows that it is another",
    async () => {
      const directory = mkdtempSync("/dev/shm/ext4-seek-data-");
      const ran = await command("gallery/ext4-seek-data", [directory, "--json"], { timeoutMs: TIMEOUT });
      expect(ran.code).toBe(0);
      expect(reportOf(ran).sections?.[0]?.lines[0]).toContain("on tmpfs (the bug is ext4's");
      expect(readdirSync(directory)).toEqual([]);
      rmSync(directory, { recursive: true });
    },
    TIMEOUT,
  );
});
