/**
 * The guest's initramfs, from three parts: programs (cached per Bun), modules (cached per kernel), scripts (made each time).
 *
 * Why each part is there: busybox is init's shell and its mount, insmod and tar; bun runs the scripts; the shared
 * libraries are those that ldd(1) names for bun, plus liburing (opened by the scripts) and libgcc_s (opened by glibc when
 * a thread is cancelled). Modules: virtio to reach disk and host, the file systems, and what reproducers ask the kernel
 * for. Nothing else: no distribution, no init system, no network but loopback.
 * Refuses to run as anything but x86-64 on x86-64: the guest runs the host's own bun.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { cacheDirectory, findProgram, LabError, partialName, publish } from "../kernels/cache.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { ModuleLibrary, modulesAlias, modulesDep } from "../kernels/modules.ts";
import { CpioWriter } from "./cpio.ts";

/** The root of this package: src/lab/guest/ is three below it. */
export const PACKAGE_ROOT = resolve(import.meta.dir, "../../..");

/** Loaded before anything else, in the order of their dependencies. */
const TRANSPORT = ["virtio_pci", "virtio_blk", "virtio_console"];
/** At hand for scripts; the kernel loads them itself on first use, through modules.alias, or modprobe does. */
const AT_HAND = [
  // Kernel TLS asks the crypto layer for gcm(aes), which these provide.
  "tls",
  "gcm",
  "ghash_generic",
  "ctr",
  "loop",
  "veth",
  "sch_netem",
  "tun",
  "overlay",
  "fuse",
  "dm_mod",
  "dm_flakey",
  "dm_log_writes",
  "null_blk",
  "brd",
];
export const FILE_SYSTEMS = ["xfs", "ext4", "btrfs", "tmpfs"] as const;
export type FileSystem = (typeof FILE_SYSTEMS)[number];

const LIBRARY_DIRECTORIES = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"];

/** The shared libraries of a program with their paths, loader included; none for a static one. */
async function librariesOf(program: string): Promise<string[]> {
  const child = Bun.spawn(["ldd", program], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  await child.exited;
  const paths = text.split("\n").map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1]);
  return paths.filter((path) => path !== undefined);
}

