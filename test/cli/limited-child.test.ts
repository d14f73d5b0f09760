/** Children that do not end by themselves: by SIGTERM, by SIGKILL, and one that the kernel holds (a frozen file system). */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { LimitedChild } from "../../src/cli/limited-child.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { needed } from "../needed.ts";

const LIMITS = {
  limitSeconds: 0.1,
  graceMs: 100,
  signal: new AbortController().signal,
  late: "late",
  interrupted: "no",
};

async function ended(...words: string[]) {
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  using limited = new LimitedChild(child, LIMITS);
  const signal = (await limited.ends(child.exited.then(() => child.signalCode))) ?? undefined;
  return { signal, cut: limited.cut };
}

test("one that hears SIGTERM, and one that does not", async () => {
  expect(await ended("sleep", "60")).toEqual({ signal: "SIGTERM", cut: "late" });
  const deaf = ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"];
  expect(await ended(...deaf)).toEqual({ signal: "SIGKILL", cut: "late" });
}, 60_000);

test.skipIf(needed("root", "mkfs.ext4", "fsfreeze"))(
  "one that waits in a call that no signal ends is not waited for",
  async () => {
    using directory = temporaryDirectory();
    const [image, mount] = [join(directory.path, "image"), join(directory.path, "mount")];
    const sh = (line: string) => expect(Bun.spawnSync(["sh", "-ec", line]).stderr.toString()).toBe("");
    sh(`truncate -s 64M '${image}'; mkfs.ext4 -q '${image}'; mkdir '${mount}'; mount -o loop '${image}' '${mount}'`);
    try {
      sh(`fsfreeze -f '${mount}'`);
      const { signal, cut } = await ended("sh", "-c", `echo > '${mount}/file'`);
      expect([signal, cut]).toEqual([
        undefined,
        "late; its process cannot be killed, for the kernel holds it in a call",
      ]);
    } finally {
      sh(`fsfreeze -u '${mount}'; while ! umount '${mount}' 2>/dev/null; do sleep 0.05; done`);
    }
  },
  60_000,
);
