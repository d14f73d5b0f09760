/**
 * From `--pattern` to bytes: the patterns that need nothing, and the reference, which is another file.
 *
 * Owns opening references: files and block devices are read where needed; pipes, FIFOs, process substitutions and standard
 * input, which can be read once only, are copied to a nameless file under TMPDIR first. Refuses character devices, which
 * have no end.
 */
import { Inconclusive, isSyscallError, UsageError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { openFile, type Path, pathText, read, writeAll } from "../../ops/file.ts";
import { allocate, PAGE_BYTES } from "../../ops/memory.ts";
import { statFd } from "../../ops/stat.ts";
import type { LinesOptions } from "../../pattern/lines.ts";
import type { Pattern } from "../../pattern/pattern.ts";
import { type PatternArguments, parsePattern } from "../../pattern/spec.ts";
import { O_DIRECT, O_RDONLY } from "../../sys/uapi/fcntl.ts";
import { Holes } from "./holes.ts";
import { type Input, isCharacterDevice, openInput, whyUnreadable } from "./input.ts";
import type { ReadAtMost } from "./scan.ts";

/** Large enough that a call costs little, small enough to be compared while it is in the cache. */
export const READ_BLOCK_BYTES = 512 * 1024;

/** A pattern ready to be compared with, and where its stream ends if it knows. */
export interface OpenedPattern {
  readonly pattern: Pattern;
  readonly endBytes?: number;
  /** Whether another thread may open it again; what was read from a pipe is in this thread only. */
  readonly reopenable: boolean;
  /** What was learned from the file that is judged, in words: it may be wrong there. */
  readonly learned?: string;
  /** Foreign pieces shorter than this may be the reference's own, from far away. */
  readonly foundBytes?: number;
  /** Throws Inconclusive when the reference was changed since it was opened. */
  assertUnchanged(): void;
}

/** Why no pattern can be made of these arguments, in one line; undefined when one can. */
export function whyNoPattern(
  args: PatternArguments,
  reference: { readonly path: Path | undefined } | "elsewhere",
): string | undefined {
  try {
    const spec = parsePattern(args);
    if (spec.kind !== "reference" || reference === "elsewhere") return undefined;
    const path = reference.path ?? spec.path;
    const reason = whyUnreadable(path);
    if (reason !== undefined) return `--pattern: ${reason}`;
    if (isCharacterDevice(path)) {
      return `--pattern: ${pathText(path)} is a character device, which has no end to compare with; for zeros use --pattern zero`;
    }
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** The path of `--pattern reference:PATH`, with the bytes it has on disk when `bytes` is the whole argument as given. */
export function referencePath(pattern: Path): Path | undefined {
  const prefix = "reference:";
  if (typeof pattern === "string") return pattern.startsWith(prefix) ? pattern.slice(prefix.length) : undefined;
  const start = Buffer.from(pattern.subarray(0, prefix.length)).toString("latin1");
  return start === prefix ? pattern.slice(prefix.length) : undefined;
}

/**
 * Opens what `--pattern` names. `reference`: its path, where that is not the text of the argument. `input`: the file that
 * is judged, from whose beginning numbered lines are learned.
 */
export function openPattern(args: PatternArguments, referenceAt?: Path, input?: Input): OpenedPattern {
  const spec = parsePattern(args);
  if (spec.kind === "lines") {
    const options = spec.options ?? (input === undefined ? {} : linesIn(input));
    const pattern = numberedLines().lines(options);
    const opened = { pattern, reopenable: spec.options !== undefined, assertUnchanged: () => {} };
    if (spec.options !== undefined || options.start === undefined) return opened;
    return { ...opened, learned: `that its lines are numbered from ${options.start} (lines:start=N checks it)` };
  }
  if (spec.kind === "stream") {
    return { pattern: spec.pattern, reopenable: true, assertUnchanged: () => {} };
  }
  if (spec.kind !== "reference") throw new UsageError(`--pattern ${spec.kind} is judged by itself, not as a stream`);
  return openReference(referenceAt ?? spec.path);
}

/** Loaded when it is named. */
const numberedLines = () => require("../../pattern/lines.ts") as typeof import("../../pattern/lines.ts");

const learning = () => require("../../pattern/learn-lines.ts") as typeof import("../../pattern/learn-lines.ts");

/** As a stream's beginning has them, which is kept for the judge; those of fill.ts when it has none. */
function linesOfStream(input: Input): LinesOptions {
  using memory = allocate(READ_BLOCK_BYTES);
  let options: LinesOptions | undefined;
  let length = 0;
  while (options === undefined && length < READ_BLOCK_BYTES) {
    const got = read(input.fd, memory, { bufferOffsetBytes: length, lengthBytes: READ_BLOCK_BYTES - length });
    if (got === 0) break;
    length += got;
    options = learning().learnLines(memory.bytes.subarray(0, length));
  }
  input.ahead = memory.bytes.slice(0, length);
  return options === undefined || learning().isDefault(options) ? {} : checkedLines(options, input.fd.label);
}

/** As the file has them. */
function linesIn(input: Input): LinesOptions {
  const { fd, sizeBytes } = input;
  if (sizeBytes === undefined) return linesOfStream(input);
  if (sizeBytes === 0) return {};
  using memory = allocate(READ_BLOCK_BYTES);
  // Where the beginning is destroyed, lines further on that fill.ts writes show what the beginning was.
  for (const place of [0, 1, 2, 3]) {
    const at = Math.floor((sizeBytes * place) / 4);
    const got = read(fd, memory, { offsetBytes: at, lengthBytes: Math.min(READ_BLOCK_BYTES, sizeBytes) });
    const options = learning().learnLines(memory.bytes.subarray(0, got));
    if (options !== undefined && learning().isDefault(options)) return {};
    if (options !== undefined && place === 0) return checkedLines(options, fd.label);
  }
  throw new UsageError(
    `${fd.label} does not begin with lines that differ in a number that counts up by one; lines:start=N,digits=N,prefix=TEXT,suffix=TEXT states what they should be`,
  );
}

function checkedLines(options: LinesOptions, label: string): LinesOptions {
  try {
    numberedLines().lines(options);
    return options;
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`${label}: ${error.message}`) : error;
  }
}

function openReference(path: Path): OpenedPattern {
  const { reference } = require("../../pattern/reference.ts") as typeof import("../../pattern/reference.ts");
  const input = openInput(path);
  const spooled = input.sizeBytes === undefined ? spool(input.fd) : { fd: input.fd, sizeBytes: input.sizeBytes };
  const { fd, sizeBytes: endBytes } = spooled;
  const memory = allocate(READ_BLOCK_BYTES);
  const holes = new Holes(input, endBytes);
  const readHole = holeReader(fd);
  const readReference = (block: Uint8Array, offsetBytes: number) => {
    if (holes.at(offsetBytes) >= block.length && readHole(block, offsetBytes)) return;
    for (let done = 0; done < block.length; ) {
      const lengthBytes = Math.min(block.length - done, READ_BLOCK_BYTES);
      const got = read(fd, memory, { offsetBytes: offsetBytes + done, lengthBytes });
      if (got === 0) throw new Inconclusive(`the reference ${fd.label} shrank while it was read`);
      block.set(memory.bytes.subarray(0, got), done);
      done += got;
    }
  };
  const before = input.stat;
  const assertUnchanged = () => {
    if (before.kind !== "file" || input.fd.closed) return;
    const after = statFd(input.fd);
    if (after.mtimeNs !== before.mtimeNs || after.sizeBytes !== before.sizeBytes) {
      throw new Inconclusive(`the reference ${input.fd.label} was changed while it was read`);
    }
  };
  const pattern = reference({
    lengthBytes: endBytes,
    read: readReference,
    hole: (offsetBytes) => holes.at(offsetBytes),
  });
  return {
    pattern,
    endBytes,
    reopenable: input.sizeBytes !== undefined,
    foundBytes: pattern.foundBytes,
    assertUnchanged,
  };
}

/**
 * Fills a block from where the file should be a hole; false where that is impossible. The hole is read all the same: a kernel
 * that mistakes data for a hole has made copies without it. Past the page cache, for pages of zeros would fill it.
 */
function holeReader(fd: Fd): (block: Uint8Array, offsetBytes: number) => boolean {
  let reading: ReadAtMost | undefined | "unavailable";
  return (block, offsetBytes) => {
    if (reading === "unavailable") return false;
    try {
      reading ??= again().directly(
        openFile(`/proc/self/fd/${fd.number}`, { flags: O_RDONLY | O_DIRECT }),
        allocate(READ_BLOCK_BYTES, { alignBytes: PAGE_BYTES }),
      );
      for (let done = 0; done < block.length; ) {
        const got = reading(offsetBytes + done, block.length - done);
        if (got.length === 0) return false;
        block.set(got, done);
        done += got.length;
      }
      return true;
    } catch (error) {
      if (!isSyscallError(error)) throw error;
      reading = "unavailable";
      return false;
    }
  };
}

const again = () => require("./again.ts") as typeof import("./again.ts");

/** Copies what can be read once to a file without a name, which is gone with the process. */
function spool(from: Fd): { fd: Fd; sizeBytes: number } {
  const fd = copyFile(from.label);
  using memory = allocate(READ_BLOCK_BYTES);
  let sizeBytes = 0;
  for (;;) {
    const got = read(from, memory);
    if (got === 0) break;
    writeAll(fd, memory, { lengthBytes: got });
    sizeBytes += got;
  }
  from.close();
  return { fd, sizeBytes };
}

function copyFile(label: string): Fd {
  const { namelessFile } = require("../../ops/mount.ts") as typeof import("../../ops/mount.ts");
  const { tmpdir } = require("node:os") as typeof import("node:os");
  const directory = tmpdir();
  try {
    return namelessFile(directory);
  } catch (error) {
    if (!isSyscallError(error)) throw error;
    throw new UsageError(`${label} can be read once only and needs a copy under TMPDIR, ${directory}: ${error.code}`);
  }
}
