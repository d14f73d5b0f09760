/**
 * Mapped memory: mmap(2) of nothing or of a file, and what can be done to it: madvise, mprotect, mremap, msync, munmap.
 *
 * Owns every mapping that is not the arena's, gone at dispose. After release no view reaches the memory any more: its
 * array buffers are detached, so a kept one reads undefined instead of ending the process. What the processor refuses
 * is still a signal that ends the process: a store to a page without PROT_WRITE (SIGSEGV), a touch wholly behind the end
 * of a file, or of a huge page that the pool does not have (SIGBUS); MADV_POPULATE_READ and MADV_POPULATE_WRITE return
 * an error instead. Refuses fixed addresses except inside a mapping of our own: MAP_FIXED replaces whatever is there.
 */
import { negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { arrayBufferAt } from "../sys/memory.ts";
import type { Advice, MapFlags, MsyncFlags, Protection, RemapFlags } from "../sys/uapi/flags.ts";
import * as M from "../sys/uapi/mman.ts";
import { assert, checked, checkedNegative } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { checkOffset, checkUint } from "./integers.ts";
import { allocate, type KernelBuffer, PAGE_BYTES } from "./memory.ts";

/** A part of a mapping. */
export interface MappedRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** A place for a new mapping: it replaces these pages of `over`, which gives them away (MAP_FIXED, MREMAP_FIXED). */
export interface MappingPlace {
  readonly over: Mapping;
  readonly offsetBytes: number;
}

/** Mapped pages: unmapped by `using`; nothing reaches them afterwards. mmap(2). */
export class Mapping implements Disposable, KernelBuffer {
  readonly address: number;
  readonly lengthBytes: number;
  readonly label: string;
  /** Ranges that were unmapped or given to another mapping, sorted. */
  readonly #gone: MappedRange[] = [];
  readonly #buffers: ArrayBuffer[] = [];
  #bytes: Uint8Array | undefined;
  #open = true;
  #pins = 0;

  constructor(address: number, lengthBytes: number, label: string) {
    this.address = address;
    this.lengthBytes = lengthBytes;
    this.label = label;
  }

  /** The mapped bytes themselves: with MAP_SHARED a store is a store into the page cache. */
  get bytes(): Uint8Array {
    this.at(0, this.lengthBytes);
    this.#bytes ??= this.view({ offsetBytes: 0, lengthBytes: this.lengthBytes });
    return this.#bytes;
  }

  /** A part of the mapped bytes, for mappings that lack another part. */
  view(range: MappedRange): Uint8Array {
    const buffer = arrayBufferAt(this.at(range.offsetBytes, range.lengthBytes), range.lengthBytes);
    this.#buffers.push(buffer);
    return new Uint8Array(buffer);
  }

  /** The address of byte `offsetBytes`; checks that `lengthBytes` from there are mapped by this mapping still. */
  at(offsetBytes: number, lengthBytes = 0): number {
    if (!this.#open) throw new RangeError(`the mapping of ${this.label} was used after it was released`);
    const end = checkOffset("offsetBytes", offsetBytes) + checkOffset("lengthBytes", lengthBytes);
    if (end > this.lengthBytes) {
      throw new RangeError(`bytes ${offsetBytes} to ${end} are outside a mapping of ${this.lengthBytes}`);
    }
    if (this.#gone.some((gone) => offsetBytes < gone.offsetBytes + gone.lengthBytes && gone.offsetBytes < end)) {
      throw new RangeError(`bytes ${offsetBytes} to ${end} of the mapping of ${this.label} were unmapped`);
    }
    return this.address + offsetBytes;
  }

  /** The kernel may use these pages until `unpin`: a pinned mapping cannot be unmapped or moved. */
  pin(): void {
    this.at(0);
    this.#pins += 1;
  }

  unpin(): void {
    assert(this.#pins > 0, "a mapping was unpinned more often than pinned");
    this.#pins -= 1;
  }

  /** Detaches every view, before the memory behind them goes away; `bytes` and `view` give new ones. */
  detach(): void {
    if (this.#pins > 0) throw new RangeError(`the kernel still uses the mapping of ${this.label}`);
    this.#bytes = undefined;
    for (const buffer of this.#buffers.splice(0)) buffer.transfer();
  }

  /** Leaves a range to whoever maps there next, without unmapping it; everything when no range is given. */
  giveAway(range: MappedRange = { offsetBytes: 0, lengthBytes: this.lengthBytes }): void {
    this.at(range.offsetBytes, range.lengthBytes);
    this.detach();
    this.#gone.push(range);
    this.#gone.sort((a, b) => a.offsetBytes - b.offsetBytes);
    if (this.#rest().length === 0) this.#open = false;
  }

  /** What is mapped still. */
  #rest(): MappedRange[] {
    const rest: MappedRange[] = [];
    let at = 0;
    for (const gone of [...this.#gone, { offsetBytes: this.lengthBytes, lengthBytes: 0 }]) {
      if (gone.offsetBytes > at) rest.push({ offsetBytes: at, lengthBytes: gone.offsetBytes - at });
      at = gone.offsetBytes + gone.lengthBytes;
    }
    return rest;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.detach();
    this.#open = false;
    for (const { offsetBytes, lengthBytes } of this.#rest()) {
      checked(libc.munmap(this.address + offsetBytes, lengthBytes), "munmap", this.label);
    }
  }
}

interface MapOptions {
  readonly lengthBytes: number;
  /** PROT_*; reading and writing unless given. */
  readonly protection?: Protection;
  /** MAP_*. */
  readonly flags?: MapFlags;
  /** Pages of a mapping of ours to replace; the kernel chooses an address unless given. */
  readonly place?: MappingPlace;
}

function map(
  options: MapOptions,
  file: { number: number; offsetBytes: number; label: string },
  flags: number,
): Mapping {
  const lengthBytes = checkOffset("lengthBytes", options.lengthBytes);
  const protection = checkUint("protection", options.protection ?? M.PROT_READ | M.PROT_WRITE);
  checkUint("flags", flags);
  if ((flags & (M.MAP_FIXED | M.MAP_FIXED_NOREPLACE)) !== 0) {
    throw new RangeError("a fixed address must lie in a mapping of ours: give `place` instead of MAP_FIXED");
  }
  const { place } = options;
  const address = place?.over.at(place.offsetBytes, lengthBytes) ?? 0;
  const fixed = place === undefined ? 0 : M.MAP_FIXED;
  place?.over.detach();
  const result = libc.mmap(address, lengthBytes, protection, flags | fixed, file.number, file.offsetBytes);
  const where = () => `${file.label}, ${lengthBytes} bytes, flags 0x${flags.toString(16)}`;
  const mapping = new Mapping(checked(result, "mmap", where), lengthBytes, file.label);
  place?.over.giveAway({ offsetBytes: place.offsetBytes, lengthBytes });
  return mapping;
}

/**
 * `void *mmap(NULL, size_t length, int prot, int flags | MAP_ANONYMOUS, -1, 0)`. `flags` are MAP_PRIVATE (unless given),
 * MAP_SHARED, MAP_NORESERVE, MAP_POPULATE, MAP_HUGETLB; with PROT_NONE and MAP_NORESERVE it reserves addresses for
 * `place`. Errors: ENOMEM (no memory, or too few huge pages), EINVAL (MAP_HUGETLB with a length between huge pages).
 * mmap(2).
 */
export function mapAnonymous(options: MapOptions): Mapping {
  const file = { number: -1, offsetBytes: 0, label: "anonymous memory" };
  return map(options, file, (options.flags ?? M.MAP_PRIVATE) | M.MAP_ANONYMOUS);
}

/**
 * `void *mmap(NULL, size_t length, int prot, int flags, int fd, off_t offset)`. `flags` is MAP_SHARED unless given: then
 * the descriptor must be open for reading and writing (with PROT_WRITE), for MAP_PRIVATE reading is enough.
 * `offsetBytes` is a multiple of the page size. Errors: EACCES (opened otherwise), EINVAL, ENODEV (cannot be mapped).
 * mmap(2).
 */
export function mapFile(fd: Fd, options: MapOptions & { readonly offsetBytes?: number }): Mapping {
  const offsetBytes = checkOffset("offsetBytes", options.offsetBytes ?? 0);
  return map(options, { number: fd.number, offsetBytes, label: fd.label }, options.flags ?? M.MAP_SHARED);
}

/** A part of the mapping, from its first page on and to its end unless given. */
function partOf(mapping: Mapping, part: Partial<MappedRange>): MappedRange {
  const { offsetBytes = 0, lengthBytes = mapping.lengthBytes - offsetBytes } = part;
  return { offsetBytes, lengthBytes };
}

/** Advice for the kernel, and the part that it is about. */
export interface AdviceOptions extends Partial<MappedRange> {
  /** MADV_*. */
  readonly advice: Advice;
}

/** `madvise`, but -errno instead of an exception: EFAULT of MADV_POPULATE_READ is an answer, not a failure. */
export function tryMadvise(mapping: Mapping, options: AdviceOptions): number {
  const { offsetBytes, lengthBytes } = partOf(mapping, options);
  const address = mapping.at(offsetBytes, lengthBytes);
  return negated(libc.madvise(address, lengthBytes, checkUint("advice", options.advice)));
}

/**
 * `int madvise(void *addr, size_t length, int advice)`: MADV_*. The range (everything unless given) begins on a page.
 * MADV_FREE and MADV_PAGEOUT succeed whether or not pages were taken. Errors: EINVAL (unknown advice, or not for this
 * kind of mapping), EAGAIN, ENOMEM, EFAULT, EHWPOISON (MADV_POPULATE_*). madvise(2).
 */
export function madvise(mapping: Mapping, options: AdviceOptions): void {
  checkedNegative(tryMadvise(mapping, options), "madvise", `${mapping.label}, advice ${options.advice}`);
}

/**
 * `int mprotect(void *addr, size_t len, int prot)`: PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE. A system call that
 * meets a page it may not touch returns EFAULT, or a short count; a script that touches one dies of SIGSEGV. mprotect(2).
 */
export function mprotect(mapping: Mapping, options: Partial<MappedRange> & { readonly protection: Protection }): void {
  const { protection } = options;
  const { offsetBytes, lengthBytes } = partOf(mapping, options);
  const address = mapping.at(offsetBytes, lengthBytes);
  const result = libc.mprotect(address, lengthBytes, checkUint("protection", protection));
  checked(result, "mprotect", () => `${mapping.label}, protection ${protection}`);
}

/** `int msync(void *addr, size_t length, int flags)`: MS_SYNC (unless given) or MS_ASYNC, MS_INVALIDATE. msync(2). */
export function msync(mapping: Mapping, options: Partial<MappedRange> & { readonly flags?: MsyncFlags } = {}): void {
  const { flags = M.MS_SYNC } = options;
  const { offsetBytes, lengthBytes } = partOf(mapping, options);
  const address = mapping.at(offsetBytes, lengthBytes);
  checked(libc.msync(address, lengthBytes, checkUint("flags", flags)), "msync", mapping.label);
}

/**
 * `int munmap(void *addr, size_t length)`: everything, or a range of whole pages, early; what is left goes at dispose.
 * Views are detached; take them again. A buffer that should fault half-way is made with mprotect(PROT_NONE): unmapped
 * addresses may be another thread's a moment later. munmap(2).
 */
export function munmap(mapping: Mapping, options: Partial<MappedRange> = {}): void {
  const { address } = mapping;
  const range = partOf(mapping, options);
  const end = range.offsetBytes + range.lengthBytes;
  if (range.lengthBytes % PAGE_BYTES !== 0 && end !== mapping.lengthBytes) {
    throw new RangeError(`munmap takes whole pages, and ${range.lengthBytes} bytes are none`);
  }
  mapping.at(range.offsetBytes, range.lengthBytes);
  mapping.detach();
  checked(libc.munmap(address + range.offsetBytes, range.lengthBytes), "munmap", mapping.label);
  mapping.giveAway(range);
}

/**
 * `void *mremap(void *old, size_t old_size, size_t new_size, int flags, void *new)`: the mapping where it is now; the
 * old one is released (with MREMAP_DONTUNMAP it stays, empty). `flags` is MREMAP_MAYMOVE unless given; `place` adds
 * MREMAP_FIXED. Errors: ENOMEM (no room without MREMAP_MAYMOVE), EINVAL. mremap(2).
 */
export function mremap(
  mapping: Mapping,
  options: { readonly lengthBytes: number; readonly flags?: RemapFlags; readonly place?: MappingPlace },
): Mapping {
  const { place } = options;
  const lengthBytes = checkOffset("lengthBytes", options.lengthBytes);
  const flags = checkUint("flags", options.flags ?? M.MREMAP_MAYMOVE);
  if ((flags & M.MREMAP_FIXED) !== 0) throw new RangeError("give `place` instead of MREMAP_FIXED");
  const from = mapping.at(0, mapping.lengthBytes);
  const to = place?.over.at(place.offsetBytes, lengthBytes) ?? 0;
  const fixed = place === undefined ? 0 : M.MREMAP_FIXED;
  mapping.detach();
  place?.over.detach();
  const result = libc.mremap(from, mapping.lengthBytes, lengthBytes, flags | fixed, to);
  checked(result, "mremap", () => `${mapping.label}, ${mapping.lengthBytes} to ${lengthBytes} bytes`);
  if ((flags & M.MREMAP_DONTUNMAP) === 0) mapping.giveAway();
  place?.over.giveAway({ offsetBytes: place.offsetBytes, lengthBytes });
  return new Mapping(result, lengthBytes, mapping.label);
}

/**
 * `int mincore(void *addr, size_t length, unsigned char *vec)`: how many pages of the range are in memory (for a file:
 * in the page cache, whoever read them; as nobody a file of another owner always is). mincore(2).
 */
export function residentPages(mapping: Mapping, options: Partial<MappedRange> = {}): number {
  const range = partOf(mapping, options);
  const address = mapping.at(range.offsetBytes, range.lengthBytes);
  const pages = Math.ceil(range.lengthBytes / PAGE_BYTES);
  using answer = allocate(Math.max(1, pages));
  checked(libc.mincore(address, range.lengthBytes, answer.address), "mincore", mapping.label);
  return answer.bytes.subarray(0, pages).reduce((sum, byte) => sum + (byte & 1), 0);
}
