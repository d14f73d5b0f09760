/**
 * One virtual machine: started, listened to, ended.
 *
 * Owns the QEMU command line and the four channels out of the guest. Nothing outlives us by construction: QEMU gets
 * SIGKILL when its parent dies (PR_SET_PDEATHSIG, by setpriv(1)), disk and initramfs are files without a name, passed as
 * descriptors, and the channels are abstract unix sockets, which have no file at all.
 * Refuses to interpret what the script prints.
 */
import { findProgram, readText } from "../kernels/cache.ts";
import type { Acceleration } from "./accel.ts";
import { type ConsoleEvent, ConsoleReader } from "./console.ts";
import { openPorts } from "./ports.ts";
import { type BootParts, StatusReader } from "./status.ts";

/** A raw image as a virtio disk; the guest finds it by its serial number. */
export interface Disk {
  readonly fd: number;
  readonly serial: string;
  readonly readOnly?: true;
}

export interface Machine {
  /** A bzImage, or an ELF kernel with a PVH entry. A descriptor, so that its directory may go. */
  readonly bootImageFd: number;
  readonly initrdFd: number;
  readonly disks: readonly Disk[];
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly acceleration: Acceleration;
  /** Added to the kernel command line. */
  readonly append: string;
}

export interface GuestListener {
  /** The script is about to start. */
  started?(): void;
  stdout?(bytes: Uint8Array): void;
  stderr?(bytes: Uint8Array): void;
  /** The tar stream of what the script left behind. */
  files?(bytes: Uint8Array): void;
  consoleLine?(line: string): void;
}

export interface GuestResult {
  /** exited: the script ended with `exitCode`; failed: init could not start it; died: no word; timeout; stopped by us. */
  readonly end: "exited" | "failed" | "died" | "timeout" | "stopped";
  readonly exitCode: number | undefined;
  /** The exit code that a command of ours announced for itself. */
  readonly announced: number | undefined;
  readonly why: string | undefined;
  /** From QEMU's start to the script's start, on the host's clock. */
  readonly bootSeconds: number | undefined;
  /** The same in parts. */
  readonly bootParts: BootParts | undefined;
  /** How long the script ran, on the guest's clock. */
  readonly scriptSeconds: number | undefined;
  /** What QEMU took of a processor, all together; on a busy machine it shows more than a clock. */
  readonly processorSeconds: number | undefined;
  /** That part of it that was taken before the script started. */
  readonly bootProcessorSeconds: number | undefined;
  readonly events: readonly ConsoleEvent[];
  readonly consoleTail: readonly string[];
}

/**
 * loglevel=5 keeps warnings and oops traces (printed at the default level, 4) and drops the boot's chatter, which costs
 * a second on an emulated serial line. panic=-1 with -no-reboot ends QEMU at once when the guest panics.
 * no_timer_check: the kernel tests its timer by waiting a few ticks, and on a busy host an emulated tick comes too late
 * ("Kernel panic - not syncing: IO-APIC + timer doesn't work!", seen on 6.12 once in some two hundred boots at load 10).
 * cryptomgr.notests: ciphers are not compared with known answers when they are registered; they are the same ciphers, and
 * the comparison is a sixth of an emulated boot.
 */
const COMMAND_LINE = "console=ttyS0 loglevel=5 panic=-1 random.trust_cpu=on no_timer_check cryptomgr.notests=1";

/**
 * All that QEMU can emulate but fast string operations: where the processor offers them the kernel and libc copy and clear
 * by `rep movsb`, which is emulated byte by byte; without them by words. And four levels of page tables, as most machines
 * have, instead of five.
 */
const EMULATED_CPU = "max,erms=off,la57=off";

