/**
 * Leases on settings that the whole machine shares: dirty limits, sysctls, cgroup controllers, KSM, swap.
 *
 * Owns one file for each setting (and device) in the state directory, with the original value inside, locked by every
 * living holder. The first holder records the original before anything is changed, holders that want the same share it,
 * the last one out restores it. A holder that was killed loses its lock with its life: the next run that leases the
 * setting restores the original before it goes on, and so does `mendLeases` (doctor.ts --clean). Refuses to change a
 * setting itself: the holder does that after it holds the lease.
 */
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import type { Fd } from "../ops/fd.ts";
import { LOCK_EX, LOCK_SH } from "../sys/uapi/fcntl.ts";
import { watchOver } from "./register.ts";
import { bootId, guarded, openState, stateDirectories, stateDirectory, tryLock } from "./state.ts";

const SUFFIX = ".lease";

/** A file and what belongs in it. */
export interface FileValue {
  readonly path: string;
  readonly value: string;
}

/** Which shared setting, how it is read and how it is restored. */
export interface LeaseSpec {
  /** What is changed, for people and as the lease's name: "ksm/run", "vm/dirty_bytes". */
  readonly setting: string;
  /** "major:minor" where the setting is one device's. */
  readonly device?: string;
  /** What this run makes of the setting. Runs that want the same share it, others have to wait. Left out: all share. */
  readonly wanted?: string;
  /** The setting's value now, as `restore` takes it. Called by the first holder only. */
  read(): string;
  /** Puts the original back. Called by the last holder out, and for a holder that was killed. */
  restore(original: string): void;
  /** What `restore` writes to which file, in order, so that doctor.ts can do it without this run's code. */
  files?(original: string): readonly FileValue[];
  /** The setting belongs to this user (a delegated cgroup), so root is not needed. */
  readonly delegated?: boolean;
}

/** A shared setting that is held; released by `using`. */
export interface Lease extends Disposable {
  /** The value before the first holder changed it. */
  readonly original: string;
  /** Other runs hold the setting too. */
  readonly shared: boolean;
  /** One line for each thing that was put right for a holder that was killed. */
  readonly mended: readonly string[];
}

interface Record extends Named {
  readonly boot: string;
  readonly wanted?: string | undefined;
  readonly original: string;
  readonly files: readonly FileValue[];
}

/** Another run holds the setting at another value; try again later, or use `leaseWhenFree`. */
export class LeaseBusy extends Error {
  override readonly name = "LeaseBusy";
}

/** This user may not change the setting. */
class LeaseRefused extends Error {
  override readonly name = "LeaseRefused";
}

interface Named {
  readonly setting: string;
  readonly device?: string | undefined;
}

/** "vm/dirty_bytes", or "dirty limit of device 7:0". */
function nameOf({ setting, device }: Named): string {
  return device === undefined ? setting : `${setting} of device ${device}`;
}

/** One file name for each setting and device: `%` and what a name cannot hold are escaped. */
function fileName({ setting, device }: Named): string {
  return `${encodeURIComponent(device === undefined ? setting : `${setting}@${device}`)}${SUFFIX}`;
}

