/** File systems of a run's own against findmnt(8) and blkid(8); gone after every end of the process, also SIGKILL. */
import { describe, expect, test } from "bun:test";
import { filesystemLoaded, filesystemMissing, makeFilesystem } from "../../src/ops/filesystem.ts";
import { needed } from "../needed.ts";
import { childValue, runChild } from "./child.ts";

const TIMEOUT = 60_000;

describe.skipIf(needed("root", "mkfs.xfs", "mkfs.ext4", "mkfs.btrfs"))("scratchFilesystem", () => {
  for (const [type, ...options] of [
    ["xfs", "-b", "size=1024"],
    ["ext4", "-O", "^extent,^64bit"],
    ["btrfs"],
    ["tmpfs"],
  ] as [string, ...string[]][]) {
    test(
      `${type} ${options.join(" ")}`,
      async () => {
        expect(await childValue("filesystem.ts", [type, ...options], { timeoutMs: TIMEOUT })).toEqual({
          ...{ seen: type, findmnt: type, after: false, deviceHolds: false },
          ...(type === "tmpfs" ? { blkid: "", read: "" } : { blkid: type, read: "some bytes" }),
        });
      },
      TIMEOUT,
    );
  }

  test(
    "after SIGKILL neither mount nor loop device is left",
    async () => {
      const ended = await runChild("filesystem.ts", ["ext4"], {
        ...{ signal: "SIGKILL", timeoutMs: TIMEOUT, env: { WAIT: "1" } },
      });
      expect(ended.signal).toBe("SIGKILL");
      const device = ended.stdout.split("\n")[0] as string;
      expect(device).toStartWith("/dev/loop");
      const deadlineMs = performance.now() + 10_000;
      // Another run may have the device by then: what counts is that it no longer has an image of that process.
      const image = () => Bun.spawnSync(["losetup", "-n", "-O", "BACK-FILE", device]).stdout.toString().trim();
      while (image() !== "" && performance.now() < deadlineMs) await Bun.sleep(20);
      expect(image()).toBe("");
    },
    TIMEOUT,
  );

  test(
    "mkfs's own problem is the error, and nothing stays attached",
    async () => {
      const ended = await runChild("filesystem.ts", ["ext4", "--no-such-option"], { timeoutMs: TIMEOUT });
      expect([1, 255]).toContain(ended.code as number);
      expect(ended.stderr).toContain("mkfs.ext4 /dev/loop");
      expect(ended.stderr).toContain("option");
    },
    TIMEOUT,
  );
});

test("a type that no one has is missing by name", () => {
  expect(filesystemLoaded("nosuchfs")).toBe(false);
  expect(filesystemLoaded("tmpfs")).toBe(true);
  expect(filesystemMissing("nosuchfs")).toMatch(/mkfs\.nosuchfs is not installed|needs root/);
  expect(() => makeFilesystem("nosuchfs", "/dev/null")).toThrow("execve(mkfs.nosuchfs): ENOENT");
});
