/**
 * The guest's initramfs, from three parts: programs (cached per Bun), modules and scripts (made each time).
 *
 * Nothing else is in it: no distribution, no init system, no network but loopback. The modules are those without which
 * the guest cannot ask for others; all others are on a disk (prepared.ts), loaded when something asks for them.
 */
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
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { PACKAGE_ROOT } from "../../ops/self.ts";
import { aliasLines, deviceNodes, indexLines } from "../kernels/module-image.ts";
import { isOurs } from "../script.ts";
import { cachedBundle } from "./bundle.ts";
import type { CpioWriter } from "./cpio.ts";
import { type FileSystem, modulesOf } from "./filesystems.ts";
import { bootModules, type PreparedKernel } from "./prepared.ts";
import { librariesOf, programsPart, writePart } from "./programs.ts";

/** Loaded before anything else, in the order of their dependencies. */
const TRANSPORT = ["virtio_pci", "virtio_blk", "virtio_console"];

/** The modules that the guest needs before it can ask for any: those of its devices and of the test file system. */
function modulesPart(prepared: PreparedKernel, job: GuestJob, path: string): Promise<void> {
  return writePart(path, async (cpio) => {
    const boot = bootModules(prepared, [...TRANSPORT, ...modulesOf(job.fileSystem)]);
    for (const { name, bytes } of boot) cpio.file(`modules/${name}.ko`, bytes);
    cpio.file("modules/load", boot.map(({ name }) => `/modules/${name}.ko\n`).join(""));
    cpio.file("modules/index", indexLines(prepared.table)).file("modules/alias", aliasLines(prepared.table));
    cpio.directory("modules/dev");
    for (const { name, type, major, minor } of deviceNodes(prepared.table)) {
      if (type === "char") cpio.characterDevice(`modules/dev/${name}`, { major, minor });
    }
  });
}

/** What the guest is to do, as the host asks it. */
export interface GuestJob {
  readonly mode: "run" | "shell";
  readonly fileSystem: FileSystem;
  /** For mount -o; "" for the defaults. */
  readonly mountOptions: string;
  readonly artifacts: boolean;
  /** Files come back from a clean run as well. */
  readonly documents: boolean;
  readonly swap: boolean;
  /** How many blank disks there are. */
  readonly extraDisks: number;
  readonly hugePages: number;
  readonly ksm: boolean;
  /** How the host starts this script in this guest: shell words without its arguments; "" where that is impossible. */
  readonly invoked: string;
  /** What the guest passes to its scripts: "kvm" or "tcg". */
  readonly acceleration: string;
  /** Host path of the script (.ts, .js: run by bun) or program, and its arguments. */
  readonly script: string | undefined;
  readonly scriptArguments: readonly string[];
  /** More host files for the guest, under /bytewitness/guest; programs bring their libraries. */
  readonly extraFiles: readonly string[];
}

const GUEST_ROOT = "/bytewitness";
/** What a script needs of this package; tests, benchmarks and development tools stay behind. */
const PACKAGE_FILES = ["src", "scripts", "c", "node_modules/consola", "node_modules/citty"];
const PACKAGE_TOP = ["package.json", "tsconfig.json", "bunfig.toml"];

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

async function scriptsPart(job: GuestJob, runDirectory: string): Promise<string> {
  const path = join(runDirectory, "scripts.cpio");
  await writePart(path, async (cpio) => {
    cpio.copy("init", join(import.meta.dir, "guest-init.sh"), 0o755);
    const yes = (value: boolean) => (value ? "yes" : "no");
    const settings = {
      ...{ LAB_MODE: job.mode, LAB_FS: job.fileSystem, LAB_MOUNT_OPTIONS: job.mountOptions, LAB_SWAP: yes(job.swap) },
      ...{
        LAB_ARTIFACTS: yes(job.artifacts),
        LAB_DOCUMENTS: yes(job.documents),
        LAB_KSM: yes(job.ksm),
        LAB_HUGE_PAGES: String(job.hugePages),
      },
      ...{ LAB_ACCELERATION: job.acceleration, LAB_INVOKED: job.invoked, LAB_EXTRA: String(job.extraDisks) },
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${shellQuote(value)}\n`);
    cpio.file("lab/config", lines.join(""));
    const bundle = await cachedBundle(PACKAGE_ROOT, GUEST_ROOT);
    const bundled = new Set([...bundle.keys()].map((file) => join(PACKAGE_ROOT, file)));
    for (const name of PACKAGE_FILES) copyTree(cpio, `${GUEST_ROOT}/${name}`, join(PACKAGE_ROOT, name), bundled);
    for (const [file, bytes] of bundle) cpio.file(`${GUEST_ROOT}/${file}`, bytes);
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
  const ours = isOurs(script);
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

function copyTree(cpio: CpioWriter, place: string, hostPath: string, without: ReadonlySet<string>): void {
  if (!existsSync(hostPath)) return;
  cpio.directory(place);
  for (const entry of readdirSync(hostPath, { withFileTypes: true })) {
    const from = join(hostPath, entry.name);
    if (entry.isDirectory()) copyTree(cpio, `${place}/${entry.name}`, from, without);
    else if (entry.isFile() && !without.has(from)) cpio.copy(`${place}/${entry.name}`, from);
  }
}

/** Builds the initramfs and returns a descriptor of it; the file has no name any more. */
export async function buildImage(prepared: PreparedKernel, job: GuestJob, runDirectory: string): Promise<number> {
  const modules = join(runDirectory, "modules.cpio");
  await modulesPart(prepared, job, modules);
  const parts = [modules, await scriptsPart(job, runDirectory)];
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
