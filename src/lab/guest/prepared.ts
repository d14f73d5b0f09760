/**
 * What is made from a kernel before it can boot: the boot image without its packing, and the disk with its modules.
 *
 * Cached for packages, which never change; made anew for build trees, whose files change between two runs of a bisect.
 * A package's disk holds every module; a tree's only what a guest may ask for, since a tree can have gigabytes of them.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, partialName, publish, readJson } from "../kernels/cache.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { BLOCK_BYTES, loadingOrder, type ModuleTable, writeModuleImage } from "../kernels/module-image.ts";
import { canonicalName, moduleFiles, moduleNameOf, parseModinfo, readModule } from "../kernels/modules.ts";
import { extractVmlinux } from "../kernels/vmlinux.ts";

export interface PreparedKernel {
  /** What QEMU starts. */
  readonly bootImage: string;
  readonly moduleImage: string;
  readonly table: ModuleTable;
}

/** Raised when what is made changes. */
const FORMAT = 1;

/** Modules of a tree that scripts and mounts ask for, by name or alias; with those for the guest's own devices. */
const ASKED_FOR = [
  ...["virtio_pci", "virtio_blk", "virtio_console", "xfs", "ext4", "btrfs", "exfat", "vfat", "udf", "f2fs", "overlay"],
  // Kernel TLS asks the crypto layer for gcm(aes), which these provide.
  ...["tls", "gcm", "ghash_generic", "ctr", "aes_generic", "loop", "veth", "sch_netem", "tun", "fuse", "dm_mod"],
  ...["dm_flakey", "dm_log_writes", "null_blk", "brd", "zram", "nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8"],
  ...["crc32c_generic", "crc32c_intel", "rds_tcp", "vsock_loopback", "smc", "unix"],
];

export async function prepareKernel(kernel: Kernel, runDirectory: string): Promise<PreparedKernel> {
  if (kernel.cacheKey === undefined)
    return await prepare(kernel, runDirectory, await filesOfTree(kernel.modulesDirectory));
  const directory = cacheDirectory("prepared");
  const place = join(directory, `${kernel.cacheKey}-${FORMAT}`);
  if (!existsSync(place)) {
    const partial = partialName(directory, kernel.cacheKey);
    mkdirSync(partial, { recursive: true });
    await prepare(kernel, partial, moduleFiles(kernel.modulesDirectory));
    publish(partial, place);
  }
  const table = readJson<ModuleTable>(join(place, "table.json")) ?? { modules: [] };
  return { bootImage: bootImageOf(kernel, place), moduleImage: join(place, "modules"), table };
}

async function prepare(kernel: Kernel, directory: string, files: readonly string[]): Promise<PreparedKernel> {
  const vmlinux = await extractVmlinux(readFileSync(kernel.vmlinuz));
  if (vmlinux !== undefined) writeFileSync(join(directory, "vmlinux"), vmlinux);
  const moduleImage = join(directory, "modules");
  const table = await writeModuleImage(files, moduleImage);
  writeFileSync(join(directory, "table.json"), JSON.stringify(table));
  return { bootImage: bootImageOf(kernel, directory), moduleImage, table };
}

function bootImageOf(kernel: Kernel, directory: string): string {
  const vmlinux = join(directory, "vmlinux");
  return existsSync(vmlinux) ? vmlinux : kernel.vmlinuz;
}

/** The files of ASKED_FOR and of all they need. */
async function filesOfTree(directory: string): Promise<string[]> {
  const byName = new Map(moduleFiles(directory).map((file) => [moduleNameOf(file), file]));
  const chosen = new Map<string, string>();
  const visit = async (name: string): Promise<void> => {
    const key = canonicalName(name);
    const file = byName.get(key);
    if (file === undefined || chosen.has(key)) return;
    chosen.set(key, file);
    const info = parseModinfo(await readModule(file), key);
    for (const needed of [...info.softBefore, ...info.depends]) await visit(needed);
  };
  for (const name of ASKED_FOR) await visit(name);
  return [...chosen.values()];
}

/** The named modules and all they need, in loading order, with their bytes: for the initramfs. */
export function bootModules(prepared: PreparedKernel, names: readonly string[]): { name: string; bytes: Uint8Array }[] {
  const fd = openSync(prepared.moduleImage, "r");
  try {
    return loadingOrder(prepared.table, names).map(({ name, block, sizeBytes }) => {
      const bytes = new Uint8Array(sizeBytes);
      readSync(fd, bytes, 0, sizeBytes, block * BLOCK_BYTES);
      return { name, bytes };
    });
  } finally {
    closeSync(fd);
  }
}
