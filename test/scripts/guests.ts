/** lab.ts as a process, and whether this machine can run guests: for the tests of the lab. */
import { test } from "bun:test";
import { join, resolve } from "node:path";
import { lacking } from "../needed.ts";

export const ROOT = resolve(import.meta.dir, "../..");
export const LAB = [process.execPath, join(ROOT, "scripts/lab.ts")];
export const PROBE = join(ROOT, "test/lab/fixtures/probe.ts");
/** In bookworm's main archive, and affected by report 1's bug. */
export const KERNEL = "6.1.170";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function lab(words: string[], environment: Record<string, string> = {}): Promise<Ended> {
  const child = Bun.spawn([...LAB, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 150_000,
    killSignal: "SIGKILL",
    env: { ...process.env, ...environment },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

const NEEDS: [program: string, packageName: string][] = [
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["busybox", "busybox-static"],
  ["mkfs.xfs", "xfsprogs"],
  ["dpkg-deb", "dpkg"],
  ["apt-get", "apt"],
  ["modinfo", "kmod"],
];
export const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const missing = NEEDS.filter(([program]) => Bun.which(program, { PATH }) === null).map(([, name]) => name);

/** Why no guest can run here, or undefined. The kernel comes from the network, unless it is here already. */
async function whyNoGuests(): Promise<string | undefined> {
  if (missing.length > 0) return `install ${missing.join(" ")}`;
  const { code, stdout, stderr } = await lab(["kernels", "--json"]);
  if (code !== 0) return stderr.trim();
  return stdout.includes(`"version":"${KERNEL}-`) ? undefined : `the mirror has no kernel ${KERNEL}`;
}
const noGuests = await whyNoGuests();

/** Guests need tools and a mirror that a user may not have; CI must have them. */
export const testGuest = (name: string, body: () => Promise<void>) =>
  test.skipIf(noGuests !== undefined && lacking("guests", noGuests))(name, body, 240_000);
