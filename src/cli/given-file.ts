/**
 * A text file that an argument names: read whole, or refused with the reason.
 *
 * Owns the bound, and what a pipe gave: it gives it once, and its name may be read twice (arguments are checked before a
 * run). A file, a pipe or a process substitution will do; a device such as /dev/zero, which has no end, and what is
 * longer than any document of ours are refused.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { pathText } from "../ops/file.ts";
import { inheritedPath } from "../ops/inherited.ts";

const BYTES_MAX = 256 * 2 ** 20;
const CHUNK_BYTES = 1 << 20;

/** Texts of pipes by their names. */
const fromPipes = new Map<string, string>();

/** Throws a GivenFileError, whose message continues a sentence that begins with the file's name. */
export function readGivenFile(path: string): string {
  const known = fromPipes.get(path);
  if (known !== undefined) return known;
  try {
    const fd = openSync(pathText(inheritedPath(path)), "r");
    try {
      const text = readToEnd(fd);
      if (!fstatSync(fd).isFile()) fromPipes.set(path, text);
      return text;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof GivenFileError) throw error;
    throw new GivenFileError(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
}

export class GivenFileError extends Error {
  override name = "GivenFileError";
}

function readToEnd(fd: number): string {
  const stat = fstatSync(fd);
  if (stat.isDirectory()) throw new GivenFileError("is a directory, not a file");
  if (stat.isCharacterDevice() || stat.isBlockDevice()) throw new GivenFileError("is a device, not a file");
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(4096, stat.size + 1)));
    const count = readSync(fd, chunk);
    if (count === 0) return Buffer.concat(chunks).toString("utf8");
    total += count;
    if (total > BYTES_MAX) throw new GivenFileError("is too large to be a report");
    chunks.push(chunk.subarray(0, count));
  }
}
