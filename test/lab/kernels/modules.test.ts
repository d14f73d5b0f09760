/** Module information from ELF files made by hand; order, modules.dep and modules.alias. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ModuleLibrary,
  moduleNameOf,
  modulesAlias,
  modulesDep,
  parseModinfo,
  readModule,
} from "../../../src/lab/kernels/modules.ts";
import { needed } from "../../needed.ts";
import { temporaryDirectory } from "../temporary.ts";

/** The smallest 64-bit ELF file with a .modinfo section: header, strings, modinfo, three section headers. */
function makeModule(entries: readonly string[]): Uint8Array {
  const names = Buffer.from("\0.modinfo\0.shstrtab\0");
  const modinfo = Buffer.from(entries.map((entry) => `${entry}\0`).join(""));
  const tableAt = 64 + names.length + modinfo.length;
  const elf = Buffer.alloc(tableAt + 3 * 64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeBigUInt64LE(BigInt(tableAt), 0x28);
  elf.writeUInt16LE(64, 0x3a);
  elf.writeUInt16LE(3, 0x3c);
  elf.writeUInt16LE(2, 0x3e);
  names.copy(elf, 64);
  modinfo.copy(elf, 64 + names.length);
  const section = (index: number, [name, offset, size]: [number, number, number]) => {
    elf.writeUInt32LE(name, tableAt + index * 64);
    elf.writeBigUInt64LE(BigInt(offset), tableAt + index * 64 + 0x18);
    elf.writeBigUInt64LE(BigInt(size), tableAt + index * 64 + 0x20);
  };
  section(1, [1, 64 + names.length, modinfo.length]);
  section(2, [10, 64, names.length]);
  return elf;
}

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

  test("refuses what is no module", () => {
    expect(() => parseModinfo(new Uint8Array(100))).toThrow("not a 64-bit kernel module");
  });
});

test("file names give module names", () => {
  const names = ["kernel/a/crc32c-intel.ko", "xfs.ko.xz", "b/dm-mod.ko.zst", "c.ko.gz"].map(moduleNameOf);
  expect(names).toEqual(["crc32c_intel", "xfs", "dm_mod", "c"]);
});

describe("ModuleLibrary", () => {
  test("orders dependencies before dependants, whatever the compression, and writes depmod's files", async () => {
    using directory = temporaryDirectory();
    mkdirSync(join(directory.path, "kernel/fs"), { recursive: true });
    const put = (name: string, bytes: Uint8Array) => writeFileSync(join(directory.path, "kernel", name), bytes);
    put("fs/btrfs.ko", makeModule(BTRFS));
    put("raid6-pq.ko.zst", await Bun.zstdCompress(makeModule(["name=raid6_pq", "depends="])));
    put("libcrc32c.ko.gz", Bun.gzipSync(Buffer.from(makeModule(["name=libcrc32c", "depends=crc32c"]))));
    put("crc32c.ko", makeModule(["name=crc32c", "alias=crypto-crc32c", "alias=pci:v0001*"]));
    const ordered = await new ModuleLibrary(directory.path).order(["btrfs", "absent", "raid6-pq"]);
    expect(ordered.map(({ info }) => info.name)).toEqual(["crc32c", "raid6_pq", "libcrc32c", "btrfs"]);
    expect(modulesDep(ordered)).toBe(
      "crc32c.ko:\nraid6_pq.ko:\nlibcrc32c.ko: crc32c.ko\nbtrfs.ko: raid6_pq.ko libcrc32c.ko crc32c.ko\n",
    );
    expect(modulesAlias(ordered)).toBe("alias crypto-crc32c crc32c\nalias fs-btrfs btrfs\n");
  });

  test("a build tree's own list is believed where it fits, and nothing beside it", async () => {
    using directory = temporaryDirectory();
    mkdirSync(join(directory.path, "fs/xfs"), { recursive: true });
    writeFileSync(join(directory.path, "fs/xfs/xfs.ko"), makeModule(["name=xfs"]));
    writeFileSync(join(directory.path, "stray.ko"), makeModule(["name=stray"]));
    const has = () => ["xfs", "stray"].map((name) => new ModuleLibrary(directory.path).has(name));
    expect(has()).toEqual([true, true]);
    writeFileSync(join(directory.path, "modules.order"), "fs/xfs/xfs.o\n");
    expect(has()).toEqual([true, false]);
    writeFileSync(join(directory.path, "modules.order"), "fs/xfs/xfs.o\nfs/gone.o\n");
    expect(has()).toEqual([true, true]);
  });

  test.skipIf(needed("xz"))("decompresses .ko.xz with xz", async () => {
    using directory = temporaryDirectory();
    const plain = makeModule(["name=a"]);
    const path = join(directory.path, "a.ko");
    writeFileSync(path, plain);
    expect(Bun.spawnSync(["xz", path]).exitCode).toBe(0);
    expect(await readModule(`${path}.xz`)).toEqual(new Uint8Array(plain));
  });
});
