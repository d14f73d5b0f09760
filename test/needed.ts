/**
 * What a test needs of the machine, and how a test waits.
 *
 * Owns `needed()`: for a user a missing need skips the test with a line that names the package; in CI (CI is set) the
 * same need is a failure, so that nothing is skipped silently where it counts. What no package brings (a kernel's
 * module, a capability that a container takes away) skips in CI too. A test never returns early instead.
 */
import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

interface Need {
  readonly present: () => boolean;
  /** What a person does about it. */
  readonly install: string;
  /** The machine is as it is: CI skips as well. */
  readonly ofMachine?: true;
}

const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;

const program = (name: string, packages: string): Need => ({
  present: () => Bun.which(name, { PATH }) !== null,
  install: `apt-get install ${packages}`,
});

const isRoot = () => process.getuid?.() === 0;

/** True when every user may read the checkout and run this Bun. */
function checkoutIsPublic(): boolean {
  const above = (path: string): string[] => (path === "/" ? [path] : [path, ...above(dirname(path))]);
  const entered = [...above(dirname(import.meta.dir)), ...above(dirname(realpathSync(process.execPath)))];
  return entered.every((path) => (lstatSync(path).mode & 0o1) !== 0);
}

/** Containers often take a capability from their root: a bit of CapEff, capabilities(7). */
function hasCapability(bit: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> bit) & 1n) === 1n;
}

const bdi = "/sys/class/bdi";

const NEEDS = {
  chromium: program("chromium", "chromium"),
  cpio: program("cpio", "cpio"),
  dpkg: program("dpkg", "dpkg"),
  findmnt: program("findmnt", "util-linux"),
  fsfreeze: program("fsfreeze", "util-linux"),
  gcc: { ...program("gcc", "gcc libc6-dev"), present: () => haveGcc() },
  ip: program("ip", "iproute2"),
  mkswap: program("mkswap", "util-linux"),
  losetup: program("losetup", "mount"),
  "mkfs.btrfs": program("mkfs.btrfs", "btrfs-progs"),
  "mkfs.exfat": program("mkfs.exfat", "exfatprogs"),
  "mkfs.udf": program("mkfs.udf", "udftools"),
  "mkfs.vfat": program("mkfs.vfat", "dosfstools"),
  "mkfs.ext4": program("mkfs.ext4", "e2fsprogs"),
  "mkfs.xfs": program("mkfs.xfs", "xfsprogs"),
  modinfo: program("modinfo", "kmod"),
  nc: program("nc", "netcat-openbsd"),
  nft: program("nft", "nftables"),
  qemu: program("qemu-system-x86_64", "qemu-system-x86"),
  node: { present: () => Bun.which("node") !== null, install: "apt-get install nodejs" },
  setpriv: program("setpriv", "util-linux"),
  socat: program("socat", "socat"),
  strace: program("strace", "strace"),
  xz: program("xz", "xz-utils"),
  liburing: {
    present: () => ["/usr/lib", "/lib", "/usr/lib64", "/usr/local/lib"].some(hasLiburing),
    install: "apt-get install liburing2",
  },
  "liburing-dev": {
    present: () => existsSync("/usr/include/liburing.h"),
    install: "apt-get install liburing-dev",
  },
  fio: { present: () => Bun.which("fio") !== null, install: "apt-get install fio" },
  root: { present: isRoot, install: "run as root" },
  "no root": { present: () => !isRoot(), install: "run as another user than root", ofMachine: true },
  "a public checkout": {
    present: checkoutIsPublic,
    install: "put the checkout where every user can read it",
    ofMachine: true,
  },
  "a writable checkout": {
    present: () => isWritable(dirname(import.meta.dir)),
    install: "run as the user who owns the checkout",
    ofMachine: true,
  },
  "dirty limits per device": {
    present: () => existsSync(bdi) && readdirSync(bdi).some((name) => existsSync(`${bdi}/${name}/strict_limit`)),
    install: "run Linux 6.2 or later",
    ofMachine: true,
  },
  CAP_SYS_RESOURCE: {
    present: () => hasCapability(24n),
    install: "run as root with all capabilities",
    ofMachine: true,
  },
  cgroup2: {
    present: () => readFileSync("/proc/self/mountinfo", "utf8").includes(" - cgroup2 "),
    install: "mount cgroup2",
    ofMachine: true,
  },
} satisfies Record<string, Need>;

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function haveGcc(): boolean {
  return Bun.which("gcc", { PATH }) !== null && existsSync("/usr/include/stdio.h");
}

function hasLiburing(directory: string): boolean {
  if (!existsSync(directory)) return false;
  const places = [directory, ...readdirSync(directory).map((name) => `${directory}/${name}`)];
  return places.some((place) => existsSync(`${place}/liburing.so.2`));
}

/** True when one of `needs` is missing and the test must be skipped; throws in CI instead, naming what to install. */
export function needed(...needs: (keyof typeof NEEDS)[]): boolean {
  for (const name of needs) {
    const need: Need = NEEDS[name];
    if (!need.present()) return lacking(name, need.install, need.ofMachine);
  }
  return false;
}

/** The same for a need that only the test knows: always true, or a throw in CI unless it is the machine's nature. */
export function lacking(what: string, install: string, ofMachine?: true): true {
  const line = `this test needs ${what}: ${install}`;
  if (process.env.CI !== undefined && ofMachine !== true) throw new Error(line);
  console.warn(`skipped: ${line}`);
  return true;
}
