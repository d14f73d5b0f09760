/**
 * Where the lab keeps things on the host: one cache directory, and per-run directories that cannot outlive their owner.
 *
 * Owns the paths, the lock between two labs that want the same download, and the sweep of what a SIGKILL left behind.
 * Refuses to keep state anywhere else: nothing of the system's apt, no /etc, no /boot.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { exclusively } from "../../machine/state.ts";

/** A reason that the user can act on; the front desk prints it as one line and ends with `exitCode`. */
export class LabError extends Error {
  readonly exitCode: number;
  constructor(message: string, { exitCode = 125, cause }: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "LabError";
    this.exitCode = exitCode;
  }
}

/** The errno's name of a call of node:fs that was refused. */
const refusal = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);

/**
 * `$XDG_CACHE_HOME/bytewitness/lab` or `~/.cache/bytewitness/lab`, made when missing. A user without a home (nobody)
 * gets a directory below the temporary one, which no other user may have made.
 */
export function cacheDirectory(...parts: string[]): string {
  const chosen = process.env.XDG_CACHE_HOME?.startsWith("/") ? process.env.XDG_CACHE_HOME : undefined;
  const base = chosen ?? join(homedir(), ".cache");
  try {
    const path = join(base, "bytewitness", "lab", ...parts);
    mkdirSync(path, { recursive: true });
    return path;
  } catch (error) {
    const line = `"${base}" takes no cache (${refusal(error)}); set XDG_CACHE_HOME to a directory that does`;
    if (chosen !== undefined) throw new LabError(line, { exitCode: 254, cause: error });
    return privateDirectory(parts, line);
  }
}

function privateDirectory(parts: readonly string[], otherwise: string): string {
  const path = join(tmpdir(), `bytewitness-cache-${process.getuid?.()}`);
  try {
    mkdirSync(path, { mode: 0o700, recursive: true });
    const { uid, mode } = lstatSync(path);
    if (uid !== process.getuid?.() || (mode & 0o077) !== 0) throw new Error("it is not this user's alone");
    const directory = join(path, ...parts);
    mkdirSync(directory, { recursive: true });
    return directory;
  } catch (error) {
    throw new LabError(otherwise, { exitCode: 254, cause: error });
  }
}

const RUN_PREFIX = "bytewitness-lab-";

/** A directory for the files of one run; its name carries the owner's pid so that a later start can sweep it. */
export function makeRunDirectory(): { path: string; [Symbol.dispose](): void } {
  const path = join(tmpdir(), `${RUN_PREFIX}${process.pid}-${crypto.randomUUID().slice(0, 8)}`);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const line = `no directory can be made in "${tmpdir()}" (${refusal(error)}): set TMPDIR to one that takes files`;
    throw new LabError(line, { exitCode: 254, cause: error });
  }
  sweepDeadRuns();
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Removes run directories, and half-made cache entries, whose owner is no longer alive; returns what it removed. */
function sweepDeadRuns(): string[] {
  const removed: string[] = [];
  for (const [directory, pattern] of [
    [tmpdir(), /^bytewitness-lab-(\d+)-[0-9a-f]{8}$/],
    [cacheDirectory("kernels"), /^\.partial-(\d+)-/],
    [cacheDirectory("images"), /^\.partial-(\d+)-/],
    [cacheDirectory("prepared"), /^\.partial-(\d+)-/],
  ] as const) {
    for (const name of readdirSync(directory)) {
      const pid = pattern.exec(name)?.[1];
      if (pid === undefined || processIsAlive(Number(pid))) continue;
      rmSync(join(directory, name), { recursive: true, force: true });
      removed.push(join(directory, name));
    }
  }
  return removed;
}

function processIsAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** A name next to `path` that only this process uses and that the sweep recognises. */
export function partialName(directory: string, name: string): string {
  return join(directory, `.partial-${process.pid}-${name}`);
}

/** Puts a finished file or directory in its place; if another lab was quicker, its copy is kept. */
export function publish(partial: string, place: string): void {
  try {
    renameSync(partial, place);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(place)) throw error;
  }
}

/** One lab at a time does `work` for `name`; the kernel takes the lock of one that dies. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  return await exclusively(join(cacheDirectory(), `${name}.lock`), work);
}

export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Writes JSON so that a reader sees the old value or the new one, never half of it. */
export function writeJson(path: string, value: unknown): void {
  const partial = `${path}.${process.pid}`;
  try {
    writeFileSync(partial, `${JSON.stringify(value)}\n`);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

export function readJson<T>(path: string): T | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The path of a host program (mkfs lives in sbin, which is seldom in a user's PATH), or one clear line. */
export function findProgram(name: string, packageName: string): string {
  const found = Bun.which(name, { PATH: [process.env.PATH ?? "", ...SBIN].join(":") });
  if (found) return found;
  throw new LabError(`${name} is missing: install it (Debian: apt-get install --no-install-recommends ${packageName})`);
}

/** What a program of the system printed, in the C locale, and how it ended. */
export async function capture(
  command: string[],
  { cwd }: { cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn(command, {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, LC_ALL: "C" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}
