/**
 * Paths of descriptors that a shell opened for us and that did not come through.
 *
 * Owns the search among our ancestors. Refuses to look further up than a shell and a package script are.
 */
import { isSyscallError } from "./errors.ts";
import { type Path, pathText, tryReadText } from "./file.ts";
import { exists } from "./stat.ts";

const ANCESTORS_MAX = 4;

/**
 * `<(command)` is /dev/fd/63, a descriptor that `bun run` keeps to itself instead of passing it on: the same pipe is
 * then opened through the ancestor that has it. Other paths are themselves.
 */
export function inheritedPath(path: Path): Path {
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(pathText(path))?.[1];
  if (number === undefined || exists(path)) return path;
  let pid = process.ppid;
  for (let turns = 0; turns < ANCESTORS_MAX && pid > 1; turns += 1) {
    const there = `/proc/${pid}/fd/${number}`;
    if (isOpenThere(there)) return there;
    pid = parentOf(pid);
  }
  return path;
}

function isOpenThere(path: string): boolean {
  try {
    return exists(path);
  } catch (error) {
    if (isSyscallError(error)) return false;
    throw error;
  }
}

/** proc(5), /proc/PID/stat: the fourth field, after a name that may hold anything; 0 when the process is gone. */
function parentOf(pid: number): number {
  const text = tryReadText(`/proc/${pid}/stat`);
  return text === undefined ? 0 : Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
}
