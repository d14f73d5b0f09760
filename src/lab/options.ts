/**
 * The flags that describe a guest, for every subcommand that boots one, and what they come to.
 *
 * Owns the defaults, which depend on the script: the survey and the gallery race on two processors and hold more memory
 * than the flagships need.
 */
import { statSync } from "node:fs";
import { totalmem } from "node:os";
import { basename, resolve } from "node:path";
import { type ArgumentSpecs, type Arguments, parseSize, UsageError } from "../cli/args.ts";
import { ACCELERATIONS } from "./guest/accel.ts";
import { FILE_SYSTEMS } from "./guest/filesystems.ts";
import type { LabOptions } from "./run.ts";
import { findScript, refuseCollisions } from "./script.ts";

const ON_DISK = { fs: { not: "tmpfs" } } as const;
const HUGE_PAGE_BYTES = 2 ** 21;

export const MACHINE = {
  fs: { kind: "choice", choices: FILE_SYSTEMS, default: "xfs", description: "file system on /mnt/test in the guest" },
  mkfsOptions: { onlyWith: ON_DISK, kind: "text", optional: true, description: 'words for mkfs, as in "-b size=1024"' },
  mountOptions: { kind: "text", optional: true, description: 'for mount -o, as in "noatime,discard"' },
  diskSize: {
    onlyWith: ON_DISK,
    kind: "size",
    default: "8GiB",
    min: 2 ** 26,
    max: 2 ** 43,
    description: "size of the (sparse) test disk",
  },
  disks: {
    kind: "text",
    optional: true,
    description: "sizes of blank disks (commas between); BYTEWITNESS_DISKS names them",
  },
  swap: { kind: "size", optional: true, min: 2 ** 20, max: 2 ** 43, description: "size of a swap disk, switched on" },
  hugePages: { kind: "count", default: 0, max: 1 << 20, description: "huge pages (of 2 MiB) set aside" },
  ksm: { kind: "flag", description: "switch KSM on" },
  memory: {
    kind: "size",
    optional: true,
    min: 2 ** 28,
    description: "the guest's memory [1GiB; 2GiB for the survey and the gallery]",
  },
  cpus: {
    kind: "count",
    optional: true,
    min: 1,
    max: 64,
    description: "the guest's processors [1; 2 for the survey and the gallery]",
  },
  timeout: { kind: "duration", default: "15m", description: "a guest that runs longer is killed: 125" },
  accel: { kind: "choice", choices: ACCELERATIONS, default: "auto", description: "KVM where it works, else emulation" },
  append: { kind: "text", optional: true, description: "added to the kernel command line" },
  with: { kind: "text", optional: true, description: "files (commas between) to put under /bytewitness/guest as well" },
  flavour: { kind: "text", default: "cloud-amd64", description: "flavour of Debian's packages" },
  modules: { kind: "path", optional: true, description: "modules of a loose vmlinuz (lib/modules/RELEASE)" },
  quiet: { kind: "flag", description: "no narration on stderr" },
} as const satisfies ArgumentSpecs;

/** Names that a list with commas holds; an empty list where something was given is a mistake. */
export function listOf(text: string | undefined, flag: string): string[] {
  const items = (text ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
  if (text !== undefined && items.length === 0) throw new UsageError(`${flag}: the list is empty; name at least one`);
  return items;
}

function extraFiles(list: string | undefined): string[] {
  const files = listOf(list, "--with").map((name) => resolve(name));
  for (const path of files) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new UsageError(`--with: there is no ${path}`);
    if (!stat.isFile()) throw new UsageError(`--with: ${path} is not a regular file; name each file`);
  }
  return files;
}

function diskSizes(list: string | undefined): number[] {
  return listOf(list, "--disks").map((text) => {
    const bytes = parseSize(text);
    if (bytes === undefined || bytes < 512 || bytes > 2 ** 43)
      throw new UsageError(`--disks: ${JSON.stringify(text)} is not a size such as 64MiB or 2GiB`);
    return bytes;
  });
}

const GiB = 2 ** 30;

/** Scripts of the gallery, and the survey that runs them all. */
function isOfTheGallery(script: string | undefined): boolean {
  if (script === undefined) return false;
  const path = findScript(script);
  return basename(path) === "survey.ts" || path.includes("/scripts/gallery/");
}

/** Throws for memory that this machine does not have, or that the guest's huge pages would take whole. */
function refuseMemory(memoryBytes: number, hugePages: number): void {
  const mib = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
  if (memoryBytes > totalmem())
    throw new UsageError(`--memory: ${mib(memoryBytes)} are more than the ${mib(totalmem())} of this machine`);
  // What is left is too little to boot with.
  if (hugePages * HUGE_PAGE_BYTES > memoryBytes - 2 ** 27) {
    const line = `--huge-pages: ${hugePages} of 2 MiB leave a guest of ${mib(memoryBytes)} less than 128 MiB; give it more --memory`;
    throw new UsageError(line);
  }
}

function modulesOf(path: unknown): string | undefined {
  if (path === undefined) return undefined;
  const directory = String(path);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
  throw new UsageError(`--modules: ${directory} is not a directory; name lib/modules/RELEASE`);
}

export function labOptions(args: Arguments<typeof MACHINE>, script: string | undefined): LabOptions {
  const large = isOfTheGallery(script);
  const memoryBytes = args.memory ?? (large ? 2 * GiB : GiB);
  refuseMemory(memoryBytes, args.hugePages);
  if (args.flavour.trim() === "") throw new UsageError("--flavour: name one, such as cloud-amd64");
  const extra = extraFiles(args.with);
  refuseCollisions(extra);
  return {
    flavour: args.flavour,
    modulesDirectory: modulesOf(args.modules),
    fileSystem: args.fs,
    mkfsOptions: args.mkfsOptions?.split(/\s+/).filter(Boolean) ?? [],
    mountOptions: args.mountOptions ?? "",
    diskBytes: args.diskSize,
    extraDisks: diskSizes(args.disks),
    swapBytes: args.swap ?? 0,
    hugePages: args.hugePages,
    ksm: args.ksm,
    memoryBytes,
    cpus: args.cpus ?? (large ? 2 : 1),
    timeoutSeconds: args.timeout,
    acceleration: args.accel,
    append: args.append ?? "",
    extraFiles: extra,
    quiet: args.quiet,
  };
}
