/**
 * Files: open(2), read(2), write(2), pwritev2(2), statx(2) and their relatives as typed verbs.
 *
 * A partial transfer is data, not an error: `read`, `write` and their kin return the count they got; `writeAll` and
 * `readFully` loop. The verbs that begin with `try` return -errno instead of throwing, for callers that expect one.
 */

import { negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as F from "../sys/uapi/fcntl.ts";
import type { MemfdFlags, OpenFlags, ReadWriteFlags } from "../sys/uapi/flags.ts";
import { MFD_CLOEXEC } from "../sys/uapi/mman.ts";
import { assert, checked, checkedNegative, SyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { AT_FILE_POSITION, checkOffset, checkPosition, checkTransfer, checkUint } from "./integers.ts";
import { allocate, cString, type KernelBuffer, KiB, type Memory } from "./memory.ts";
import { retryEintr, throwIfInterrupted } from "./signals.ts";

/** A path as text, or as the bytes it has on disk (paths need not be UTF-8). */
export type Path = string | Uint8Array;

/** A path for people: text, with bytes that are not UTF-8 shown as \xNN. */
export function pathText(path: Path): string {
  if (typeof path === "string") return path;
  const text = Buffer.from(path).toString("utf8");
  if (Buffer.from(text, "utf8").equals(path)) return text;
  return Array.from(path, (byte) =>
    byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
}

/** Which bytes of a buffer a call uses; the whole buffer unless given. */
export interface BufferPart {
  readonly bufferOffsetBytes?: number;
  readonly lengthBytes?: number;
}

/** Which bytes of a buffer, and where in the file. */
export interface ReadWriteOptions extends BufferPart {
  /** An offset in the file; AT_FILE_POSITION, the descriptor's own position, unless given. */
  readonly offsetBytes?: number;
}

function partOf(memory: KernelBuffer, part: BufferPart): { address: number; lengthBytes: number } {
  const start = part.bufferOffsetBytes ?? 0;
  const lengthBytes = checkTransfer("lengthBytes", part.lengthBytes ?? memory.lengthBytes - start);
  return { address: memory.at(start, lengthBytes), lengthBytes };
}

function transferred(result: number, lengthBytes: number, call: string): number {
  assert(result <= lengthBytes, `${call} returned ${result} for a request of ${lengthBytes} bytes`);
  return result;
}

/** `int open(const char *path, int flags, mode_t mode)` with O_CLOEXEC added; `mode` is 0644 unless given. open(2). */
export function openFile(path: Path, options: { readonly flags: OpenFlags; readonly mode?: number }): Fd {
  const { flags, mode = 0o644 } = options;
  using name = cString(path);
  const label = pathText(path);
  checkUint("flags", flags);
  checkUint("mode", mode);
  const result = retryEintr(() => libc.open(name.address, flags | F.O_CLOEXEC, mode));
  return new Fd(
    checked(result, "open", () => `"${label}", ${openFlagsText(flags)}`),
    label,
  );
}

/** `int memfd_create(const char *name, unsigned int flags)` with MFD_CLOEXEC added: a file in memory. memfd_create(2). */
export function openMemfd(label: string, options: { readonly flags?: MemfdFlags } = {}): Fd {
  const { flags = 0 } = options;
  using name = cString(label);
  checkUint("flags", flags);
  return new Fd(
    checked(libc.memfd_create(name.address, flags | MFD_CLOEXEC), "memfd_create", () => `"${label}"`),
    `memfd:${label}`,
  );
}

const OPEN_FLAGS = {
  O_CREAT: F.O_CREAT,
  O_EXCL: F.O_EXCL,
  O_TRUNC: F.O_TRUNC,
  O_APPEND: F.O_APPEND,
  O_NONBLOCK: F.O_NONBLOCK,
  O_DIRECT: F.O_DIRECT,
  O_DIRECTORY: F.O_DIRECTORY,
};

function openFlagsText(flags: number): string {
  const access = ["O_RDONLY", "O_WRONLY", "O_RDWR"][flags & 3] ?? "O_ACCMODE";
  const others = Object.entries(OPEN_FLAGS).filter(([, bits]) => (flags & bits) === bits);
  return [access, ...others.map(([name]) => name)].join("|");
}

/** Whether the descriptor's own position is used: no offset, or the named value for none. */
function atPosition(offsetBytes: number | undefined): offsetBytes is undefined {
  return offsetBytes === undefined || offsetBytes === AT_FILE_POSITION;
}

/**
 * `ssize_t read(int fd, void *buf, size_t count)`, and with `offsetBytes` `ssize_t pread(…, off_t offset)`: the count
 * read, 0 at the end of the file. EINTR is retried; a refusal is a SyscallError. read(2), pread(2).
 */
export function read(fd: Fd, memory: KernelBuffer, options: ReadWriteOptions = {}): number {
  const { address, lengthBytes } = partOf(memory, options);
  const { offsetBytes } = options;
  if (atPosition(offsetBytes)) {
    const result = retryEintr(() => libc.read(fd.number, address, lengthBytes));
    return transferred(checked(result, "read", fd.label), lengthBytes, "read");
  }
  checkOffset("offsetBytes", offsetBytes);
  const result = retryEintr(() => libc.pread(fd.number, address, lengthBytes, offsetBytes));
  const where = () => `${fd.label} at ${offsetBytes}`;
  return transferred(checked(result, "pread", where), lengthBytes, "pread");
}

/**
 * `ssize_t write(int fd, const void *buf, size_t count)`, and with `offsetBytes` `ssize_t pwrite(…, off_t offset)`, which
 * appends on an O_APPEND descriptor: the count written, which may be short. EINTR is retried; a refusal is a
 * SyscallError. write(2), pwrite(2).
 */
export function write(fd: Fd, memory: KernelBuffer, options: ReadWriteOptions = {}): number {
  const { offsetBytes } = options;
  const result = tryWrite(fd, memory, options);
  return atPosition(offsetBytes)
    ? checkedNegative(result, "write", fd.label)
    : checkedNegative(result, "pwrite", `${fd.label} at ${offsetBytes}`);
}

/** `write`, but -errno instead of an exception: -EFAULT is an answer where the buffer cannot be read. */
export function tryWrite(fd: Fd, memory: KernelBuffer, options: ReadWriteOptions = {}): number {
  const { address, lengthBytes } = partOf(memory, options);
  const { offsetBytes } = options;
  if (atPosition(offsetBytes)) {
    return transferred(negated(retryEintr(() => libc.write(fd.number, address, lengthBytes))), lengthBytes, "write");
  }
  checkOffset("offsetBytes", offsetBytes);
  const result = negated(retryEintr(() => libc.pwrite(fd.number, address, lengthBytes, offsetBytes)));
  return transferred(result, lengthBytes, "pwrite");
}

/** Loops `write` until every byte is written. */
export function writeAll(fd: Fd, memory: KernelBuffer, part: BufferPart = {}): void {
  const end = (part.bufferOffsetBytes ?? 0) + (part.lengthBytes ?? memory.lengthBytes - (part.bufferOffsetBytes ?? 0));
  for (let done = part.bufferOffsetBytes ?? 0; done < end; ) {
    done += write(fd, memory, { bufferOffsetBytes: done, lengthBytes: end - done });
    // A signal turns a blocking call into a short one; the next call would sleep on a signal that will not come twice.
    if (done < end) throwIfInterrupted();
  }
}

/** Loops `read` until the part is full or the file ends; the count read. */
export function readFully(fd: Fd, memory: KernelBuffer, part: BufferPart = {}): number {
  const start = part.bufferOffsetBytes ?? 0;
  const wanted = part.lengthBytes ?? memory.lengthBytes - start;
  let done = 0;
  while (done < wanted) {
    const got = read(fd, memory, { bufferOffsetBytes: start + done, lengthBytes: wanted - done });
    if (got === 0) break;
    done += got;
    if (done < wanted) throwIfInterrupted();
  }
  return done;
}

/** A file of /proc or /sys, or another short one, as text; undefined where it cannot be read. */
export function tryReadText(path: string): string | undefined {
  using name = cString(path);
  // No call here waits for a signal, and why a file is missing does not matter: errno is not asked for.
  const number = libc.open(name.address, F.O_RDONLY | F.O_CLOEXEC, 0);
  if (number < 0) return undefined;
  using fd = new Fd(number, path);
  try {
    using memory = allocate(64 * KiB);
    let text = "";
    const decoder = new TextDecoder();
    for (let got = read(fd, memory); got > 0; got = read(fd, memory)) {
      text += decoder.decode(memory.bytes.subarray(0, got), { stream: true });
    }
    return text;
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

/** A scatter/gather list in arena memory, with the buffers it names; a request made of it pins all of them. */
export class IoVectors implements Disposable {
  readonly memory: Memory;
  #buffers: KernelBuffer[];
  count = 0;
  lengthBytes = 0;

  constructor(capacityCount: number, buffers: readonly KernelBuffer[] = []) {
    this.memory = allocate(capacityCount * F.iovec.sizeBytes);
    this.#buffers = [...buffers];
  }

  /** Every buffer an entry points into. */
  get buffers(): readonly KernelBuffer[] {
    return this.#buffers;
  }

  /** Forgets all entries. */
  clear(): this {
    this.count = 0;
    this.lengthBytes = 0;
    this.#buffers.length = 0;
    return this;
  }

  /** Adds bytes of `buffer`. */
  add(buffer: KernelBuffer, part: BufferPart = {}): this {
    const { address, lengthBytes } = partOf(buffer, part);
    const at = this.count * F.iovec.sizeBytes;
    this.memory.at(at, F.iovec.sizeBytes);
    const view = this.memory.view;
    view.setUint32(at, address >>> 0, true);
    view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
    view.setUint32(at + F.iovec.offsets.iov_len, lengthBytes, true);
    view.setUint32(at + F.iovec.offsets.iov_len + 4, 0, true);
    this.count += 1;
    this.lengthBytes += lengthBytes;
    if (!this.#buffers.includes(buffer)) this.#buffers.push(buffer);
    return this;
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
}

/**
 * `ssize_t pwritev2(int fd, const struct iovec *iov, int iovcnt, off_t offset, int flags)`: the count, or -errno
 * (-EAGAIN is an answer when RWF_NOWAIT is set). `offsetBytes` may be AT_FILE_POSITION. pwritev2(2).
 */
export function tryWriteVectors(
  fd: Fd,
  vectors: IoVectors,
  options: { offsetBytes?: number; flags?: ReadWriteFlags } = {},
): number {
  const offsetBytes = checkPosition("offsetBytes", options.offsetBytes ?? AT_FILE_POSITION);
  const flags = checkUint("flags", options.flags ?? 0);
  const address = vectors.memory.at(0);
  const result = retryEintr(() => libc.pwritev2(fd.number, address, vectors.count, offsetBytes, flags));
  return transferred(negated(result), vectors.lengthBytes, "pwritev2");
}
