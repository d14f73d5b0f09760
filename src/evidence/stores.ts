/**
 * Stores into small shared mappings of files: what a program wrote there since the last call, with no call of its own.
 *
 * Owns the comparison with what was there before, of pages that this process has touched only: looking changes nothing, for a
 * page that is read for the first time is mapped by that. What the file held before comes from the page cache alone
 * (RWF_NOWAIT); where it is not there, the first look at a touched page is the beginning. Large mappings are not followed.
 */
import { closeSync, openSync, readSync, statfsSync } from "node:fs";
import { libc } from "../sys/libc.ts";
import { arrayBufferAt } from "../sys/memory.ts";
import { RWF_NOWAIT } from "../sys/uapi/fcntl.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } from "../sys/uapi/mman.ts";
import { PAGE_BYTES } from "../units.ts";
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

const ROOM_BYTES = 2 * PAGE_BYTES;
const FOLLOWED_BYTES_MAX = 64 * 1024;
const GAP_BYTES = 32;
/** linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;
/** An entry of /proc/self/pagemap: bit 63 is "page present". Documentation/admin-guide/mm/pagemap.rst. */
const PAGEMAP_ENTRY_BYTES = 8;

export class Stores {
  readonly #memory: OwnMemory;
  /** The functions themselves: made before calls are watched. */
  readonly #preadv2 = libc.preadv2;
  readonly #munmap = libc.munmap;
  /** A struct iovec, and a page for what it points to. */
  readonly #room: number;
  readonly #bytes: ArrayBuffer;
  readonly #pagemap = openSync("/proc/self/pagemap", "r");
  #followed: Followed[] = [];

  constructor(memory: OwnMemory) {
    this.#memory = memory;
    this.#room = libc.mmap(0, ROOM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    this.#bytes = arrayBufferAt(this.#room, ROOM_BYTES);
    const view = new DataView(this.#bytes);
    view.setBigUint64(0, BigInt(this.#room + PAGE_BYTES), true);
    view.setBigUint64(8, BigInt(PAGE_BYTES), true);
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
    const flags = isMemory(fd) ? 0 : RWF_NOWAIT;
    const got = this.#preadv2(fd, this.#room, 1, offset, flags);
    if (got < 0) return undefined;
    const page = new Uint8Array(PAGE_BYTES);
    page.set(new Uint8Array(this.#bytes, PAGE_BYTES, got));
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
    this.#munmap(this.#room, ROOM_BYTES);
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
