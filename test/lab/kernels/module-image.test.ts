/** All modules of a kernel in one file: whatever their compression, without signatures, with the tables of modprobe. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  aliasLines,
  BLOCK_BYTES,
  deviceNodes,
  indexLines,
  loadingOrder,
  withoutSignature,
  writeModuleImage,
} from "../../../src/lab/kernels/module-image.ts";
import { moduleFiles } from "../../../src/lab/kernels/modules.ts";
import { needed } from "../../needed.ts";
import { makeModule } from "../make-module.ts";
import { temporaryDirectory } from "../temporary.ts";

const BTRFS = ["alias=fs-btrfs", "depends=raid6_pq,libcrc32c", "name=btrfs", "softdep=pre: crc32c xor-x"];

function signed(module: Uint8Array): Uint8Array {
  const signature = Buffer.alloc(700, 7);
  const header = Buffer.alloc(12);
  header.writeUInt32BE(signature.length, 8);
  return Buffer.concat([module, signature, header, Buffer.from("~Module signature appended~\n")]);
}

test("a signature is cut off, and nothing that only looks like one", () => {
  const module = makeModule(["name=a"]);
  expect(Buffer.from(withoutSignature(signed(module)))).toEqual(Buffer.from(module));
  expect(withoutSignature(module)).toBe(module);
  const lying = Buffer.from(signed(module));
  lying.writeUInt32BE(1 << 30, lying.length - 32);
  expect(withoutSignature(lying)).toHaveLength(lying.length);
});

test.skipIf(needed("xz"))(
  "modules from every compression, each from a block of its own, with all they need",
  async () => {
    using directory = temporaryDirectory();
    mkdirSync(join(directory.path, "kernel/fs"), { recursive: true });
    const put = (name: string, bytes: Uint8Array) => writeFileSync(join(directory.path, "kernel", name), bytes);
    const btrfs = Buffer.concat([makeModule(BTRFS), Buffer.alloc(2 * BLOCK_BYTES, 1)]);
    const loop = makeModule(["name=loop", "alias=devname:loop-control", "alias=char-major-10-237"]);
    put("fs/btrfs.ko", signed(btrfs));
    put("raid6-pq.ko.zst", await Bun.zstdCompress(makeModule(["name=raid6_pq", "depends="])));
    put("libcrc32c.ko.gz", Bun.gzipSync(Buffer.from(makeModule(["name=libcrc32c", "depends=crc32c"]))));
    put("crc32c.ko", makeModule(["name=crc32c", "alias=crypto-crc32c", "alias=pci:v0001*"]));
    put("loop.ko", loop);
    for (const name of ["crc32c.ko", "loop.ko"]) {
      expect(Bun.spawnSync(["xz", join(directory.path, "kernel", name)]).exitCode).toBe(0);
    }
    const image = join(directory.path, "image");
    const table = await writeModuleImage(moduleFiles(directory.path), image);
    const bytes = readFileSync(image);
    expect(bytes.length % BLOCK_BYTES).toBe(0);
    const contentOf = (name: string) => {
      const module = table.modules.find((entry) => entry.name === name);
      if (module === undefined) throw new Error(`no ${name}`);
      return bytes.subarray(module.block * BLOCK_BYTES, module.block * BLOCK_BYTES + module.sizeBytes);
    };
    expect(contentOf("btrfs").equals(btrfs)).toBe(true);
    expect(contentOf("loop").equals(Buffer.from(loop))).toBe(true);
    expect(loadingOrder(table, ["btrfs", "absent", "raid6-pq"]).map(({ name }) => name)).toEqual([
      ...["crc32c", "raid6_pq", "libcrc32c", "btrfs"],
    ]);
    expect(
      indexLines(table)
        .split("\n")
        .find((line) => line.startsWith("btrfs ")),
    ).toMatch(/^btrfs \d+ \d+ crc32c,raid6_pq,libcrc32c$/);
    expect(indexLines(table)).toMatch(/^raid6_pq \d+ \d+ -$/m);
    expect(aliasLines(table).trim().split("\n").sort()).toEqual([
      ...["char-major-10-237 loop", "crypto-crc32c crc32c", "fs-btrfs btrfs"],
    ]);
    expect(deviceNodes(table)).toEqual([{ name: "loop-control", type: "char", major: 10, minor: 237 }]);
  },
  60_000,
);

test("a kernel without modules has a disk of one block", async () => {
  using directory = temporaryDirectory();
  const image = join(directory.path, "image");
  expect(await writeModuleImage([], image)).toEqual({ modules: [] });
  expect(readFileSync(image)).toHaveLength(BLOCK_BYTES);
});
