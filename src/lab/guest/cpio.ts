/**
 * Archives in the "newc" format of cpio(5), the form in which the kernel takes an initramfs.
 *
 * Written here in eighty lines rather than by the cpio program: owners, device nodes and links can then be given without
 * being root and without a staging copy of a hundred megabytes. The kernel reads several archives laid end to end
 * (Documentation/driver-api/early-userspace/buffer-format.rst), so cached parts are simply concatenated.
 * Refuses to compress: under emulation unpacking zstd costs a second more than copying plain bytes does.
 */
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

const COPY_BYTES = 1 << 20;

export class CpioWriter {
  readonly #fd: number;
  readonly #directories = new Set<string>();
  #inode = 1;
  #position = 0;

  /** Appends to `fd` at its position; the caller owns the descriptor. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  directory(path: string, mode = 0o755): this {
    const name = relative(path);
    if (name === "" || this.#directories.has(name)) return this;
    this.#parents(name);
    this.#directories.add(name);
    this.#header(name, { mode: S_IFDIR | mode, sizeBytes: 0 });
    return this;
  }

  file(path: string, content: Uint8Array | string, mode = 0o644): this {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const name = relative(path);
    this.#parents(name);
    this.#header(name, { mode: S_IFREG | mode, sizeBytes: bytes.length });
    this.#write(bytes);
    this.#pad(4);
    return this;
  }

  /** Copies a host file (links followed) to `path` in the archive. */
  copy(path: string, hostPath: string, mode?: number): this {
    const stat = statSync(hostPath);
    const name = relative(path);
    this.#parents(name);
    this.#header(name, { mode: S_IFREG | (mode ?? stat.mode & 0o777), sizeBytes: stat.size });
    const from = openSync(hostPath, "r");
    try {
      const chunk = new Uint8Array(COPY_BYTES);
      let left = stat.size;
      while (left > 0) {
        const got = readSync(from, chunk, 0, Math.min(chunk.length, left), null);
        if (got === 0) throw new Error(`${hostPath} became shorter while it was copied`);
        this.#write(chunk.subarray(0, got));
        left -= got;
      }
    } finally {
      closeSync(from);
    }
    this.#pad(4);
    return this;
  }

  symlink(path: string, target: string): this {
    const name = relative(path);
    const bytes = new TextEncoder().encode(target);
    this.#parents(name);
    this.#header(name, { mode: S_IFLNK | 0o777, sizeBytes: bytes.length });
    this.#write(bytes);
    this.#pad(4);
    return this;
  }

  characterDevice(path: string, { major, minor }: { major: number; minor: number }): this {
    const name = relative(path);
    this.#parents(name);
    this.#header(name, { mode: S_IFCHR | 0o600, sizeBytes: 0, major, minor });
    return this;
  }

  /** Ends this archive; another may follow it. The size is a multiple of 512, as cpio(1) makes it. */
  end(): number {
    this.#header("TRAILER!!!", { mode: 0, sizeBytes: 0 });
    this.#pad(512);
    return this.#position;
  }

  #parents(name: string): void {
    const parent = dirname(name);
    if (parent !== ".") this.directory(parent);
  }

  #header(
    name: string,
    { mode, sizeBytes, major = 0, minor = 0 }: { mode: number; sizeBytes: number; major?: number; minor?: number },
  ): void {
    const inode = name === "TRAILER!!!" ? 0 : this.#inode++;
    const nameBytes = new TextEncoder().encode(`${name}\0`);
    // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    const fields = [inode, mode, 0, 0, 1, 0, sizeBytes, 0, 0, major, minor, nameBytes.length, 0];
    const hex = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
    this.#write(new TextEncoder().encode(`070701${hex}`));
    this.#write(nameBytes);
    this.#pad(4);
  }

  #write(bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done);
    this.#position += bytes.length;
  }

  #pad(alignment: number): void {
    const rest = this.#position % alignment;
    if (rest !== 0) this.#write(new Uint8Array(alignment - rest));
  }
}

/** Archive names have no leading slash; "" is the root, which the kernel has already. */
function relative(path: string): string {
  return path.replace(/^\/+/, "").replace(/\/+$/, "");
}
