/**
 * All modules of a kernel in one file, which a guest gets as a disk: it loads from there whatever a script or mount asks
 * for, by name or alias, without a file system.
 *
 * Owns the layout (each module from a 4096-byte boundary on) and the two text tables that the guest's modprobe reads.
 * Signatures are cut off: checking them costs an emulated guest more than the module itself. Refuses to change anything
 * else in a module.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { findProgram, LabError } from "./cache.ts";
import { canonicalName, type ModuleInfo, moduleNameOf, parseModinfo, readModule } from "./modules.ts";

export const BLOCK_BYTES = 4096;

export interface StoredModule extends ModuleInfo {
  /** Where it begins in the image, in blocks. */
  readonly block: number;
  readonly sizeBytes: number;
}

export interface ModuleTable {
  readonly modules: readonly StoredModule[];
}

const SIGNATURE_MARK = Buffer.from("~Module signature appended~\n");
/** struct module_signature, include/linux/module_signature.h; its last field is the big-endian length of the signature. */
const SIGNATURE_HEADER_BYTES = 12;

/** A module without the signature that may be appended to it. */
export function withoutSignature(bytes: Uint8Array): Uint8Array {
  const markAt = bytes.length - SIGNATURE_MARK.length;
  if (markAt < SIGNATURE_HEADER_BYTES || !SIGNATURE_MARK.equals(bytes.subarray(markAt))) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = markAt - SIGNATURE_HEADER_BYTES - view.getUint32(markAt - 4);
  return end > 0 ? bytes.subarray(0, end) : bytes;
}

/** Writes the modules of these files to `path`, in their order, and returns where each is. */
export async function writeModuleImage(files: readonly string[], path: string): Promise<ModuleTable> {
  const modules: StoredModule[] = [];
  const fd = openSync(path, "w");
  try {
    let block = 0;
    for await (const { file, bytes } of contentsOf(files)) {
      const plain = withoutSignature(bytes);
      const info = parseModinfo(plain, moduleNameOf(file));
      let done = 0;
      while (done < plain.length) done += writeSync(fd, plain, done, plain.length - done, block * BLOCK_BYTES + done);
      modules.push({ ...info, block, sizeBytes: plain.length });
      block += Math.ceil(plain.length / BLOCK_BYTES);
    }
    // A disk has whole sectors, and at least one.
    writeSync(fd, new Uint8Array(1), 0, 1, Math.max(block, 1) * BLOCK_BYTES - 1);
  } finally {
    closeSync(fd);
  }
  return { modules };
}

interface SectionContent {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Files that are packed by xz go through one xz(1) together: a process for each of a thousand would take seconds. */
async function* contentsOf(files: readonly string[]): AsyncGenerator<SectionContent> {
  for (const file of files.filter((name) => !name.endsWith(".xz"))) yield { file, bytes: await readModule(file) };
  const packed = files.filter((name) => name.endsWith(".xz"));
  if (packed.length === 0) return;
  const xz = findProgram("xz", "xz-utils");
  const names = Buffer.from(packed.map((name) => `${name}\0`).join(""));
  const run = (...options: string[]) =>
    Bun.spawn([xz, ...options, "--files0"], { stdin: names, stdout: "pipe", stderr: "inherit" });
  // "file streams blocks packed UNPACKED ratio …", one line for each, tabs between (xz(1), ROBOT MODE).
  const list = await new Response(run("--robot", "--list").stdout).text();
  const sizes = [...list.matchAll(/^file\t\d+\t\d+\t\d+\t(\d+)\t/gm)].map(([, size]) => Number(size));
  const stream = new Uint8Array(await new Response(run("-dc").stdout).arrayBuffer());
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.length !== packed.length || total !== stream.length)
    throw new LabError("xz could not unpack the kernel's modules");
  let at = 0;
  for (const [index, file] of packed.entries()) {
    const end = at + (sizes[index] ?? 0);
    yield { file, bytes: stream.subarray(at, end) };
    at = end;
  }
}

/** What `names` need, before them, each once; unknown names (built in, or absent) are left out. */
export function loadingOrder(table: ModuleTable, names: readonly string[]): StoredModule[] {
  return orderIn(table)(names);
}

function orderIn(table: ModuleTable): (names: readonly string[]) => StoredModule[] {
  const byName = new Map(table.modules.map((module) => [module.name, module]));
  return (names) => {
    const done = new Set<string>();
    const ordered: StoredModule[] = [];
    const visit = (name: string): void => {
      const module = byName.get(canonicalName(name));
      if (module === undefined || done.has(module.name)) return;
      done.add(module.name);
      for (const needed of [...module.softBefore, ...module.depends]) visit(needed);
      ordered.push(module);
    };
    for (const name of names) visit(name);
    return ordered;
  };
}

/** Lines "NAME BLOCK BYTES NEEDED,NEEDED", where those needed are all of them in loading order, "-" for none. */
export function indexLines(table: ModuleTable): string {
  const order = orderIn(table);
  return table.modules
    .map(({ name, block, sizeBytes }) => {
      const needed = order([name]).slice(0, -1);
      return `${name} ${block} ${sizeBytes} ${needed.map((module) => module.name).join(",") || "-"}\n`;
    })
    .join("");
}

/** Lines "ALIAS NAME"; aliases of hardware are left out, nothing is plugged into a guest. */
export function aliasLines(table: ModuleTable): string {
  const software = (alias: string) => !alias.includes(":") || /^(ip_set|xt|ipt|ip6t|nft)/.test(alias);
  return table.modules
    .flatMap(({ name, aliases }) => aliases.filter(software).map((alias) => `${alias} ${name}\n`))
    .join("");
}

export interface DeviceNode {
  /** Below /dev: "net/tun". */
  readonly name: string;
  readonly type: "char" | "block";
  readonly major: number;
  readonly minor: number;
}

/**
 * Device nodes that exist before their module is loaded, and whose first use loads it (/dev/loop-control, /dev/net/tun):
 * what kmod-static-nodes makes on an installed system.
 */
export function deviceNodes(table: ModuleTable): DeviceNode[] {
  return table.modules.flatMap(({ aliases }) => {
    const name = aliases.find((alias) => alias.startsWith("devname:"))?.slice("devname:".length);
    const number = aliases
      .map((alias) => /^(char|block)-major-(\d+)-(\d+)$/.exec(alias))
      .find((match) => match !== null);
    if (name === undefined || number == null) return [];
    return [{ name, type: number[1] as DeviceNode["type"], major: Number(number[2]), minor: Number(number[3]) }];
  });
}
