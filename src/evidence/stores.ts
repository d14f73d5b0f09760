/**
 * Stores into small shared mappings of files: what a program wrote there since the last call, with no call of its own.
 *
 * Owns the comparison with what was there before, of pages that this process has touched only: looking changes nothing, for a
 * page that is read for the first time is mapped by that. What the file held before comes from the page cache alone
 * (RWF_NOWAIT); where it is not there, the first look at a touched page is the beginning. Large mappings are not followed.
 */
import { closeSync, openSync, readSync, statfsSync } from "node:fs";
import { type Memory, PAGE_BYTES } from "../ops/memory.ts";
import { RWF_NOWAIT } from "../sys/uapi/fcntl.ts";
import { MAP_SHARED, PROT_WRITE } from "../sys/uapi/mman.ts";
import type { OwnMemory } from "./pointed.ts";

/** A range of one mapping that has changed. */
export interface Store {
  readonly address: number;
  readonly lengthBytes: number;
}

interface Followed {
  readonly address: number;
  readonly lengthBytes: number;
  /** What is known of each page; undefined for one that was not seen yet. */
  readonly pages: (Uint8Array | undefined)[];
}

const FOLLOWED_BYTES_MAX = 64 * 1024;
const GAP_BYTES = 32;
/** linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;
/** An entry of /proc/self/pagemap: bit 63 is "page present". Documentation/admin-guide/mm/pagemap.rst. */
const PAGEMAP_ENTRY_BYTES = 8;

/** preadv2(2) as it is, past the recorder's own watcher, and memory for its answer: a struct iovec, then a page. */
export interface RawRead {
  readonly preadv2: (fd: number, vectors: number, count: number, offset: number, flags: number) => number;
  readonly memory: Memory;
}

export class Stores {
  readonly #memory: OwnMemory;
  readonly #raw: RawRead;
  readonly #pagemap = openSync("/proc/self/pagemap", "r");
  #followed: Followed[] = [];

  constructor(memory: OwnMemory, raw: RawRead) {
    this.#memory = memory;
    this.#raw = raw;
  }

  /** A call that makes or ends a mapping has returned. */
  learn(call: string, args: readonly number[], result: number): void {
    if (result < 0) return;
    if (call === "munmap" || call === "mremap") {
      const [from = 0, lengthBytes = 0] = args;
      this.#followed = this.#followed.filter(({ address }) => address < from || from + lengthBytes <= address);
    } else if (call === "mmap") this.#follow(args, result);
  }

  #follow([, lengthBytes = 0, protection = 0, flags = 0, fd = -1, offset = 0]: readonly number[], address: number) {
    if ((flags & 3) !== MAP_SHARED || (protection & PROT_WRITE) === 0 || fd < 0) return;
    if (lengthBytes > FOLLOWED_BYTES_MAX) return;
    const count = Math.ceil(lengthBytes / PAGE_BYTES);
    const pages = Array.from({ length: count }, (_, page) => this.#cached(fd, offset + page * PAGE_BYTES));
    this.#followed.push({ address, lengthBytes, pages });
  }

  /** A page of the file as the page cache has it, zeros behind the file's end; undefined where it is not cached. */
  #cached(fd: number, offset: number): Uint8Array | undefined {
    const { memory, preadv2 } = this.#raw;
    const place = memory.address + PAGE_BYTES;
    memory.view.setBigUint64(0, BigInt(place), true);
    memory.view.setBigUint64(8, BigInt(PAGE_BYTES), true);
    const flags = isMemory(fd) ? 0 : RWF_NOWAIT;
    const got = preadv2(fd, memory.address, 1, offset, flags);
    if (got < 0) return undefined;
    const page = new Uint8Array(PAGE_BYTES);
    page.set(memory.bytes.subarray(PAGE_BYTES, PAGE_BYTES + got));
    return page;
  }

  /** What has been stored since the last look. */
  changes(): Store[] {
    return this.#followed.flatMap((one) => this.#changesOf(one));
  }

  #changesOf({ address, lengthBytes, pages }: Followed): Store[] {
    const stores: { address: number; lengthBytes: number }[] = [];
    for (const [index, before] of pages.entries()) {
      const at = index * PAGE_BYTES;
      if (!this.#isPresent(address + at)) continue;
      const now = this.#memory.bytes(address + at, Math.min(PAGE_BYTES, lengthBytes - at));
      pages[index] = now.slice();
      for (const [from, to] of before === undefined ? [[0, now.length] as const] : differences(before, now)) {
        const last = stores.at(-1);
        // One store over a page's edge is one.
        if (last !== undefined && last.address + last.lengthBytes === address + at + from)
          last.lengthBytes += to - from;
        else stores.push({ address: address + at + from, lengthBytes: to - from });
      }
    }
    return stores;
  }

  #isPresent(address: number): boolean {
    const entry = new Uint8Array(PAGEMAP_ENTRY_BYTES);
    readSync(this.#pagemap, entry, 0, PAGEMAP_ENTRY_BYTES, (address / PAGE_BYTES) * PAGEMAP_ENTRY_BYTES);
    return ((entry[7] as number) & 0x80) !== 0;
  }

  close(): void {
    closeSync(this.#pagemap);
  }
}

/** A file of tmpfs is its own page cache; reading it waits for nothing, and RWF_NOWAIT is unknown there. */
function isMemory(fd: number): boolean {
  return statfsSync(`/proc/self/fd/${fd}`).type === TMPFS_MAGIC;
}

/** Where the bytes differ: ranges between which at least GAP_BYTES are the same; fewer may be so by chance. */
function differences(before: Uint8Array, now: Uint8Array): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const [index, byte] of now.entries()) {
    if (byte === before[index]) continue;
    const last = ranges.at(-1);
    if (last !== undefined && index - last[1] < GAP_BYTES) last[1] = index + 1;
    else ranges.push([index, index + 1]);
  }
  return ranges;
}
