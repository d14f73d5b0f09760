/**
 * The programs of a guest: busybox, bun, the host's mkfs programs, and the libraries that they need.
 *
 * busybox is init's shell and its mount, insmod and tar; bun runs the scripts; the libraries are those that ldd(1) names,
 * plus liburing (opened by the scripts) and libgcc_s (opened by glibc when a thread is cancelled). Made once per set of
 * files, then copied whole. Refuses to run as anything but x86-64 on x86-64: the guest runs the host's own bun.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { cacheDirectory, findProgram, LabError, partialName, publish, readJson, writeJson } from "../kernels/cache.ts";
import { CpioWriter } from "./cpio.ts";

/** Programs that reproducers start, where the host has them: file systems on loop images, swap. */
const AT_HAND = ["xfs", "ext2", "ext3", "ext4", "btrfs", "exfat", "vfat", "f2fs", "udf"].map((type) => `mkfs.${type}`);
const SETTINGS = ["/etc/mke2fs.conf"];
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";
const MODPROBE = join(import.meta.dir, "guest-modprobe.sh");

const LIBRARY_DIRECTORIES = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"];

/** Answers of ldd(1), which starts a shell and the loader for each program, by the program as it was then. */
type Answers = Record<string, { readonly program: string; readonly libraries: readonly string[] }>;

/** `librariesOf` for many programs, each asked once as long as neither it nor one of its libraries goes away. */
async function knownLibraries(programs: readonly string[]): Promise<Map<string, readonly string[]>> {
  const place = join(cacheDirectory("images"), "libraries.json");
  const before = readJson<Answers>(place) ?? {};
  const answers: Answers = {};
  for (const path of programs) {
    const program = stamp(path);
    const known = before[path];
    const holds = known?.program === program && known.libraries.every((library) => existsSync(library));
    answers[path] = holds ? known : { program, libraries: await librariesOf(path) };
  }
  if (programs.some((path) => answers[path] !== before[path])) writeJson(place, answers);
  return new Map(Object.entries(answers).map(([path, { libraries }]) => [path, libraries]));
}

function stamp(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${path} ${size} ${mtimeMs}`;
}

/** The shared libraries of a program with their paths, loader included; none for a static one. */
export async function librariesOf(program: string): Promise<string[]> {
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
export async function programsPart(): Promise<string> {
  if (process.arch !== "x64") throw new LabError(`the lab runs x86-64 guests on x86-64 hosts; this is ${process.arch}`);
  const busybox = findProgram("busybox", "busybox-static");
  const found = AT_HAND.map((name) => Bun.which(name, { PATH: `${process.env.PATH ?? ""}:${SBIN}` }));
  const tools = found.filter((path) => path !== null);
  const needed = await knownLibraries([busybox, process.execPath, ...tools]);
  if ((needed.get(busybox) ?? []).length > 0) {
    throw new LabError("busybox here is not static: install it (Debian: apt-get install busybox-static)");
  }
  const libraries = [...(needed.get(process.execPath) ?? [])];
  for (const name of ["liburing.so.2", "libgcc_s.so.1"]) {
    const path = findLibrary(name);
    // Without liburing the scripts that need it name it in the guest, as they would on the host.
    if (path !== undefined && !libraries.includes(path)) libraries.push(path);
  }
  for (const tool of tools) {
    for (const path of needed.get(tool) ?? []) if (!libraries.includes(path)) libraries.push(path);
  }
  const settings = SETTINGS.filter((path) => existsSync(path));
  const inputs = [process.execPath, busybox, ...libraries, ...tools, ...settings, MODPROBE].map(stamp);
  const key = createHash("sha256")
    .update(`4\n${inputs.join("\n")}`)
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
    for (const path of tools) cpio.copy(`usr/sbin/${basename(path)}`, path, 0o755);
    for (const path of settings) cpio.copy(path, path);
    for (const applet of await appletsOf(busybox)) {
      // modprobe is our own: busybox's would look for a file system with modules.
      if (applet !== "busybox" && applet !== "modprobe") cpio.symlink(`bin/${applet}`, "busybox");
    }
    // init links it to where CONFIG_MODPROBE_PATH points, once there is a disk to load from. Until then the kernel's many
    // requests for variants of ciphers fail at once instead of starting an emulated shell each.
    cpio.directory("sbin").copy("lab/modprobe", MODPROBE, 0o755);
  });
}

async function appletsOf(busybox: string): Promise<string[]> {
  return (await new Response(Bun.spawn([busybox, "--list"], { stdout: "pipe" }).stdout).text())
    .split("\n")
    .filter(Boolean);
}

async function cachedPart(name: string, write: (cpio: CpioWriter) => Promise<void>): Promise<string> {
  const directory = cacheDirectory("images");
  const place = join(directory, `${name}.cpio`);
  if (!existsSync(place)) {
    const partial = partialName(directory, name);
    await writePart(partial, write);
    publish(partial, place);
    // Yesterday's Bun took a hundred megabytes too, and nothing asks for it again.
    for (const old of readdirSync(directory)) {
      if (old.endsWith(".cpio") && old !== basename(place)) rmSync(join(directory, old), { force: true });
    }
  }
  return place;
}

export async function writePart(path: string, write: (cpio: CpioWriter) => Promise<void>): Promise<void> {
  const fd = openSync(path, "w");
  try {
    const cpio = new CpioWriter(fd);
    await write(cpio);
    cpio.end();
  } finally {
    closeSync(fd);
  }
}
