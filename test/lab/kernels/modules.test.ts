/** Module information from ELF files made by hand; where the modules of a kernel are. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { builtInModules, moduleFiles, moduleNameOf, parseModinfo } from "../../../src/lab/kernels/modules.ts";
import { makeModule } from "../make-module.ts";
import { temporaryDirectory } from "../temporary.ts";

const BTRFS = [
  "license=GPL",
  "alias=fs-btrfs",
  "depends=raid6_pq,libcrc32c",
  "name=btrfs",
  "softdep=pre: crc32c xor-x",
];

describe("parseModinfo", () => {
  test("reads names, dependencies, soft dependencies and aliases", () => {
    expect(parseModinfo(makeModule(BTRFS))).toEqual({
      name: "btrfs",
      depends: ["raid6_pq", "libcrc32c"],
      softBefore: ["crc32c", "xor_x"],
      aliases: ["fs-btrfs"],
    });
  });

  test("soft dependencies end where the later ones begin", () => {
    const info = parseModinfo(makeModule(["name=a", "softdep=pre: b-c d post: e"]));
    expect(info.softBefore).toEqual(["b_c", "d"]);
  });

  test("refuses what is not a module", () => {
    expect(() => parseModinfo(new Uint8Array(100))).toThrow("not a 64-bit kernel module");
  });
});

test("file names give module names", () => {
  const names = ["kernel/a/crc32c-intel.ko", "xfs.ko.xz", "b/dm-mod.ko.zst", "c.ko.gz"].map(moduleNameOf);
  expect(names).toEqual(["crc32c_intel", "xfs", "dm_mod", "c"]);
});

describe("the modules of a kernel", () => {
  test("a build tree's own list is believed where it fits, and nothing next to it", () => {
    using directory = temporaryDirectory();
    mkdirSync(join(directory.path, "fs/xfs"), { recursive: true });
    writeFileSync(join(directory.path, "fs/xfs/xfs.ko"), makeModule(["name=xfs"]));
    writeFileSync(join(directory.path, "stray.ko"), makeModule(["name=stray"]));
    const names = () => moduleFiles(directory.path).map(moduleNameOf).sort();
    expect(names()).toEqual(["stray", "xfs"]);
    writeFileSync(join(directory.path, "modules.order"), "fs/xfs/xfs.o\n");
    expect(names()).toEqual(["xfs"]);
    writeFileSync(join(directory.path, "modules.order"), "fs/xfs/xfs.o\nfs/gone.o\n");
    expect(names()).toEqual(["stray", "xfs"]);
    expect(moduleFiles(join(directory.path, "absent"))).toEqual([]);
  });

  test("what is built in is read from the build's list", () => {
    using directory = temporaryDirectory();
    expect(builtInModules(directory.path)).toEqual(new Set());
    writeFileSync(
      join(directory.path, "modules.builtin"),
      "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-pci.ko\n",
    );
    expect(builtInModules(directory.path)).toEqual(new Set(["ext4", "virtio_pci"]));
  });
});
