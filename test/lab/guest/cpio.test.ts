/** Archives written here, read back by cpio(1). */
import { expect, test } from "bun:test";
import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CpioWriter } from "../../../src/lab/guest/cpio.ts";
import { needed } from "../../needed.ts";
import { temporaryDirectory } from "../temporary.ts";

test.skipIf(needed("cpio"))(
  "cpio(1) reads back what was written: directories, files of odd sizes, links, a device",
  () => {
    using directory = temporaryDirectory();
    const archive = join(directory.path, "a.cpio");
    const source = join(directory.path, "source");
    const big = new Uint8Array(3 * 1048576 + 1).map((_, index) => index % 251);
    writeFileSync(source, big);
    const fd = openSync(archive, "w");
    const size = new CpioWriter(fd)
      .file("/init", "#!/bin/sh\n", 0o755)
      .file("deep/er/empty", "")
      .directory("deep", 0o700)
      .copy("usr/bin/big", source, 0o755)
      .symlink("bin/sh", "busybox")
      .characterDevice("dev/console", { major: 5, minor: 1 })
      .end();
    closeSync(fd);
    expect(size).toBe(lstatSync(archive).size);
    expect(size % 512).toBe(0);

    const listed = Bun.spawnSync(["cpio", "-it", "--quiet"], { stdin: Bun.file(archive) });
    expect(listed.exitCode).toBe(0);
    expect(listed.stdout.toString().trim().split("\n")).toEqual([
      "init",
      "deep",
      "deep/er",
      "deep/er/empty",
      "usr",
      "usr/bin",
      "usr/bin/big",
      "bin",
      "bin/sh",
      "dev",
      "dev/console",
    ]);
    const verbose = Bun.spawnSync(["cpio", "-itv", "--quiet", "dev/console"], { stdin: Bun.file(archive) });
    expect(verbose.stdout.toString()).toMatch(/^crw-------.* 5, +1 .*dev\/console/);

    const out = join(directory.path, "out");
    const extracted = Bun.spawnSync(
      ["sh", "-c", `mkdir ${out} && cd ${out} && cpio -id --quiet init usr/bin/big bin/sh`],
      {
        stdin: Bun.file(archive),
      },
    );
    expect(extracted.exitCode).toBe(0);
    expect(readFileSync(join(out, "usr/bin/big")).equals(Buffer.from(big))).toBe(true);
    expect(lstatSync(join(out, "init")).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(out, "bin/sh"))).toBe("busybox");
  },
);
