/**
 * Whether this machine's /dev/kvm can be trusted with a guest.
 *
 * Some hosts offer a /dev/kvm that starts QEMU and then spins without a word (nested paravirtual kinds). So "auto" boots
 * a kernel for a few seconds, waits for its first console line, and remembers the answer for this machine, host kernel
 * and QEMU. Refuses to guess: without that line the guest is emulated (TCG), and a line on stderr reports it.
 */
import { accessSync, constants } from "node:fs";
import { hostname, release } from "node:os";
import { join } from "node:path";
import { cacheDirectory, findProgram, LabError, readJson, readText, writeJson } from "../kernels/cache.ts";

export type Acceleration = "kvm" | "tcg";
export const ACCELERATIONS = ["auto", "kvm", "tcg"] as const;
export type AccelerationChoice = (typeof ACCELERATIONS)[number];

const PROBE_SECONDS = 8;

interface Remembered {
  readonly machine: string;
  readonly kvmWorks: boolean;
}

function whyNoDevice(): string | undefined {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "/dev/kvm does not exist" : `/dev/kvm cannot be opened (${code}: join the group kvm)`;
  }
}

/** The acceleration to use with `vmlinuz`; `narrate` is called whenever "auto" settles for emulation. */
export async function chooseAcceleration(
  choice: AccelerationChoice,
  { vmlinuz, narrate }: { vmlinuz: string; narrate: (line: string) => void },
): Promise<Acceleration> {
  if (choice === "tcg") return "tcg";
  const missing = whyNoDevice();
  if (missing !== undefined) {
    if (choice === "kvm") throw new LabError(`--accel kvm: ${missing}`);
    narrate(`${missing}: the guest is emulated (TCG), slower but exact`);
    return "tcg";
  }
  if (choice === "kvm") return "kvm";
  const path = join(cacheDirectory(), "accel.json");
  const machine = `${readText("/etc/machine-id")?.trim() || hostname()} ${release()} ${findProgram("qemu-system-x86_64", "qemu-system-x86")}`;
  const remembered = readJson<Remembered>(path);
  let kvmWorks = remembered?.machine === machine ? remembered.kvmWorks : undefined;
  if (kvmWorks === undefined) {
    narrate(`trying /dev/kvm (up to ${PROBE_SECONDS} s, once on this machine)`);
    kvmWorks = await probeKvm(vmlinuz);
    writeJson(path, { machine, kvmWorks } satisfies Remembered);
  }
  if (!kvmWorks) narrate("/dev/kvm here does not run a stock kernel: the guest is emulated (TCG), slower but exact");
  return kvmWorks ? "kvm" : "tcg";
}

/** Boots `vmlinuz` without an initramfs under KVM; true when the kernel prints its first words in time. */
async function probeKvm(vmlinuz: string): Promise<boolean> {
  const child = Bun.spawn(
    [
      ...[findProgram("setpriv", "util-linux"), "--pdeathsig", "KILL", "--"],
      ...[findProgram("qemu-system-x86_64", "qemu-system-x86"), "-accel", "kvm", "-cpu", "host", "-m", "256M"],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", vmlinuz, "-append", "console=ttyS0 earlyprintk=serial,ttyS0 panic=-1"],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "ignore" },
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), PROBE_SECONDS * 1000);
  let text = "";
  for await (const bytes of child.stdout) {
    text += new TextDecoder().decode(bytes);
    if (text.includes("Linux version")) break;
  }
  clearTimeout(timer);
  child.kill("SIGKILL");
  await child.exited;
  return text.includes("Linux version");
}