/** What an earlier holder wrote; undefined for an empty file, a foreign one, or one of another boot. */
function recordIn(path: string): Record | undefined {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as Record;
    return record.boot === bootId() && typeof record.original === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Writes values to files in order; one that has gone with its device is nothing to restore. */
function writeFiles(files: readonly FileValue[]): void {
  for (const { path, value } of files) {
    try {
      writeFileSync(path, value);
    } catch (error) {
      if (!["ENOENT", "ENODEV", "ENXIO"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

/** `read`, `restore` and `files` for settings that are files: their contents, written back in the order given. */
export function fileSettings(paths: readonly string[]): Pick<LeaseSpec, "read" | "restore" | "files"> {
  const files = (original: string) => JSON.parse(original) as FileValue[];
  return {
    read: () => JSON.stringify(paths.map((path) => ({ path, value: readFileSync(path, "utf8").trim() }))),
    restore: (original) => writeFiles(files(original)),
    files,
  };
}

/**
 * Holds a shared setting until it is disposed of. Change the setting only while the lease is held. Throws LeaseRefused
 * without the right to change it, LeaseBusy while another run holds it at another value.
 */
export function acquireLease(spec: LeaseSpec): Lease {
  if (spec.delegated !== true && process.geteuid?.() !== 0) {
    throw new LeaseRefused(`only root can change ${nameOf(spec)}, which all programs of this machine share`);
  }
  const directory = stateDirectory();
  const path = `${directory}/${fileName(spec)}`;
  // Before the first change: should this run be killed, its guard restores the original.
  const unwatch = watchOver();
  try {
    const lease = guarded(directory, () => {
      const file = openState(path);
      try {
        return held(file, path, directory, spec);
      } catch (error) {
        file.close();
        throw error;
      }
    });
    return {
      ...lease,
      [Symbol.dispose]() {
        lease[Symbol.dispose]();
        unwatch();
      },
    };
  } catch (error) {
    unwatch();
    throw error;
  }
}

/** Under the guard: takes over, joins, or refuses. */
function held(file: Fd, path: string, directory: string, spec: LeaseSpec): Lease {
  const mended: string[] = [];
  const alone = tryLock(file, LOCK_EX);
  let record = recordIn(path);
  if (alone) {
    if (record !== undefined) {
      spec.restore(record.original);
      mended.push(`restored ${nameOf(spec)}, which a run that was killed had changed`);
    }
    record = recordOf(spec, record?.original ?? spec.read());
    writeFileSync(path, JSON.stringify(record));
  } else if (record === undefined || record.wanted !== spec.wanted) {
    const at = record?.wanted === undefined ? "" : ` at ${record.wanted}`;
    throw new LeaseBusy(`another run holds ${nameOf(spec)}${at}; wait for its end`);
  }
  if (!tryLock(file, LOCK_SH)) throw new Error(`${path} is locked by a program that is not ours`);
  const { original } = record;
  let open = true;
  const release = () => {
    if (!open) return;
    open = false;
    guarded(directory, () => {
      // Turning a shared lock into an exclusive one succeeds for the last holder only.
      const last = tryLock(file, LOCK_EX);
      try {
        if (last) spec.restore(original);
        if (last) unlinkSync(path);
      } finally {
        file.close();
      }
    });
  };
  return { original, shared: !alone, mended, [Symbol.dispose]: release };
}

function recordOf(spec: LeaseSpec, original: string): Record {
  const { setting, device, wanted } = spec;
  return { boot: bootId(), setting, device, wanted, original, files: spec.files?.(original) ?? [] };
}

/** As `acquireLease`, and waits while another run holds the setting at another value. `stopped` ends the wait. */
export async function leaseWhenFree(
  spec: LeaseSpec,
  wait: { stopped(): boolean; waiting(reason: string): void },
): Promise<Lease> {
  for (let first = true; ; first = false) {
    try {
      return acquireLease(spec);
    } catch (error) {
      if (!(error instanceof LeaseBusy) || wait.stopped()) throw error;
      if (first) wait.waiting(error.message);
    }
    await Bun.sleep(100);
  }
}

/** A lease as doctor.ts shows it. */
export interface LeaseState {
  readonly path: string;
  /** "vm/dirty_bytes", or the file's name where its content may not be read. */
  readonly name: string;
  readonly state: "held" | "left" | "unreadable";
  readonly wanted?: string | undefined;
  /** What is restored when the last holder goes. */
  readonly files: readonly FileValue[];
}

/** The leases that are there: held by living runs, left by dead ones, or not to be read by this user. */
export function leases(directories: readonly string[] = stateDirectories()): LeaseState[] {
  return directories.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => stateOf(`${directory}/${name}`)),
  );
}

function stateOf(path: string): LeaseState {
  const plain = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1, -SUFFIX.length));
  try {
    using file = openState(path);
    const state = tryLock(file, LOCK_EX) ? "left" : "held";
    const record = recordIn(path);
    if (record === undefined) return { path, name: plain, state, files: [] };
    return {
      path,
      name: nameOf(record),
      state,
      wanted: record.wanted,
      files: record.files,
    };
  } catch {
    return { path, name: plain, state: "unreadable", files: [] };
  }
}

/** Restores what runs that were killed changed; one line for each. What only its own kind of run can restore is named. */
export function mendLeases(directories: readonly string[] = stateDirectories()): string[] {
  return directories.flatMap((directory) =>
    readdirSync(directory).some((name) => name.endsWith(SUFFIX)) ? guarded(directory, () => mendIn(directory)) : [],
  );
}

function mendIn(directory: string): string[] {
  const lines: string[] = [];
  for (const name of readdirSync(directory).filter((entry) => entry.endsWith(SUFFIX))) {
    const path = `${directory}/${name}`;
    using file = openState(path);
    if (!tryLock(file, LOCK_EX)) continue;
    const record = recordIn(path);
    if (record !== undefined && record.files.length === 0 && record.original !== "") {
      lines.push(`${nameOf(record)} was left changed; the next run that uses it restores it`);
      continue;
    }
    if (record !== undefined) writeFiles(record.files);
    unlinkSync(path);
    if (record === undefined) continue;
    const values = record.files.map((entry) => `${entry.path} = ${entry.value}`).join(", ");
    lines.push(`restored ${nameOf(record)} after a run that was killed: ${values}`);
  }
  return lines;
}
