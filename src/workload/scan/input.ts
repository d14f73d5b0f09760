/**
 * What is to be judged, or compared with: a file, a block device, a pipe, standard input; opened, and described.
 *
 * Owns the questions asked before a byte is read: is it there, may it be read, does it have an end and a size. Refuses
 * directories and sockets, and character devices without a length, in one line each.
 */
import { wasClosed } from "../../ops/closed.ts";
import { isSyscallError } from "../../ops/errors.ts";
import { Fd, statusFlags } from "../../ops/fd.ts";
import { openFile, type Path, pathText, read } from "../../ops/file.ts";
import type { Memory } from "../../ops/memory.ts";
import { seek } from "../../ops/space.ts";
import { exists, type Stat, statFd, statPath } from "../../ops/stat.ts";
import { O_ACCMODE, O_RDONLY, O_WRONLY, SEEK_CUR, SEEK_END } from "../../sys/uapi/fcntl.ts";

export interface Input {
  readonly fd: Fd;
  /** As it was when it was opened. */
  readonly stat: Stat;
  /** Where it ends; undefined for what has no offsets (pipes, terminals) or gives no size (files of /proc). */
  readonly sizeBytes: number | undefined;
  /** What was read of a stream to learn from it, and comes first when it is judged. */
  ahead?: Uint8Array | undefined;
}

/** `read` of a stream, with what was read ahead first; 0 at its end. */
export function readStream(input: Input, memory: Memory, lengthBytes: number): number {
  const { ahead } = input;
  if (ahead === undefined || ahead.length === 0) return read(input.fd, memory, { lengthBytes });
  const count = Math.min(ahead.length, lengthBytes, memory.lengthBytes);
  memory.bytes.set(ahead.subarray(0, count));
  input.ahead = ahead.subarray(count);
  return count;
}

/** Where another path may be meant (`<(command)`); most paths are what they are. */
function inheritedPath(path: Path): Path {
  if (!/^\/(?:dev|proc\/self)\/fd\//.test(pathText(path))) return path;
  const inherited = require("../../ops/inherited.ts") as typeof import("../../ops/inherited.ts");
  return inherited.inheritedPath(path);
}

export const isStdin = (path: Path) => pathText(path) === "-";

/** Opens a path, or standard input for "-". Opening a FIFO waits for its writer. */
export function openInput(path: Path): Input {
  const stdin = isStdin(path);
  const fd = stdin ? new Fd(0, "standard input") : openFile(inheritedPath(path), { flags: O_RDONLY });
  const stat = statFd(fd);
  return { fd, stat, sizeBytes: sizeOfInput(fd, stat, stdin) };
}

function sizeOfInput(fd: Fd, stat: Stat, stdin: boolean): number | undefined {
  if (stat.kind !== "file" && stat.kind !== "block-device") return undefined;
  // `(head -c 100 >/dev/null; verify.ts -) <FILE` is what is left of the file: a stream, not the file.
  if (stdin && seek(fd, { offsetBytes: 0, whence: SEEK_CUR }) !== 0) return undefined;
  const sizeBytes = endOf(fd);
  if (sizeBytes === undefined) return undefined;
  if (stdin) seek(fd, { offsetBytes: 0, whence: 0 });
  // Files of /proc and /sys have bytes and no size.
  return sizeBytes === 0 && stat.kind === "file" ? undefined : sizeBytes;
}

/** Undefined for files of /proc that do not know their end (seq_file): they are read like a stream. */
function endOf(fd: Fd): number | undefined {
  try {
    return seek(fd, { offsetBytes: 0, whence: SEEK_END });
  } catch (error) {
    if (isSyscallError(error, "EINVAL")) return undefined;
    throw error;
  }
}

const WRITE_ONLY = "standard input is open for writing only; pipe or redirect (<) what is to be judged into it";

/** Why a path cannot be read at all, in one line; undefined when it can. Opens no pipe. */
export function whyUnreadable(path: Path): string | undefined {
  if (isStdin(path) && wasClosed(0))
    return "standard input is closed; pipe or redirect (<) what is to be judged into it";
  if (isStdin(path))
    return (statusFlags(new Fd(0, "standard input")) & O_ACCMODE) === O_WRONLY ? WRITE_ONLY : undefined;
  const label = pathText(path);
  try {
    const real = inheritedPath(path);
    if (!exists(real)) return `no such file: ${label}`;
    const { kind } = statPath(real);
    if (kind === "directory") return `${label} is a directory; name a file, a device or -`;
    if (kind === "socket") return `${label} is a socket; pipe what it sends into verify.ts -`;
    // Opening a named pipe would wait for its writer, and closing it again would end the writer.
    if (kind === "pipe") return undefined;
    openFile(real, { flags: O_RDONLY }).close();
    return undefined;
  } catch (error) {
    if (isSyscallError(error)) return `${label} cannot be opened for reading: ${error.code}`;
    throw error;
  }
}

/** True for terminals, /dev/zero and the like: bytes without offsets, and mostly without an end. */
export function isCharacterDevice(path: Path): boolean {
  return !isStdin(path) && statPath(inheritedPath(path)).kind === "character-device";
}
