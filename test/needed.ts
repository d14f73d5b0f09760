/**
 * What a test needs of the machine. For a user a missing need skips the test with a line that names the package; in CI
 * (CI is set) the same need is a failure, so that nothing is skipped silently where it counts.
 */
const PACKAGES: Record<string, { readonly present: () => boolean; readonly install: string }> = {
  gcc: { present: () => Bun.which("gcc") !== null, install: "apt-get install gcc libc6-dev" },
  "liburing-dev": {
    present: () => Bun.spawnSync(["test", "-e", "/usr/include/liburing.h"]).exitCode === 0,
    install: "apt-get install liburing-dev",
  },
  "mkfs.xfs": { present: () => Bun.which("mkfs.xfs") !== null, install: "apt-get install xfsprogs" },
  "mkfs.ext4": { present: () => Bun.which("mkfs.ext4") !== null, install: "apt-get install e2fsprogs" },
  "mkfs.btrfs": { present: () => Bun.which("mkfs.btrfs") !== null, install: "apt-get install btrfs-progs" },
  losetup: { present: () => Bun.which("losetup") !== null, install: "apt-get install mount" },
  strace: { present: () => Bun.which("strace") !== null, install: "apt-get install strace" },
  socat: { present: () => Bun.which("socat") !== null, install: "apt-get install socat" },
  nc: { present: () => Bun.which("nc") !== null, install: "apt-get install netcat-openbsd" },
  nft: { present: () => Bun.which("nft") !== null, install: "apt-get install nftables" },
  ip: { present: () => Bun.which("ip") !== null, install: "apt-get install iproute2" },
  qemu: { present: () => Bun.which("qemu-system-x86_64") !== null, install: "apt-get install qemu-system-x86" },
  setpriv: { present: () => Bun.which("setpriv") !== null, install: "apt-get install util-linux" },
  dpkg: { present: () => Bun.which("dpkg") !== null, install: "apt-get install dpkg" },
  root: { present: () => process.getuid?.() === 0, install: "run as root" },
};

/** True when one of `needs` is missing and the test must be skipped; throws in CI instead, saying what to install. */
export function needed(...needs: (keyof typeof PACKAGES)[]): boolean {
  for (const need of needs) {
    const entry = PACKAGES[need];
    if (entry === undefined) throw new Error(`test/needed.ts does not know "${need}"`);
    if (entry.present()) continue;
    const line = `this test needs ${need}: ${entry.install}`;
    if (process.env.CI !== undefined) throw new Error(line);
    console.warn(`skipped: ${line}`);
    return true;
  }
  return false;
}
