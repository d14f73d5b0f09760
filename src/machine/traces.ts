/**
 * What runs have changed or left on this machine, as anybody may see it: leases, leftovers, limits, mounts, evidence.
 *
 * Owns looking, for doctor.ts. Changes nothing (sweep.ts does), believes names only to show them, and reports what this user
 * may not see.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import os from "node:os";
import { ownGroup } from "../ops/cgroup.ts";
import { bytesText } from "../units.ts";
import { commandOf } from "./invocation.ts";
import { leases } from "./lease.ts";
import { isEvidence } from "./own-file.ts";
import { stateDirectories } from "./state.ts";
import { leftovers } from "./sweep.ts";

export interface Trace {
  /** left: a killed run's; held: a living run's; kept: meant to stay; unseen: this user may not look. */
  readonly state: "left" | "held" | "kept" | "unseen";
  readonly what: string;
  /** What to do about it; only where there is something to do. */
  readonly remedy?: string;
}

const CLEAN = `${commandOf("doctor")} --clean puts it right`;

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Root's directory as well: what it holds concerns everyone. */
function directories(): string[] {
  return [...new Set([...stateDirectories(), "/run/bytewitness"])].filter((directory) => existsSync(directory));
}

function leaseTraces(): Trace[] {
  return leases(directories()).map(({ name, state, wanted, files }): Trace => {
    const at = wanted === undefined ? "" : ` at ${wanted}`;
    if (state === "unreadable") return { state: "unseen", what: `a lease on ${name}: only its owner may look into it` };
    const before = files.map(({ path, value }) => `${path} = ${value}`).join(", ");
    const what = `lease on ${name}${at}${before === "" ? "" : `; before it: ${before}`}`;
    return state === "held" ? { state: "held", what } : { state: "left", what, remedy: CLEAN };
  });
}

function leftoverTraces(): Trace[] {
  const others = directories().filter((directory) => !stateDirectories().includes(directory));
  const unseen = others.flatMap((directory) => names(directory).filter((name) => name.endsWith(".run")));
  const whose: Trace[] =
    unseen.length === 0
      ? []
      : [{ state: "unseen", what: `what ${unseen.length} runs of another user have made: look as that user or root` }];
  return [...whose, ...ownLeftovers()];
}

function ownLeftovers(): Trace[] {
  return leftovers().map(({ kind, path, pid }) => ({
    state: "left",
    what: `${kind} "${path}" of run ${pid}, which was killed`,
    remedy: CLEAN,
  }));
}

/** Devices with a strict dirty limit that no lease accounts for. */
function limitTraces(leased: readonly string[]): Trace[] {
  return names("/sys/class/bdi").flatMap((device): Trace[] => {
    const bdi = `/sys/class/bdi/${device}`;
    if (read(`${bdi}/strict_limit`) !== "1" || leased.some((what) => what.includes(`device ${device} `))) return [];
    // FUSE file systems are strict by nature (fs/fuse/inode.c), and have no block device.
    const block = `/sys/dev/block/${device}`;
    if (!existsSync(block)) return [];
    const limit = bytesText(Number(read(`${bdi}/max_bytes`)));
    return [
      {
        state: "left",
        what: `device ${device} (${nameOf(block)}) takes at most ${limit} of dirty pages, and no run holds that`,
        remedy: `if no one wants it so: echo 0 >${bdi}/strict_limit; echo 1000000 >${bdi}/max_ratio_fine`,
      },
    ];
  });
}

function nameOf(block: string): string {
  try {
    return readlinkSync(block).split("/").at(-1) ?? block;
  } catch {
    return block;
  }
}

/** Loop devices over images without a name: in use by a mount or a process, gone with it. */
function imageTraces(): Trace[] {
  return names("/sys/block").flatMap((name): Trace[] => {
    const backing = read(`/sys/block/${name}/loop/backing_file`);
    if (!/\/#\d+ \(deleted\)$/.test(backing)) return [];
    return [{ state: "held", what: `/dev/${name} over an image without a name (${backing}), gone with its last user` }];
  });
}

/** Processes that live in a mount namespace with mounts of ours; and how many could not be looked at. */
function mountTraces(): Trace[] {
  const seen = new Map<string, Trace>();
  let hidden = 0;
  for (const pid of names("/proc").filter((name) => /^\d+$/.test(name))) {
    let namespace: string;
    let mounts: string;
    try {
      namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES" || (error as NodeJS.ErrnoException).code === "EPERM")
        hidden += 1;
      continue;
    }
    if (seen.has(namespace) || !mounts.includes(" - tmpfs bytewitness ")) continue;
    const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim().slice(0, 100);
    seen.set(namespace, { state: "held", what: `private mounts of process ${pid} (${command}), gone with it` });
  }
  if (hidden === 0 || process.geteuid?.() === 0) return [...seen.values()];
  return [...seen.values(), { state: "unseen", what: `private mounts of other users' processes: look as root` }];
}

/** Memory groups by their name: those of living runs, and what an older version has left. */
function groupTraces(registered: readonly string[]): Trace[] {
  const own = ownGroup();
  if ("reason" in own) return [];
  const { mountPoint, directory } = own.value;
  return [...new Set([mountPoint, directory, directory.slice(0, directory.lastIndexOf("/"))])].flatMap((parent) =>
    names(parent).flatMap((name): Trace[] => {
      const pid = /^bytewitness-(\d+)$/.exec(name)?.[1];
      const path = `${parent}/${name}`;
      if (pid === undefined || registered.some((what) => what.includes(`"${path}"`))) return [];
      if (existsSync(`/proc/${pid}`)) return [{ state: "held", what: `memory group ${path}` }];
      return [{ state: "left", what: `memory group ${path}, which no run has registered`, remedy: `rmdir ${path}` }];
    }),
  );
}

/** Evidence of earlier runs, and directories of ours, where this user's temporary files go. */
function directoryTraces(): Trace[] {
  return [...new Set([os.tmpdir(), "/var/tmp", "/tmp"])].flatMap((place) =>
    names(place).flatMap((name): Trace[] => {
      if (isEvidence(name)) return [{ state: "kept", what: `evidence in ${place}/${name}` }];
      return [];
    }),
  );
}

/** Everything there is to see, leftovers first. */
export function traces(): Trace[] {
  const held = leaseTraces();
  const left = leftoverTraces();
  const all = [
    ...left,
    ...held,
    ...limitTraces(held.map(({ what }) => what)),
    ...groupTraces(left.map(({ what }) => what)),
    ...imageTraces(),
    ...mountTraces(),
    ...directoryTraces(),
  ];
  const order = ["left", "held", "kept", "unseen"];
  return all.sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state));
}
