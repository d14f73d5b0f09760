/**
 * The directory in which runs leave word for each other: leases on shared settings, registers of what a run made.
 *
 * Owns its place and its locks. Root's lies in /run, which is empty after a boot; a user's in XDG_RUNTIME_DIR, else in
 * /tmp. Refuses a directory of another user's: what lies in it is believed.
 */
import { lstatSync, mkdirSync, readFileSync, type Stats } from "node:fs";
import os from "node:os";
import { SyscallError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { openFile } from "../ops/file.ts";
import { ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { LOCK_EX, LOCK_NB, type LOCK_SH, O_CREAT, O_NOFOLLOW, O_RDWR } from "../sys/uapi/fcntl.ts";

/** Names another directory; tests use it to be alone. */
export const STATE_VARIABLE = "BYTEWITNESS_STATE_DIR";

const GUARD_SECONDS_MAX = 20;

function candidates(): string[] {
  const named = process.env[STATE_VARIABLE];
  const uid = process.geteuid?.() ?? 0;
  const runtime = process.env.XDG_RUNTIME_DIR;
  const own = runtime === undefined || !runtime.startsWith("/") ? [] : [`${runtime}/bytewitness`];
  const usual = uid === 0 ? ["/run/bytewitness"] : own;
  const first = named === undefined || named === "" ? usual : [named];
  return [...new Set([...first, `/tmp/bytewitness-state-${uid}`, `${os.tmpdir()}/bytewitness-state-${uid}`])];
}

/** A directory of this user's that no one else may write to, or why it is none. */
function unusable(directory: string): string | undefined {
  let stat: Stats;
  try {
    stat = lstatSync(directory);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  if (!stat.isDirectory()) return "it is not a directory";
  if (stat.uid !== process.geteuid?.()) return `it belongs to user ${stat.uid}`;
  return (stat.mode & 0o022) === 0 ? undefined : "others may write to it";
}

/** The directories in which this user's runs leave word, those that exist; for looking. */
export function stateDirectories(): string[] {
  return candidates().filter((directory) => unusable(directory) === undefined);
}

/** This user's directory, made if it is missing. Throws an Error with the reason where none can be made. */
export function stateDirectory(): string {
  const reasons: string[] = [];
  for (const directory of candidates()) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
    } catch (error) {
      reasons.push((error as Error).message);
      continue;
    }
    const reason = unusable(directory);
    if (reason === undefined) return directory;
    reasons.push(`${directory}: ${reason}`);
  }
  throw new Error(`no directory where runs can see each other's leases (${reasons.join("; ")})`);
}

/** `flock(fd, operation | LOCK_NB)`: true when the lock is held now. flock(2). */
export function tryLock(file: Fd, operation: typeof LOCK_EX | typeof LOCK_SH): boolean {
  for (;;) {
    if (libc.flock(file.number, operation | LOCK_NB) === 0) return true;
    const number = errno();
    if (number === ERRNO.EAGAIN) return false;
    if (number !== ERRNO.EINTR) throw new SyscallError("flock", number, file.label);
  }
}

/** Opens a file of the directory for locking; made if it is missing, readable by its user only. */
export function openState(path: string): Fd {
  return openFile(path, { flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600 });
}

/** Does `work` while no other process is inside `exclusively` of the same path, however long that takes. */
export async function exclusively<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  using lock = openState(path);
  while (!tryLock(lock, LOCK_EX)) await Bun.sleep(50);
  return await work();
}

/** Runs `action` while no other process is inside `guarded` of the same directory. Held for milliseconds. */
export function guarded<Value>(directory: string, action: () => Value): Value {
  using guard = openState(`${directory}/guard`);
  const deadlineMs = performance.now() + GUARD_SECONDS_MAX * 1000;
  while (!tryLock(guard, LOCK_EX)) {
    if (performance.now() > deadlineMs)
      throw new Error(`another run has held ${guard.label} for ${GUARD_SECONDS_MAX} s`);
    libc.usleep(500);
  }
  return action();
}

/** Which boot of the machine this is: what an earlier one wrote down is void. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}