function findLibrary(name: string): string | undefined {
  return LIBRARY_DIRECTORIES.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/** The programs part: made once per set of files (names, sizes, times), then copied whole. */
async function programsPart(): Promise<string> {
  if (process.arch !== "x64") throw new LabError(`the lab runs x86-64 guests on x86-64 hosts; this is ${process.arch}`);
  const busybox = findProgram("busybox", "busybox-static");
  if ((await librariesOf(busybox)).length > 0) {
    throw new LabError("busybox here is not static: install it (Debian: apt-get install busybox-static)");
  }
  const libraries = await librariesOf(process.execPath);
  for (const name of ["liburing.so.2", "libgcc_s.so.1"]) {
    const path = findLibrary(name);
    // Without liburing the scripts that need it say so in the guest, as they would on the host.
    if (path !== undefined && !libraries.includes(path)) libraries.push(path);
  }
  const inputs = [process.execPath, busybox, ...libraries].map((path) => {
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  });
  const key = createHash("sha256")
    .update(`2\n${inputs.join("\n")}`)
    .digest("hex")
    .slice(0, 16);
  return await cachedPart(`programs-${Bun.version}-${key}`, async (cpio) => {
    cpio.directory("proc").directory("sys").directory("tmp", 0o1777).directory("root", 0o700).directory("mnt/test");
    // The kernel opens /dev/console for init before anything is mounted.
    cpio.directory("dev").characterDevice("dev/console", { major: 5, minor: 1 });
    cpio.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").file("etc/group", "root:x:0:\n");
    cpio.file("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
    cpio.copy("bin/busybox", busybox, 0o755).copy("usr/bin/bun", process.execPath, 0o755);
    for (const path of libraries) cpio.copy(path, path, 0o755);
    for (const applet of await appletsOf(busybox)) {
      if (applet !== "busybox") cpio.symlink(`bin/${applet}`, "busybox");
    }
    // Where CONFIG_MODPROBE_PATH points.
    cpio.symlink("sbin/modprobe", "../bin/busybox");
  });
}

async function appletsOf(busybox: string): Promise<string[]> {
  return (await new Response(Bun.spawn([busybox, "--list"], { stdout: "pipe" }).stdout).text())
    .split("\n")
    .filter(Boolean);
}

/** The modules part. A build tree is read anew each time: its modules change between two runs of a bisect. */
async function modulesPart(kernel: Kernel, runDirectory: string): Promise<string> {
  const write = async (cpio: CpioWriter) => {
    const library = new ModuleLibrary(kernel.modulesDirectory);
    const transport = await library.order(TRANSPORT);
    const rest = await library.order([...FILE_SYSTEMS, ...AT_HAND]);
    const names = new Set(transport.map(({ info }) => info.name));
    const all = [...transport, ...rest.filter(({ info }) => !names.has(info.name))];
    for (const { info, bytes } of all) cpio.file(`modules/${info.name}.ko`, bytes);
    cpio.file("modules/load", transport.map(({ info }) => `/modules/${info.name}.ko\n`).join(""));
    cpio.file("modules/modules.dep", modulesDep(all)).file("modules/modules.alias", modulesAlias(all));
    cpio.file("modules/modules.symbols", "");
  };
  if (kernel.cacheKey !== undefined) {
    const wanted = JSON.stringify([TRANSPORT, FILE_SYSTEMS, AT_HAND]);
    const key = createHash("sha256").update(wanted).digest("hex").slice(0, 8);
    return await cachedPart(`modules-${kernel.cacheKey}-${key}`, write);
  }
  const path = join(runDirectory, "modules.cpio");
  await writePart(path, write);
  return path;
}

async function cachedPart(name: string, write: (cpio: CpioWriter) => Promise<void>): Promise<string> {
  const directory = cacheDirectory("images");
  const place = join(directory, `${name}.cpio`);
  if (!existsSync(place)) {
    const partial = partialName(directory, name);
    await writePart(partial, write);
    publish(partial, place);
    // Yesterday's Bun took a hundred megabytes too, and nothing asks for it again.
    const kind = /^(programs-|modules-.*-)/.exec(name)?.[0] ?? name;
    for (const old of readdirSync(directory)) {
      if (old.startsWith(kind) && old !== basename(place)) rmSync(join(directory, old), { force: true });
    }
  }
  return place;
}

async function writePart(path: string, write: (cpio: CpioWriter) => Promise<void>): Promise<void> {
  const fd = openSync(path, "w");
  try {
    const cpio = new CpioWriter(fd);
    await write(cpio);
    cpio.end();
  } finally {
    closeSync(fd);
  }
}

/** What the guest is to do, as the host asks it. */
export interface GuestJob {
  readonly mode: "run" | "shell";
  readonly fileSystem: FileSystem;
  readonly artifacts: boolean;
  /** Host path of the script (.ts, .js: run by bun) or program, and its arguments. */
  readonly script: string | undefined;
  readonly scriptArguments: readonly string[];
  /** More host files for the guest, under /bytewitness/guest; programs bring their libraries. */
  readonly extraFiles: readonly string[];
}

const GUEST_ROOT = "/bytewitness";
/** What a script needs of this package; tests, benchmarks and development tools stay behind. */
const PACKAGE_FILES = ["src", "scripts", "c", "node_modules/consola"];
const PACKAGE_TOP = ["package.json", "tsconfig.json", "bunfig.toml"];

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

async function scriptsPart(job: GuestJob, runDirectory: string): Promise<string> {
  const path = join(runDirectory, "scripts.cpio");
  await writePart(path, async (cpio) => {
    cpio.copy("init", join(import.meta.dir, "guest-init.sh"), 0o755);
    const settings = { LAB_MODE: job.mode, LAB_FS: job.fileSystem, LAB_ARTIFACTS: job.artifacts ? "yes" : "no" };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${shellQuote(value)}\n`);
    cpio.file("lab/config", lines.join(""));
    for (const name of PACKAGE_FILES) copyTree(cpio, `${GUEST_ROOT}/${name}`, join(PACKAGE_ROOT, name));
    for (const name of PACKAGE_TOP) {
      if (existsSync(join(PACKAGE_ROOT, name))) cpio.copy(`${GUEST_ROOT}/${name}`, join(PACKAGE_ROOT, name));
    }
    for (const file of job.extraFiles) await addScript(cpio, file);
    if (job.script === undefined) return;
    const command = await addScript(cpio, job.script);
    const words = [...command, ...job.scriptArguments].map(shellQuote).join(" ");
    cpio.file("lab/command", `#!/bin/sh\nexec ${words}\n`, 0o755);
  });
  return path;
}

/** Puts a script or program of the user's into the image, unless it is one of ours; returns how to start it. */
async function addScript(cpio: CpioWriter, script: string): Promise<string[]> {
  const ours = script.startsWith(`${PACKAGE_ROOT}/scripts/`);
  const place = ours ? `${GUEST_ROOT}${script.slice(PACKAGE_ROOT.length)}` : `${GUEST_ROOT}/guest/${basename(script)}`;
  if (!ours) cpio.copy(place, script, 0o755);
  if (/\.[cm]?[jt]s$/.test(script)) return ["/usr/bin/bun", "--no-install", place];
  // A compiled program (a C twin) brings its libraries along.
  if (readHead(script) === "\x7fELF")
    for (const library of await librariesOf(script)) cpio.copy(library, library, 0o755);
  return [place];
}

function readHead(path: string): string {
  const fd = openSync(path, "r");
  const head = Buffer.alloc(4);
  readSync(fd, head, 0, 4, 0);
  closeSync(fd);
  return head.toString("latin1");
}

function copyTree(cpio: CpioWriter, place: string, hostPath: string): void {
  if (!existsSync(hostPath)) return;
  cpio.directory(place);
  for (const entry of readdirSync(hostPath, { withFileTypes: true })) {
    const from = join(hostPath, entry.name);
    if (entry.isDirectory()) copyTree(cpio, `${place}/${entry.name}`, from);
    else if (entry.isFile()) cpio.copy(`${place}/${entry.name}`, from);
  }
}

/** Builds the initramfs and returns a descriptor of it; the file has no name any more. */
export async function buildImage(kernel: Kernel, job: GuestJob, runDirectory: string): Promise<number> {
  const parts = [await modulesPart(kernel, runDirectory), await scriptsPart(job, runDirectory)];
  const path = join(runDirectory, "initramfs.cpio");
  // A reflink where the file system can, else one copy in the kernel.
  copyFileSync(await programsPart(), path, constants.COPYFILE_FICLONE);
  const fd = openSync(path, "r+");
  unlinkSync(path);
  let position = fstatSync(fd).size;
  for (const part of parts) {
    const bytes = readFileSync(part);
    writeSync(fd, bytes, 0, bytes.length, position);
    position += bytes.length;
  }
  return fd;
}
