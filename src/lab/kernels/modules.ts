/**
 * Kernel modules: where they are, and what each states about itself.
 *
 * Debian's packages ship no modules.dep (it is made when a package is installed), so `depends=`, `softdep=` and `alias=`
 * are read from each module's .modinfo section. Refuses to load anything: it returns bytes and words.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { findProgram, LabError, readText } from "./cache.ts";

export interface ModuleInfo {
  readonly name: string;
  readonly depends: readonly string[];
  /** Modules that this one works better with; absent ones are not an error. */
  readonly softBefore: readonly string[];
  readonly aliases: readonly string[];
}

/** The kernel treats "-" and "_" in module names alike; so does everything here. */
export function canonicalName(name: string): string {
  return name.replaceAll("-", "_");
}

/** The name of a module from its file: "crc32c-intel.ko.xz" is crc32c_intel. */
export function moduleNameOf(path: string): string {
  return canonicalName(basename(path).replace(/\.ko(\.(xz|zst|gz))?$/, ""));
}

/** Reads .modinfo (NUL-separated `key=value`) of an uncompressed 64-bit little-endian module. */
export function parseModinfo(module: Uint8Array, fallbackName = ""): ModuleInfo {
  const section = findSection(module, ".modinfo");
  const entries = section
    ? new TextDecoder()
        .decode(section)
        .split("\0")
        .filter((entry) => entry.includes("="))
    : [];
  const valuesOf = (key: string) =>
    entries.filter((entry) => entry.startsWith(`${key}=`)).map((entry) => entry.slice(key.length + 1));
  const softBefore = valuesOf("softdep").flatMap((value) => /\bpre:((?:\s+[^\s:]+(?!\S*:))+)/.exec(value)?.[1] ?? []);
  return {
    name: canonicalName(valuesOf("name")[0] ?? fallbackName),
    depends: (valuesOf("depends")[0] ?? "").split(",").filter(Boolean).map(canonicalName),
    softBefore: softBefore.flatMap((names) => names.trim().split(/\s+/)).map(canonicalName),
    aliases: valuesOf("alias"),
  };
}

/** elf(5): the section header table, its string table, and the section with that name. */
function findSection(elf: Uint8Array, wanted: string): Uint8Array | undefined {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint8(4) !== 2) {
    throw new LabError("not a 64-bit kernel module");
  }
  const tableOffset = Number(view.getBigUint64(0x28, true));
  const entryBytes = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const headerOf = (index: number) => {
    const at = tableOffset + index * entryBytes;
    return {
      nameOffset: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 0x18, true)),
      size: Number(view.getBigUint64(at + 0x20, true)),
    };
  };
  const names = headerOf(view.getUint16(0x3e, true)).offset;
  for (let index = 0; index < count; index++) {
    const header = headerOf(index);
    const start = names + header.nameOffset;
    const end = elf.indexOf(0, start);
    if (new TextDecoder().decode(elf.subarray(start, end)) === wanted) {
      return elf.subarray(header.offset, header.offset + header.size);
    }
  }
  return undefined;
}

/** The bytes of a module file as insmod(8) wants them: decompressed here, since busybox and old kernels cannot. */
export async function readModule(path: string): Promise<Uint8Array> {
  const bytes = readFileSync(path);
  if (path.endsWith(".zst")) return await Bun.zstdDecompress(bytes);
  if (path.endsWith(".gz")) return Bun.gunzipSync(bytes);
  if (!path.endsWith(".xz")) return bytes;
  const child = Bun.spawn([findProgram("xz", "xz-utils"), "-dc"], { stdin: bytes, stdout: "pipe", stderr: "inherit" });
  const plain = new Uint8Array(await new Response(child.stdout).arrayBuffer());
  if ((await child.exited) !== 0) throw new LabError(`xz could not decompress ${path}`);
  return plain;
}

/**
 * The modules of a build tree as its own modules.order lists them (".o" names since v6.3): walking a kernel tree of ninety
 * thousand files takes longer than booting it. Undefined where the list does not fit the files, as in installed
 * directories with compressed modules.
 */
function listedModules(directory: string): string[] | undefined {
  const lines = (readText(join(directory, "modules.order")) ?? "").split("\n").filter(Boolean);
  const files = lines.map((line) => line.replace(/\.o$/, ".ko"));
  return files.length > 0 && files.every((file) => existsSync(join(directory, file))) ? files : undefined;
}

/** Where the modules of a kernel are: below lib/modules/RELEASE, or anywhere in a build tree. Absolute paths. */
export function moduleFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const files =
    listedModules(directory) ?? [...new Bun.Glob("**/*.{ko,ko.xz,ko.zst,ko.gz}").scanSync(directory)].sort();
  return files.map((file) => join(directory, file));
}

/** The names of what is built in, where the build left a list of it. */
export function builtInModules(directory: string): Set<string> {
  const lines = (readText(join(directory, "modules.builtin")) ?? "").split("\n").filter(Boolean);
  return new Set(lines.map(moduleNameOf));
}
