/**
 * Memory that the kernel may touch: one mmap arena per thread.
 *
 * Owns every buffer whose address crosses to C. Small typed arrays move and garbage-collected ones vanish while the
 * kernel still writes to them; arena memory does neither: it is mapped at the first use, never unmapped, and a buffer
 * handed to an asynchronous call is pinned until its completion. Refuses to release a pinned buffer, and every use of a
 * released one.
 */
import { libc } from "../sys/libc.ts";
import { arrayBufferAt } from "../sys/memory.ts";
import {
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from "../sys/uapi/mman.ts";
import { GiB, KiB, MiB, PAGE_BYTES } from "../units.ts";
import { assert, checked, SyscallError } from "./errors.ts";

export { GiB, KiB, MiB, PAGE_BYTES };

/** Address space, not memory: pages cost nothing until they are touched (MAP_NORESERVE). */
const ARENA_BYTES_TRIED = [2 * GiB, 512 * MiB, 128 * MiB];
/** Released buffers from this size on give their pages back at once, so that a memory cgroup sees what is held. */
const GIVE_BACK_BYTES_MIN = 1 * MiB;
const ALIGN_BYTES_MIN = 64;
/** From this size on the whole huge pages inside a buffer are asked for: first touches cost a tenth. */
const HUGE_BYTES_MIN = 4 * MiB;
const HUGE_PAGE_BYTES = 2 * MiB;
/** The arena's beginning has a view of its own, for strings; one of the whole would count 2 GiB as garbage to collect. */
const HEAD_BYTES = 1 * MiB;

interface FreeRange {
  offsetBytes: number;
  lengthBytes: number;
}

/** Memory that a call may read or fill: a buffer of the arena (`Memory`) or mapped pages (`Mapping`). */
export interface KernelBuffer {
  readonly lengthBytes: number;
  /** The address of byte `offsetBytes`; checks that `lengthBytes` from there lie inside. */
  at(offsetBytes: number, lengthBytes?: number): number;
  /** The kernel holds the memory until `unpin`. */
  pin(): void;
  unpin(): void;
}

/** A buffer of the arena: held by `using`, or kept for the life of the process. */
export class Memory implements Disposable {
  readonly address: number;
  readonly lengthBytes: number;
  readonly #arena: MemoryOwner;
  readonly #span: FreeRange;
  #buffer: ArrayBuffer | undefined;
  #bytes: Uint8Array | undefined;
  #view: DataView | undefined;
  #pins = 0;
  #released = false;
  #releaseWhenUnpinned = false;

  constructor(arena: MemoryOwner, place: { offsetBytes: number; spanBytes: number }, lengthBytes: number) {
    this.#arena = arena;
    this.#span = { offsetBytes: place.offsetBytes, lengthBytes: place.spanBytes };
    this.lengthBytes = lengthBytes;
    this.address = arena.address + place.offsetBytes;
  }

  /**
   * The memory as an ArrayBuffer of its own, made at the first use. Released memory has none, and views of it that were
   * kept are detached then: they have no length, so that no one reads or writes the next owner's bytes.
   */
  get buffer(): ArrayBuffer {
    assert(!this.#released, "a released buffer was used");
    this.#buffer ??= this.lengthBytes === 0 ? new ArrayBuffer(0) : arrayBufferAt(this.address, this.lengthBytes);
    return this.#buffer;
  }

  get bytes(): Uint8Array {
    if (this.#released || this.#bytes === undefined) this.#bytes = new Uint8Array(this.buffer);
    return this.#bytes;
  }

  get view(): DataView {
    if (this.#released || this.#view === undefined) this.#view = new DataView(this.buffer);
    return this.#view;
  }

  /** The same bytes as 32-bit words; the length is rounded down. */
  get words(): Uint32Array {
    return new Uint32Array(this.buffer, 0, Math.floor(this.lengthBytes / 4));
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** The kernel holds this buffer until `unpin`. Called by the ring for every request it queues. */
  pin(): void {
    assert(!this.#released, "a released buffer was handed to the kernel");
    this.#pins += 1;
  }

  unpin(): void {
    assert(this.#pins > 0, "a buffer was unpinned more often than pinned");
    this.#pins -= 1;
    if (this.#pins === 0 && this.#releaseWhenUnpinned) this.#release();
  }

  /** The address of byte `offsetBytes`; checks that `lengthBytes` from there lie inside. */
  at(offsetBytes: number, lengthBytes = 0): number {
    const whole = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
    if (!(whole && offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= this.lengthBytes)) {
      throw new RangeError(
        `bytes ${offsetBytes} to ${offsetBytes + lengthBytes} are outside a buffer of ${this.lengthBytes}`,
      );
    }
    assert(!this.#released, "a released buffer was handed to the kernel");
    return this.address + offsetBytes;
  }

  /** Gives the memory back; when the kernel still holds it, at its last completion. */
  [Symbol.dispose](): void {
    if (this.#released) return;
    if (this.#pins > 0) this.#releaseWhenUnpinned = true;
    else this.#release();
  }

  #release(): void {
    this.#released = true;
    // A transfer takes the memory away from every view of the buffer, without copying or freeing it.
    this.#buffer?.transfer();
    this.#buffer = this.#bytes = this.#view = undefined;
    this.#arena.release(this.#span);
  }
}

/** Whose memory a `Memory` is a part of. */
export interface MemoryOwner {
  readonly address: number;
  release(range: FreeRange): void;
}

export class Arena implements MemoryOwner {
  readonly address: number;
  readonly #head: Uint8Array;
  readonly capacityBytes: number;
  #usedBytes = 0;
  /** Sorted by offset, neighbours merged. */
  #free: FreeRange[];

  constructor(sizesTried: readonly number[] = ARENA_BYTES_TRIED) {
    let address = -1;
    let capacityBytes = 0;
    for (const bytes of sizesTried) {
      capacityBytes = bytes;
      address = libc.mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (address > 0) break;
    }
    checked(address, "mmap", () => `${capacityBytes} bytes of address space`);
    this.address = address;
    this.capacityBytes = capacityBytes;
    this.#head = new Uint8Array(arrayBufferAt(address, Math.min(HEAD_BYTES, capacityBytes)));
    this.#free = [{ offsetBytes: 0, lengthBytes: capacityBytes }];
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** As `allocate`, filled with `bytes` and a NUL; mostly without a view of its own, which costs more than a short path. */
  allocateString(bytes: Uint8Array): Memory {
    const memory = this.allocate(bytes.length + 1);
    const startBytes = memory.address - this.address;
    const isInHead = startBytes + memory.lengthBytes <= this.#head.length;
    const view = isInHead ? this.#head.subarray(startBytes, startBytes + memory.lengthBytes) : memory.bytes;
    view.set(bytes);
    view[bytes.length] = 0;
    return memory;
  }

  /**
   * A buffer of `lengthBytes`; `alignBytes` is a power of two (64 at least; 4096 is what O_DIRECT asks for).
   * Fresh memory is zero; memory that was released before is not.
   */
  allocate(lengthBytes: number, options: { alignBytes?: number } = {}): Memory {
    if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0) {
      throw new RangeError(`a buffer's length must be a number of bytes, not ${lengthBytes}`);
    }
    const alignment = options.alignBytes ?? 1;
    if (!(alignment >= 1 && alignment <= GiB && Number.isInteger(Math.log2(alignment)))) {
      throw new RangeError(`an alignment must be a power of two, not ${alignment}`);
    }
    const alignBytes = Math.max(ALIGN_BYTES_MIN, options.alignBytes ?? (lengthBytes >= PAGE_BYTES ? PAGE_BYTES : 0));
    const spanBytes = Math.max(ALIGN_BYTES_MIN, Math.ceil(lengthBytes / ALIGN_BYTES_MIN) * ALIGN_BYTES_MIN);
    for (const [index, range] of this.#free.entries()) {
      const start = Math.ceil(range.offsetBytes / alignBytes) * alignBytes;
      const endBytes = range.offsetBytes + range.lengthBytes;
      if (start + spanBytes > endBytes) continue;
      const rest = [
        { offsetBytes: range.offsetBytes, lengthBytes: start - range.offsetBytes },
        { offsetBytes: start + spanBytes, lengthBytes: endBytes - start - spanBytes },
      ].filter((piece) => piece.lengthBytes > 0);
      this.#free.splice(index, 1, ...rest);
      this.#usedBytes += spanBytes;
      if (spanBytes >= HUGE_BYTES_MIN) this.#wantHugePages(start, spanBytes);
      return new Memory(this, { offsetBytes: start, spanBytes }, lengthBytes);
    }
    throw new SyscallError(
      "allocate",
      12,
      `${lengthBytes} bytes; ${this.#usedBytes} of ${this.capacityBytes} are in use`,
    );
  }

  /** Called by Memory alone. */
  release(range: FreeRange): void {
    if (range.lengthBytes >= GIVE_BACK_BYTES_MIN) {
      const first = Math.ceil(range.offsetBytes / PAGE_BYTES) * PAGE_BYTES;
      const last = Math.floor((range.offsetBytes + range.lengthBytes) / PAGE_BYTES) * PAGE_BYTES;
      checked(libc.madvise(this.address + first, last - first, MADV_DONTNEED), "madvise");
    }
    this.#usedBytes -= range.lengthBytes;
    const at = this.#free.findIndex((other) => other.offsetBytes > range.offsetBytes);
    const index = at < 0 ? this.#free.length : at;
    this.#free.splice(index, 0, range);
    this.#merge(index);
    if (index > 0) this.#merge(index - 1);
  }

  /** A request: a kernel without huge pages answers EINVAL, and small ones do as well. */
  #wantHugePages(offsetBytes: number, lengthBytes: number): void {
    const from = this.address + offsetBytes;
    const first = Math.ceil(from / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
    const last = Math.floor((from + lengthBytes) / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
    libc.madvise(first, last - first, MADV_HUGEPAGE);
  }

  /** Joins the range at `index` with its right neighbour when they touch. */
  #merge(index: number): void {
    const left = this.#free[index];
    const right = this.#free[index + 1];
    if (left === undefined || right === undefined || left.offsetBytes + left.lengthBytes !== right.offsetBytes) return;
    left.lengthBytes += right.lengthBytes;
    this.#free.splice(index + 1, 1);
  }
}

let threadArena: Arena | undefined;

/** The arena of this thread (each Worker has its own), mapped at the first call. */
export function arena(): Arena {
  threadArena ??= new Arena();
  return threadArena;
}

/** True once this thread's arena is mapped. */
export function arenaMapped(): boolean {
  return threadArena !== undefined;
}

/** A buffer for the kernel: `using buffer = allocate(64 * KiB)`. */
export function allocate(lengthBytes: number, options: { alignBytes?: number } = {}): Memory {
  return arena().allocate(lengthBytes, options);
}

/** A NUL-terminated C string in arena memory; a string with a NUL inside is refused. Bytes pass as they are (paths). */
export function cString(text: string | Uint8Array): Memory {
  const bytes = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  if (bytes.includes(0)) throw new RangeError("a C string cannot hold a NUL byte");
  return arena().allocateString(bytes);
}

/** A value that is made at its first use: modules that need memory must not map the arena when they are loaded. */
export function onFirstUse<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
