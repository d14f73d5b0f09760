/**
 * A device that takes little: the kernel lets only a few MiB of dirty pages wait for it, as for a slow disk.
 *
 * Owns the dirty limit of one backing device (/sys/class/bdi/M:N/max_bytes and strict_limit, Linux 6.2 and later:
 * Documentation/ABI/testing/sysfs-class-bdi), or of the whole machine (vm.dirty_bytes) where the kernel has no limit
 * per device and the caller asks for it. Past the limit balance_dirty_pages() answers a write that must not wait with
 * -EAGAIN: the commonest reason for an inline io_uring write to stop half-way. What was set is restored by dispose; what
 * a killed run left is restored by the next start, from a note in /run.
 */
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import type { Path } from "../ops/file.ts";
import { statPath } from "../ops/stat.ts";

interface Setting {
  readonly path: string;
  readonly value: string;
}

interface Note {
  readonly boot: string;
  readonly pid: number;
  /** In the order in which they must be written to undo. */
  readonly before: readonly Setting[];
}

export interface DirtyLimit extends Disposable {
  readonly description: string;
}

const NOTE = "bytewitness-dirty-limit-";

/** Where every run looks, whatever its TMPDIR is; only root sets limits, and root can write to /run. */
const NOTES = existsSync("/run") ? "/run" : os.tmpdir();
const MACHINE: readonly string[] = ["dirty_bytes", "dirty_background_bytes", "dirty_ratio", "dirty_background_ratio"];

const content = (path: string) => readFileSync(path, "utf8").trim();

/** The settings of the device under a path; undefined when this kernel has no dirty limit per device. */
function deviceSettings(path: Path): string | undefined {
  const { device } = statPath(path);
  // A partition has no settings of its own: they are its disk's.
  const places = [`/sys/class/bdi/${device}`, `/sys/dev/block/${device}/bdi`, `/sys/dev/block/${device}/../bdi`];
  return places.find((place) => existsSync(`${place}/max_bytes`) && existsSync(`${place}/strict_limit`));
}

/** True when the device under `path` can have a limit of its own here and now (root, Linux 6.2 and later). */
export function deviceHasDirtyLimit(path: Path): boolean {
  return process.geteuid?.() === 0 && deviceSettings(path) !== undefined;
}

/**
 * Limits the dirty pages of the device under `path` to `bytes` (with `machineWide`, of the whole machine where the
 * kernel has no limit per device). Needs root. Throws an Error with the reason when neither is possible.
 */
export function limitDirty(path: Path, options: { bytes: number; machineWide?: boolean }): DirtyLimit {
  restoreStaleDirtyLimits();
  const { bytes } = options;
  const device = deviceSettings(path);
  const mebibytes = `${(bytes / 2 ** 20).toPrecision(3).replace(/\.0+$/, "")} MiB`;
  if (device !== undefined) {
    const before = [`${device}/strict_limit`, `${device}/max_ratio_fine`];
    const wanted = [
      { path: `${device}/max_bytes`, value: String(bytes) },
      { path: `${device}/strict_limit`, value: "1" },
    ];
    return applied(before, wanted, `at most ${mebibytes} of dirty pages for this device (its bdi's max_bytes, strict)`);
  }
  if (options.machineWide !== true) throw new Error("this kernel has no dirty limit per device (Linux 6.2 and later)");
  const [dirtyBytes = "", backgroundBytes = ""] = MACHINE.map((name) => `/proc/sys/vm/${name}`);
  // Bytes and ratio are two spellings of one limit: writing one makes the other 0, and 0 cannot be written back.
  const before = MACHINE.map((name) => `/proc/sys/vm/${name}`).filter((setting) => content(setting) !== "0");
  const wanted = [
    { path: backgroundBytes, value: String(Math.floor(bytes / 2)) },
    { path: dirtyBytes, value: String(bytes) },
  ];
  return applied(before, wanted, `at most ${mebibytes} of dirty pages in the machine (vm.dirty_bytes)`);
}

function applied(watched: readonly string[], wanted: readonly Setting[], description: string): DirtyLimit {
  const before = watched.map((path) => ({ path, value: content(path) }));
  const note = `${NOTES}/${NOTE}${process.pid}-${before[0]?.path.replaceAll("/", "_")}`;
  writeFileSync(note, JSON.stringify({ boot: bootId(), pid: process.pid, before } satisfies Note), { flag: "wx" });
  let active = true;
  const restore = () => {
    if (!active) return;
    active = false;
    for (const { path, value } of before) writeFileSync(path, value);
    unlinkSync(note);
  };
  try {
    for (const { path, value } of wanted) writeFileSync(path, value);
  } catch (error) {
    restore();
    throw error;
  }
  return { description, [Symbol.dispose]: restore };
}

const bootId = () => content("/proc/sys/kernel/random/boot_id");

/** Undoes what runs that were killed left set; one line for each. A note of another boot is only removed. */
export function restoreStaleDirtyLimits(): string[] {
  const lines: string[] = [];
  for (const name of readdirSync(NOTES).filter((entry) => entry.startsWith(NOTE))) {
    const path = `${NOTES}/${name}`;
    try {
      const { boot, pid, before } = JSON.parse(content(path)) as Note;
      if (boot === bootId() && existsSync(`/proc/${pid}`)) continue;
      if (boot === bootId()) {
        for (const setting of before) writeFileSync(setting.path, setting.value);
        lines.push(
          `restored the dirty limit that run ${pid} left (${before.map((setting) => setting.path).join(", ")})`,
        );
      }
      unlinkSync(path);
    } catch {
      // Another user's note, or one that another start removes at this moment.
    }
  }
  return lines;
}
