/** A scratch XFS is a real one, is seen by no one else, and is gone after every end of its process, also SIGKILL. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { needed } from "../needed.ts";
import { IN_PRIVATE } from "../private.ts";
import { until } from "../until.ts";
import { childValue, runChild } from "./child.ts";

const NEEDS = ["root", "mkfs.xfs"] as const;

/** Loop devices whose image is a deleted file of ours. */
function ourLoops(): string[] {
  return readdirSync("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .filter((name) => {
      try {
        return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").includes("bytewitness-mount-test");
      } catch {
        return false;
      }
    });
}

const gone = () => until("the loop device to be detached", () => ourLoops().length === 0);

describe.skipIf(needed(...NEEDS))("scratchXfs", () => {
  test("is XFS, writable, private, and gone at the end", async () => {
    const value = await childValue("scratch.ts", [tmpdir()]);
    expect(value).toEqual({
      type: "xfs",
      mountPoint: "/run/bytewitness/mounts/xfs-1",
      written: "bytes on XFS",
      deviceSeen: true,
      afterUnmount: false,
    });
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("bytewitness-mount-test");
    await gone();
  });

  test("SIGKILL in the middle leaves no mount, no loop device, no image", async () => {
    const ended = await runChild("scratch.ts", [tmpdir(), "wait"], { signal: "SIGKILL" });
    expect(ended.signal).toBe("SIGKILL");
    await gone();
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("bytewitness-mount-test"))).toEqual([]);
  });
});

test.skipIf(needed("root"))("a private namespace can be entered in a chroot whose root is not a mount point", () => {
  // This machine's own root, bound below a directory of the chroot, is all that Bun needs in it.
  const script = `
    set -e; chroot=$(mktemp -d); trap 'rmdir "$chroot"' EXIT; mount -t tmpfs none "$chroot"; mount --make-shared "$chroot"
    mkdir "$chroot/root"; cd "$chroot/root"
    for name in /*; do
      if [ -L "$name" ]; then cp -P "$name" .$name
      elif [ -d "$name" ]; then mkdir .$name; mount --rbind "$name" .$name; fi
    done
    chroot . "$@"; umount -l "$chroot"`;
  const module = new URL("../../src/ops/mount.ts", import.meta.url).pathname;
  const code = `
    const { enterPrivateMountNamespace, mount } = await import("${module}");
    const { readFileSync, readlinkSync } = require("node:fs");
    const before = [readlinkSync("/proc/thread-self/root"), process.cwd()];
    enterPrivateMountNamespace();
    console.log(JSON.stringify(before) === JSON.stringify([readlinkSync("/proc/thread-self/root"), process.cwd()]));
    mount({ source: "none", target: "/mnt", type: "tmpfs" });
    console.log(readFileSync("/proc/thread-self/mountinfo", "utf8").includes(" /mnt ") ? "mounted" : "not mounted");
    console.log(/ shared:/.test(readFileSync("/proc/thread-self/mountinfo", "utf8")) ? "shared" : "private");`;
  // The mount that holds the chroot is shared: what the child mounts must not come back.
  const outer = [...IN_PRIVATE, "sh", "-c", script, "sh"];
  const ended = Bun.spawnSync([...outer, process.execPath, "-e", code]);
  expect(ended.stderr.toString()).toBe("");
  expect(ended.stdout.toString()).toBe("true\nmounted\nprivate\n");
});

test.skipIf(needed("root", "setpriv", "a public checkout"))("without privileges: one line about it", async () => {
  const ended = await runChild("scratch.ts", [tmpdir()], {
    prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
  });
  expect([1, 255]).toContain(ended.code as number);
  expect(ended.stderr).toContain(
    "unshare(CLONE_NEWNS): EPERM (operation not permitted); making a private mount needs root (CAP_SYS_ADMIN)",
  );
});

test.skipIf(needed(...NEEDS))("without mkfs.xfs: one line on what to install", async () => {
  const ended = await runChild("scratch.ts", [tmpdir()], { env: { HIDE_MKFS: "1" } });
  expect(ended.stderr).toContain("execve(mkfs.xfs): ENOENT (no such file or directory); install xfsprogs");
});
