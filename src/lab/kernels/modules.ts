/**
 * Kernel modules: what a module says of itself, and in which order a set of them must be loaded.
 *
 * Debian's cloud packages ship no modules.dep (it is made when a package is installed), so `depends=` and `softdep=` are
 * read from each module's .modinfo section, and the guest gets small modules.dep and modules.alias files made from them:
 * then the kernel's own request_module() ("tcp-ulp-tls", "fs-btrfs") works in the guest as on an installed system.
 * Refuses to load anything itself: it returns bytes and orders.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { findProgram, LabError, readText } from "./cache.ts";

export interface ModuleInfo {
  readonly name: string;
  readonly depends: readonly string[];
  /** Modules that this one works better with; absent ones are no error. */
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
  if (path.endsWith(".gz")) return gunzipSync(bytes);
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

export interface LoadedModule {
  readonly info: ModuleInfo;
  readonly bytes: Uint8Array;
}

/** Where each module of a kernel lies: below lib/modules/RELEASE, or anywhere in a build tree. */
export class ModuleLibrary {
  readonly #paths = new Map<string, string>();
  readonly #builtIn = new Set<string>();
  readonly #loaded = new Map<string, LoadedModule>();

  constructor(directory: string) {
    if (!existsSync(directory)) return;
    for (const file of listedModules(directory) ?? new Bun.Glob("**/*.{ko,ko.xz,ko.zst,ko.gz}").scanSync(directory)) {
      this.#paths.set(moduleNameOf(file), join(directory, file));
    }
    for (const line of (readText(join(directory, "modules.builtin")) ?? "").split("\n")) {
      if (line) this.#builtIn.add(moduleNameOf(line));
    }
  }

  has(name: string): boolean {
    return this.#paths.has(canonicalName(name));
  }

  isBuiltIn(name: string): boolean {
    return this.#builtIn.has(canonicalName(name));
  }

  async load(name: string): Promise<LoadedModule | undefined> {
    const key = canonicalName(name);
    const path = this.#paths.get(key);
    if (path === undefined) return undefined;
    let loaded = this.#loaded.get(key);
    if (!loaded) {
      const bytes = await readModule(path);
      loaded = { bytes, info: parseModinfo(bytes, key) };
      this.#loaded.set(key, loaded);
    }
    return loaded;
  }

  /** The named modules and all they need, in loading order; names that are built in or unknown are left out. */
  async order(names: readonly string[]): Promise<LoadedModule[]> {
    const done = new Set<string>();
    const ordered: LoadedModule[] = [];
    const visit = async (name: string): Promise<void> => {
      const key = canonicalName(name);
      if (done.has(key)) return;
      done.add(key);
      const module = await this.load(key);
      if (!module) return;
      for (const needed of [...module.info.softBefore, ...module.info.depends]) await visit(needed);
      ordered.push(module);
    };
    for (const name of names) await visit(name);
    return ordered;
  }
}

/** The lines of modules.dep: each module, then all it needs, direct and indirect, as depmod(8) writes them. */
export function modulesDep(modules: readonly LoadedModule[]): string {
  const byName = new Map(modules.map((module) => [module.info.name, module.info]));
  const closure = (name: string, into: string[]): string[] => {
    for (const needed of byName.get(name)?.depends ?? []) {
      if (into.includes(needed)) continue;
      into.push(needed);
      closure(needed, into);
    }
    return into;
  };
  const fileOf = (name: string) => `${name}.ko`;
  return modules
    .map(({ info }) => `${fileOf(info.name)}: ${closure(info.name, []).map(fileOf).join(" ")}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
}

/** The lines of modules.alias; PCI and other device aliases are left out, nothing hot-plugs in the guest. */
export function modulesAlias(modules: readonly LoadedModule[]): string {
  const lines = modules.flatMap(({ info }) =>
    info.aliases.filter((alias) => !alias.includes(":")).map((alias) => `alias ${alias} ${info.name}\n`),
  );
  return lines.join("");
}
