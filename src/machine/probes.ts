/**
 * What this machine can and cannot do, asked by trying, never by comparing versions.
 *
 * Owns the questions of doctor.ts: each has an answer, what it is good for, and how to get it where it is missing.
 * Leaves nothing behind: every probe undoes what it tried.
 */

import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import { MemoryGroup } from "../ops/cgroup.ts";
import { openFile } from "../ops/file.ts";
import { Ring } from "../ops/ring/ring.ts";
import { tlsMissing } from "../ops/tls.ts";
import { libcName } from "../sys/libc.ts";
import { liburing } from "../sys/liburing.ts";
import { nativeLoops, nativeLoopsError } from "../sys/loops.ts";
import { O_RDWR } from "../sys/uapi/fcntl.ts";
import { groupKeeper } from "./group.ts";

interface ProbeAnswer {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What works without it, and how to get it; only where `ok` is false. */
  readonly remedy?: string;
  /** True when nothing works without it. */
  readonly needed?: boolean;
}

type Probe = () => ProbeAnswer;

function answer(
  name: string,
  missing: string | undefined,
  detail: string,
  remedy: string,
  needed = false,
): ProbeAnswer {
  if (missing === undefined) return { name, ok: true, detail };
  return { name, ok: false, detail: missing, remedy, ...(needed ? { needed } : {}) };
}

function program(name: string, purpose: string, install: string): Probe {
  return () => {
    const path = Bun.which(name, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
    return answer(name, path === null ? "not installed" : undefined, path ?? "", `${purpose}; install ${install}`);
  };
}

function message(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Runs a program of this machine: undefined when it ended well, else its error. */
function problemOf(words: string[]): string | undefined {
  try {
    const tried = Bun.spawnSync(words, { stdout: "ignore", stderr: "pipe" });
    return tried.exitCode === 0 ? undefined : tried.stderr.toString().trim().replaceAll("\n", " ");
  } catch {
    return `${words[0]} is not installed`;
  }
}

function kernelHas(filesystem: string): boolean {
  if (new RegExp(`\\b${filesystem}$`, "m").test(readFileSync("/proc/filesystems", "utf8"))) return true;
  return problemOf(["modinfo", "-n", filesystem]) === undefined;
}

const PROBES: readonly Probe[] = [
  () => answer("bun", undefined, `${Bun.version}, ${libcName()}`, ""),
  () => {
    const loaded = liburing();
    const missing = loaded.name === undefined ? "not found" : undefined;
    return answer(
      "liburing",
      missing,
      loaded.name ?? "",
      "io_uring doors are skipped; install liburing2 or liburing",
      true,
    );
  },
  () => {
    const missing = message(() => new Ring({ entries: 8 })[Symbol.dispose]());
    return answer(
      "io_uring",
      missing,
      "a ring can be made",
      "uring-append.ts is skipped, --door write and nowait work",
      true,
    );
  },
  () => {
    const loops = nativeLoops() === undefined ? (nativeLoopsError() ?? "switched off") : undefined;
    return answer(
      "compiled loops",
      loops,
      "cc() compiles in memory",
      "the judge uses its TypeScript loops, about half as fast",
    );
  },
  () => {
    const root = process.geteuid?.() === 0;
    const remedy =
      "scripts use TMPDIR instead of an XFS of their own, and cannot see the kernel's trigger; run as root for both";
    return answer("root", root ? undefined : "no", "yes", remedy);
  },
  () => {
    const missing = kernelHas("xfs") ? undefined : "this kernel has no XFS";
    return answer(
      "XFS in the kernel",
      missing,
      "yes",
      "report 1's bug cannot show here; lab.ts brings kernels that have it",
    );
  },
  program("mkfs.xfs", "needed for an XFS of its own", "xfsprogs"),
  () => {
    const missing = message(() => openFile("/dev/loop-control", { flags: O_RDWR }).close());
    return answer(
      "loop devices",
      missing,
      "yes",
      "no XFS of its own: give a PREFIX on an XFS; containers must pass /dev/loop*",
    );
  },
  () =>
    answer(
      "private mounts",
      problemOf(["unshare", "-m", "true"]),
      "yes",
      "no XFS of its own: give a PREFIX on an XFS; needs CAP_SYS_ADMIN",
    ),
  () => {
    const group = MemoryGroup.enter(groupKeeper);
    if ("value" in group) group.value[Symbol.dispose]();
    const missing = "reason" in group ? group.reason : undefined;
    return answer(
      "cgroup2 memory",
      missing,
      "yes",
      "appends meet less memory pressure, so an affected kernel fails more rarely",
    );
  },
  () => {
    const events = "/sys/kernel/tracing/events/io_uring";
    const missing = existsSync(events) ? undefined : "no io_uring tracepoints under /sys/kernel/tracing";
    return answer(
      "tracepoints",
      missing,
      "yes",
      "whether the racy path was entered stays unknown; mount tracefs as root",
    );
  },
  () => {
    let tls: string | undefined;
    // A network without its loopback, in a container of its own, refuses the connection that tries it.
    const refused = message(() => {
      tls = tlsMissing();
    });
    tls ??= refused;
    return answer("kernel TLS", tls, "yes", "splice-relay.ts --ktls is skipped; `modprobe tls` as root, or use lab.ts");
  },
  program("qemu-system-x86_64", "lab.ts runs other kernels in it", "qemu-system-x86"),
  program("busybox", "the lab's guests start with it", "busybox-static"),
  () => {
    const missing = existsSync("/dev/kvm") ? undefined : "no /dev/kvm";
    return answer(
      "/dev/kvm",
      missing,
      "there (lab.ts tries it before it believes it)",
      "lab.ts emulates: slower, but exact",
    );
  },
  program("gcc", "bench.ts compiles its C twins with it", "gcc, libc6-dev and liburing-dev"),
  program("ip", "splice-relay.ts --network veth needs it", "iproute2"),
];

export function examine(): ProbeAnswer[] {
  return PROBES.map((probe) => probe());
}

/** "Linux 6.18.44 on x64, 2 CPUs". */
export function machineLine(): string {
  return `Linux ${os.release()} on ${process.arch}, ${os.availableParallelism()} CPUs, ${Math.round(os.totalmem() / 2 ** 30)} GiB`;
}
