/**
 * One script on one kernel: everything between a command line and a verdict.
 *
 * Owns the order: kernel, acceleration, image, disk, boot, result, clean-up; and the meaning of an ended guest as an exit
 * code. Used by `run`, `matrix` and `bisect` alike. Refuses to print: what the guest prints goes to a listener.
 */
import { closeSync, openSync } from "node:fs";
import { basename, join } from "node:path";
import { EXIT, type RunReport } from "../report/document.ts";
import { type Acceleration, type AccelerationChoice, chooseAcceleration } from "./guest/accel.ts";
import { type Artifact, ArtifactReceiver } from "./guest/artifacts.ts";
import { FATAL_KINDS } from "./guest/console.ts";
import { blankDisk, makeDisk } from "./guest/disk.ts";
import type { FileSystem } from "./guest/filesystems.ts";
import { buildImage, type GuestJob } from "./guest/image.ts";
import { prepareKernel } from "./guest/prepared.ts";
import { type Disk, type GuestListener, type GuestResult, type Machine, openShell, runGuest } from "./guest/qemu.ts";
import { lackingIn, lackingText, parseConfig } from "./kconfig.ts";
import { LabError, makeRunDirectory, readText } from "./kernels/cache.ts";
import { type Kernel, readSpec, resolveKernel } from "./kernels/kernel.ts";
import { moduleFiles, moduleNameOf } from "./kernels/modules.ts";
import { parseReport, whyNoVerdict } from "./script.ts";

export interface LabOptions {
  readonly flavour: string;
  readonly modulesDirectory: string | undefined;
  readonly fileSystem: FileSystem;
  readonly mkfsOptions: readonly string[];
  readonly mountOptions: string;
  /** Sizes of blank disks in addition to the test disk. */
  readonly extraDisks: readonly number[];
  /** 0 for none. */
  readonly swapBytes: number;
  readonly hugePages: number;
  readonly ksm: boolean;
  readonly diskBytes: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly timeoutSeconds: number;
  readonly acceleration: AccelerationChoice;
  readonly append: string;
  /** Host files that the guest finds under /bytewitness/guest. */
  readonly extraFiles: readonly string[];
  readonly quiet: boolean;
}

/** A report is smaller; what is beyond is passed on and not kept. */
const STDOUT_BYTES_MAX = 128 * 2 ** 20;

export interface LabRun {
  readonly kernel: Kernel;
  readonly acceleration: Acceleration;
  readonly result: GuestResult;
  readonly artifacts: readonly Artifact[];
  /** What came before QEMU: the kernel unpacked or found, disks, initramfs. */
  readonly preparationSeconds: number;
  /** All of the script's stdout. */
  readonly stdout: string;
  /** 0, 1 and so on from the script; 125 when there is no verdict; 130 when we were stopped. */
  readonly exitCode: number;
  /** Why there is no verdict from the script, in one line. */
  readonly reason: string | undefined;
}

