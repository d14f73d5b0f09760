/**
 * What this run has made and must not leave behind: files, directories and memory groups, by device and inode.
 *
 * Owns one file of the state directory for this process, written at each creation and locked while the process lives,
 * and the guard: a small shell that waits next to the run and, should the run be killed, has sweep.ts remove what is still
 * listed. A thing is ours by the identity recorded when it was made, never by its name. Without a place for these files
 * nothing is registered, and a killed run leaves its files where they are.
 */
import { rmSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { SyscallError } from "../ops/errors.ts";
import type { Fd } from "../ops/fd.ts";
import { type Path, pathText } from "../ops/file.ts";
import { openPipe } from "../ops/pipe.ts";
import { ownCommand, workingDirectory } from "../ops/self.ts";
import { type Stat, statLink } from "../ops/stat.ts";
import { LOCK_EX } from "../sys/uapi/fcntl.ts";
import { bootId, openState, STATE_VARIABLE, stateDirectory, tryLock } from "./state.ts";

/** Set to "off", no guard is started: for tests that look at what a killed run leaves. */
const GUARD_VARIABLE = "BYTEWITNESS_GUARD";
export const REGISTER_SUFFIX = ".run";

/** Which file it is, whatever its name is now. The birth time distinguishes files that got the same inode one after the other. */
export interface Identity {
  readonly device: string;
  readonly inode: number;
  readonly bornNs: string | undefined;
}

export type Kind = "file" | "directory" | "group";

/** A line of a register: something is about to be made, was made, or is no longer this run's to remove. */
export type RegisterLine =
  | { readonly boot: string; readonly pid: number }
  | { readonly id: number; readonly kind: Kind; readonly path: string; readonly intendedMs: number }
  | { readonly made: number; readonly identity: Identity }
  | { readonly gone: number };

/** What was made, until `letGo`: from then on it is somebody's who keeps it, or gone. */
export interface Owned {
  readonly identity: Identity;
  letGo(): void;
}

/** What is about to be made: it was, or it was not. */
export interface Intended {
  made(stat: Stat): Owned;
  failed(): void;
}

function identityOf({ device, inode, bornNs }: Stat): Identity {
  return { device, inode, bornNs: bornNs === undefined ? undefined : String(bornNs) };
}

/** True when `path` names that very file now. */
export function isStill(path: Path, identity: Identity): boolean {
  try {
    const now = identityOf(statLink(path));
    return now.device === identity.device && now.inode === identity.inode && now.bornNs === identity.bornNs;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

/** A path that means the same after a change of directory, as the bytes it has on disk. */
function absolute(path: Path): Buffer {
  const bytes = Buffer.from(path as Uint8Array);
  if (typeof path === "string") return Buffer.from(resolve(workingDirectory() ?? "/", path));
  return bytes[0] === 0x2f ? bytes : Buffer.concat([Buffer.from(`${workingDirectory() ?? ""}/`), bytes]);
}

class Register {
  readonly #path: string;
  readonly #file: Fd;
  #next = 0;
  #live = 0;

  constructor(directory: string) {
    this.#path = `${directory}/${process.pid}-${Date.now().toString(36)}${REGISTER_SUFFIX}`;
    this.#file = openState(this.#path);
    tryLock(this.#file, LOCK_EX);
    this.#write({ boot: bootId(), pid: process.pid });
    startGuard(directory, this.#path);
    process.on("exit", () => {
      // What could not be cleaned up is left to the guard.
      if (this.#live === 0) rmSync(this.#path, { force: true });
    });
  }

  #write(line: RegisterLine): void {
    writeSync(this.#file.number, `${JSON.stringify(line)}\n`);
  }

  intend(kind: Kind, path: Path): { made(identity: Identity): void; gone(): void } {
    this.#next += 1;
    const id = this.#next;
    this.#write({ id, kind, path: absolute(path).toString("base64"), intendedMs: Date.now() });
    const gone = this.#counted(() => this.#write({ gone: id }));
    return { made: (identity) => this.#write({ made: id, identity }), gone };
  }

  /** Something that is written down elsewhere (a lease): the guard must look after it. */
  watch(): () => void {
    return this.#counted(() => {});
  }

  #counted(gone: () => void): () => void {
    this.#live += 1;
    let live = true;
    return () => {
      if (!live) return;
      live = false;
      this.#live -= 1;
      gone();
    };
  }
}

let opened: Register | undefined;
let refused = false;

/** This process's register, opened at the first use; undefined where there is no place for one. */
function register(): Register | undefined {
  if (opened !== undefined || refused) return opened;
  try {
    opened = new Register(stateDirectory());
  } catch {
    refused = true;
  }
  return opened;
}

/** Writes down what is about to be made, so that even a run that is killed in that very moment leaves nothing. */
export function intend(kind: Kind, path: Path): Intended {
  const entry = register()?.intend(kind, path);
  const letGo = () => entry?.gone();
  return {
    made: (stat) => {
      const identity = identityOf(stat);
      entry?.made(identity);
      return { identity, letGo };
    },
    failed: letGo,
  };
}

/** Writes down what was made just now; `stat` is that of its open descriptor, or of the path of a directory. */
export function own(kind: Kind, path: Path, stat: Stat): Owned {
  return intend(kind, path).made(stat);
}

/** Has the guard look after what is written down elsewhere, until the function that is returned is called. */
export function watchOver(): () => void {
  return register()?.watch() ?? (() => {});
}

/**
 * Starts the shell that outlives this process. Its standard input is a pipe that only this process holds open; when it
 * ends, the register is still there only if something was left.
 */
function startGuard(directory: string, path: string): void {
  if (process.env[GUARD_VARIABLE] === "off") return;
  const pipe = openPipe();
  // SIGINT and SIGHUP reach a whole terminal group; the guard has a session of its own and ignores them besides.
  const script = 'trap "" INT HUP TERM; read -r line; [ -e "$1" ] || exit 0; shift; exec "$@"';
  const sweep = ownCommand(Bun.fileURLToPath(new URL("./sweep-main.ts", import.meta.url)));
  try {
    Bun.spawn(["/bin/sh", "-c", script, "sh", path, ...sweep, path], {
      cwd: "/",
      env: { ...process.env, [STATE_VARIABLE]: directory },
      stdio: [pipe.readEnd.number, "ignore", "ignore"],
      detached: true,
    }).unref();
  } catch {
    // Without a shell what a killed run leaves stays until the next start.
  }
  pipe.readEnd.close();
  // The write end closes with this process, whatever ends it.
  pipe.writeEnd.release();
}

/** For messages. */
export function ownedText(path: string): string {
  return pathText(new Uint8Array(Buffer.from(path, "base64")));
}