function commandLine(machine: Machine): string[] {
  const { acceleration } = machine;
  const cpu = acceleration === "kvm" ? "host" : EMULATED_CPU;
  // With a thread per virtual CPU an emulated kernel dies now and then while it patches its own text (another CPU still
  // meets the int3 that is gone already: "Oops: int3", 6.12, two of five guests). In turns it does not, and is as fast.
  const accel = acceleration === "kvm" ? "kvm" : "tcg,thread=single";
  return [
    // The host's KSM would merge guests with each other, and a reproducer of the host that uses KSM would wait for it.
    ...["-machine", "mem-merge=off"],
    ...["-accel", accel, "-cpu", cpu, "-smp", String(machine.cpus)],
    ...["-m", `${Math.ceil(machine.memoryBytes / 1048576)}M`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", pathOf(0), "-append", `${COMMAND_LINE} ${machine.append}`.trim()],
  ];
}

/** Descriptors from 3 on of the child, as its command line can name them: boot image, initramfs, disks. */
const pathOf = (index: number) => `/proc/self/fd/${3 + index}`;

/**
 * Where a device goes on the bus. Every fourth place has the same interrupt line, and the first device of each line costs
 * the kernel a tenth of a second of emulated firmware code; all of them use message signalled interrupts in the end.
 * Places beyond the last such one are QEMU's to choose.
 */
const slot = (index: number) => (index < 7 ? `addr=0x${(4 + 4 * index).toString(16)}` : "bus=pci.0");

function storage({ disks }: Machine): string[] {
  const drives = disks.flatMap(({ serial, readOnly }, index) => [
    "-drive",
    `if=none,id=${serial},file=${pathOf(2 + index)},format=raw,cache=unsafe,file.locking=off,${readOnly ? "readonly=on" : "discard=unmap"}`,
    ...["-device", `virtio-blk-pci,drive=${serial},serial=${serial},${slot(1 + index)}`],
  ]);
  return ["-initrd", pathOf(1), ...drives];
}

function launch(machine: Machine, more: string[], stdio: { stdin: "ignore" | "inherit"; stdout: "pipe" | "inherit" }) {
  const qemu = findProgram("qemu-system-x86_64", "qemu-system-x86");
  const setpriv = findProgram("setpriv", "util-linux");
  const descriptors = [machine.bootImageFd, machine.initrdFd, ...machine.disks.map(({ fd }) => fd)];
  return Bun.spawn(
    [setpriv, "--pdeathsig", "KILL", "--", qemu, ...commandLine(machine), ...storage(machine), ...more],
    {
      stdio: [stdio.stdin, stdio.stdout, "pipe", ...descriptors],
    },
  );
}

/** proc(5), stat: user and system time of a process so far, in ticks of a hundredth of a second. */
function processorSecondsOf(pid: number): number | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Opens the guest's shell on this terminal; returns when the guest is gone. */
export async function openShell(machine: Machine): Promise<number> {
  const terminal = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"];
  const child = launch(machine, terminal, { stdin: "inherit", stdout: "inherit" });
  const output = await new Response(child.stderr).text();
  const code = await child.exited;
  if (output.trim()) process.stderr.write(output);
  return code;
}

/** Boots the machine, passes on what the guest sends, and returns when QEMU has ended, by itself or by `timeoutSeconds`. */
export async function runGuest(
  machine: Machine,
  { timeoutSeconds, listener, signal }: { timeoutSeconds: number; listener: GuestListener; signal?: AbortSignal },
): Promise<GuestResult> {
  const startedAt = performance.now();
  let bootProcessorSeconds: number | undefined;
  const status = new StatusReader(startedAt, () => {
    bootProcessorSeconds = processorSecondsOf(child.pid);
    listener.started?.();
  });
  const takers = {
    status: (bytes: Uint8Array) => status.push(bytes),
    stdout: (bytes: Uint8Array) => listener.stdout?.(bytes),
    stderr: (bytes: Uint8Array) => listener.stderr?.(bytes),
    files: (bytes: Uint8Array) => listener.files?.(bytes),
  };
  const ports = openPorts(takers);
  const { channels } = ports;
  const more = ["-device", `virtio-serial-pci,${slot(0)}`, ...channels.flatMap((channel) => channel.arguments)];
  const terminal = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"];
  const child = launch(machine, [...terminal, ...more], { stdin: "ignore", stdout: "pipe" });
  let cut: "timeout" | "stopped" | undefined;
  const kill = (why: "timeout" | "stopped") => {
    cut ??= why;
    child.kill("SIGKILL");
  };
  const timer = setTimeout(() => kill("timeout"), timeoutSeconds * 1000);
  const onAbort = () => kill("stopped");
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  try {
    const console = new ConsoleReader();
    const readConsole = async () => {
      for await (const bytes of child.stdout as ReadableStream<Uint8Array>) {
        for (const line of console.push(bytes)) listener.consoleLine?.(line);
      }
      console.end();
    };
    const [output] = await Promise.all([new Response(child.stderr).text(), readConsole(), child.exited]);
    await Promise.all(channels.map((channel) => channel.closed()));
    ports.end();
    const processorSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
    return {
      ...status.result(cut, output.trim()),
      processorSeconds,
      bootProcessorSeconds,
      events: console.events,
      consoleTail: console.tail,
    };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    child.kill("SIGKILL");
    for (const channel of channels) channel.stop();
  }
}