export interface RunRequest {
  readonly kernel: Kernel;
  readonly script: string;
  readonly scriptArguments: readonly string[];
  /** How this run is started again: shell words up to the script. */
  readonly invoked: string;
  readonly options: LabOptions;
  readonly narrate: (line: string) => void;
  readonly listener: Omit<GuestListener, "files">;
  /** Where files of a run that did not end 0 go; undefined leaves them in the guest. */
  readonly artifactDirectory: string | undefined;
  /** The script was asked for files: they come back from a clean run as well. */
  readonly documents?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Boots the kernel, runs the script, and brings back what it printed and left. */
export async function runOnKernel(request: RunRequest): Promise<LabRun> {
  const { options, narrate, artifactDirectory } = request;
  const job = {
    ...jobOf(options),
    mode: "run",
    artifacts: artifactDirectory !== undefined,
    documents: request.documents === true,
    script: request.script,
    scriptArguments: request.scriptArguments,
    invoked: request.invoked,
  } as const;
  for (let attempt = 1; ; attempt++) {
    const run = await runOnce(request, job);
    if (attempt === BOOTS_MAX || !diedEmulated(run)) return run;
    narrate(`${run.reason}; emulated kernels do that now and then on a busy host, so it is booted once more`);
  }
}

/** A kernel that is broken dies again. */
const BOOTS_MAX = 2;

/**
 * Whether an emulated kernel panicked before the script began. On a busy host it does now and then ("PANIC: double fault",
 * 6.12.107 at load 16, which boots at once when asked again).
 */
export function diedEmulated({ acceleration, result }: Pick<LabRun, "acceleration" | "result">): boolean {
  const panicked = result.events.some(({ kind }) => FATAL_KINDS.includes(kind));
  return acceleration === "tcg" && panicked && result.end === "died" && result.bootSeconds === undefined;
}

async function runOnce(request: RunRequest, job: Job): Promise<LabRun> {
  const { kernel, options, narrate, listener, artifactDirectory, signal } = request;
  const startedAt = performance.now();
  const receiver = new ArtifactReceiver(artifactDirectory ?? "");
  const output: Uint8Array[] = [];
  let outputBytes = 0;
  const take = (bytes: Uint8Array) => {
    listener.stdout?.(bytes);
    outputBytes += bytes.length;
    if (outputBytes <= STDOUT_BYTES_MAX) output.push(Uint8Array.from(bytes));
  };
  return await withMachine(kernel, { options, narrate, job }, async (machine) => {
    const preparationSeconds = (performance.now() - startedAt) / 1000;
    const result = await runGuest(machine, {
      timeoutSeconds: options.timeoutSeconds,
      listener: { ...listener, stdout: take, files: (bytes) => receiver.push(bytes) },
      ...(signal ? { signal } : {}),
    });
    const artifacts = await receiver.finish();
    const stdout = Buffer.concat(output).toString("utf8");
    const verdict = judge(result, { timeoutSeconds: options.timeoutSeconds, report: parseReport(stdout) });
    const { acceleration } = machine;
    return { kernel, acceleration, preparationSeconds, result, artifacts, stdout, ...verdict };
  });
}

/** A prompt in the guest, on this terminal. */
export async function shellOnKernel(
  kernel: Kernel,
  options: LabOptions,
  narrate: (line: string) => void,
): Promise<number> {
  const job = {
    ...jobOf(options),
    mode: "shell",
    artifacts: false,
    documents: false,
    script: undefined,
    scriptArguments: [],
    invoked: "",
  } as const;
  return await withMachine(kernel, { options, narrate, job }, openShell);
}

type Job = Omit<GuestJob, "acceleration">;

function jobOf(options: LabOptions) {
  const { fileSystem, mountOptions, hugePages, ksm, extraFiles } = options;
  return {
    fileSystem,
    mountOptions,
    hugePages,
    ksm,
    extraFiles,
    swap: options.swapBytes > 0,
    extraDisks: options.extraDisks.length,
  };
}

async function withMachine<T>(
  kernel: Kernel,
  { options, narrate, job }: { options: LabOptions; narrate: (line: string) => void; job: Job },
  use: (machine: Machine) => Promise<T>,
): Promise<T> {
  const { memoryBytes, cpus, append } = options;
  const acceleration = await chooseAcceleration(options.acceleration, { vmlinuz: kernel.vmlinuz, narrate });
  const descriptors: number[] = [];
  const own = (fd: number) => {
    descriptors.push(fd);
    return fd;
  };
  try {
    let machine: Machine;
    {
      // Gone again before the guest starts: from then on only descriptors hold what the guest needs.
      using run = makeRunDirectory();
      refuseLackingTree(kernel, options.fileSystem);
      const prepared = await prepareKernel(kernel, run.path);
      const disks = await makeDisks(options, {
        own,
        runDirectory: run.path,
        guestRelease: basename(kernel.modulesDirectory),
      });
      disks.push({ fd: own(openSync(prepared.moduleImage, "r")), serial: "modules", readOnly: true });
      const initrdFd = own(await buildImage(prepared, { ...job, acceleration }, run.path));
      const bootImage = own(openSync(prepared.bootImage, "r"));
      machine = { bootImageFd: bootImage, initrdFd, disks, memoryBytes, cpus, acceleration, append };
    }
    return await use(machine);
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}

/** What a build tree lacks to be a guest is reported, before it fails at boot without a word. */
function refuseLackingTree({ modulesDirectory, tree }: Kernel, fileSystem: FileSystem): void {
  if (tree === undefined) return;
  const config = readText(join(tree, ".config"));
  if (config === undefined) return;
  const modules = new Set(moduleFiles(modulesDirectory).map(moduleNameOf));
  const lacking = lackingText(tree, lackingIn(parseConfig(config), modules, fileSystem));
  if (lacking !== undefined) throw new LabError(lacking);
}

async function makeDisks(
  options: LabOptions,
  { own, runDirectory, guestRelease }: { own: (fd: number) => number; runDirectory: string; guestRelease: string },
): Promise<Disk[]> {
  const { fileSystem, mkfsOptions, diskBytes: sizeBytes, extraDisks, swapBytes } = options;
  const disks: Disk[] = [];
  const test = await makeDisk({ fileSystem, mkfsOptions, sizeBytes, guestRelease, runDirectory });
  if (test !== undefined) disks.push({ fd: own(test), serial: "test" });
  const blank = (bytes: number, serial: string) =>
    disks.push({ fd: own(blankDisk(bytes, runDirectory, serial)), serial });
  for (const [index, bytes] of extraDisks.entries()) blank(bytes, `extra${index}`);
  if (swapBytes > 0) blank(swapBytes, "swap");
  return disks;
}

/**
 * What an ended guest means. A script killed by a signal has no verdict (above 127 `git bisect run` would stop), and
 * neither has one that gave no report: its exit code may be anything's.
 */
export function judge(
  result: GuestResult,
  { timeoutSeconds, report }: { timeoutSeconds: number; report: RunReport | null },
): { exitCode: number; reason: string | undefined } {
  const { end, exitCode, why, events } = result;
  const fatal = events.find((event) => FATAL_KINDS.includes(event.kind)) ?? events.find(({ kind }) => kind === "lab");
  const lastWords = fatal ? `: ${fatal.line}` : "";
  if (end === "exited" && exitCode !== undefined) {
    if (exitCode < 128 || exitCode >= EXIT.badArguments) {
      const reason = whyNoVerdict(result, report);
      return { exitCode: reason === undefined ? exitCode : EXIT.inconclusive, reason };
    }
    const oom = events.some(({ kind }) => kind === "oom") ? ", out of memory" : "";
    return {
      exitCode: EXIT.inconclusive,
      reason: `the script was killed by signal ${exitCode - 128}${oom}`,
    };
  }
  const booting = result.bootSeconds === undefined && result.scriptSeconds === undefined;
  const phase = booting ? "while booting" : "while the script ran";
  if (end === "stopped") return { exitCode: EXIT.interrupted, reason: "stopped" };
  if (end === "failed") return { exitCode: EXIT.inconclusive, reason: why };
  if (end === "timeout") {
    return { exitCode: EXIT.inconclusive, reason: `no end within ${timeoutSeconds} s (${phase})${lastWords}` };
  }
  const output = why === undefined ? "" : ` (QEMU: ${why.split("\n")[0]})`;
  return { exitCode: EXIT.inconclusive, reason: `the guest died ${phase}${lastWords}${output}` };
}

/** The kernel that `text` names; "host" is refused here, callers run the script themselves. */
export async function findKernel(text: string, options: LabOptions, narrate: (line: string) => void): Promise<Kernel> {
  const spec = readSpec(text);
  if (spec.kind === "host") {
    throw new LabError('"host" is this machine, without a guest: only run and matrix take it', { exitCode: 254 });
  }
  const { flavour, modulesDirectory, quiet } = options;
  return await resolveKernel(spec, { flavour, modulesDirectory, narrate, quiet });
}
