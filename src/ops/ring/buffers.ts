/**
 * Buffer rings: buffers that the application gives to the kernel in advance, one of which the kernel selects when
 * data arrives. io_uring_register(2) IORING_REGISTER_PBUF_RING (5.19), incremental use of one buffer (6.12).
 *
 * Owns the ring's memory and its tail, and where in a buffer the bytes of a completion lie. A request pins all of it
 * until its last completion. Refuses to give a buffer back by itself: the caller does, when it has read the bytes.
 */
import { negated } from "../../sys/errno.ts";
import { libc } from "../../sys/libc.ts";
import { SYS } from "../../sys/thread.ts";
import type { BufferRingFlags } from "../../sys/uapi/flags.ts";
import * as U from "../../sys/uapi/io_uring.ts";
import { assert, checkedNegative } from "../errors.ts";
import { checkTransfer } from "../integers.ts";
import { allocate, type Memory, PAGE_BYTES } from "../memory.ts";
import type { Completion } from "./completion.ts";
import type { BufferGroup } from "./request.ts";
import type { Ring } from "./ring.ts";

/** Shape and number of a buffer ring. */
export interface BufferRingOptions {
  /** The number that requests name the ring by, 0 to 65535. */
  readonly group: number;
  /** Buffers; a power of two up to 32768. */
  readonly count: number;
  readonly bufferBytes: number;
  /** IOU_PBUF_RING_INC: a buffer is used piece by piece instead of once. */
  readonly flags?: BufferRingFlags;
}

/** Where the bytes of one completion lie. `bytes` is the buffer's own memory. */
export interface Taken {
  readonly bufferId: number;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  /** True when the kernel will put no more into this buffer before it is provided again. */
  readonly done: boolean;
}

const ENTRY = U.io_uring_buf;
/** The ring's tail overlays the reserved field of its first entry. */
const TAIL_AT = ENTRY.offsets.resv;

/** Buffers that the kernel selects from when data arrives. io_uring_register_buf_ring(3). */
export class BufferRing implements BufferGroup, Disposable {
  readonly group: number;
  readonly count: number;
  readonly bufferBytes: number;
  /** All buffers, one behind the other. */
  readonly memory: Memory;
  readonly pins: readonly Memory[];
  readonly #ring: Ring;
  readonly #entries: Memory;
  readonly #usedBytes: number[];
  #tail = 0;

  private constructor(ring: Ring, entries: Memory, options: BufferRingOptions) {
    this.#ring = ring;
    this.#entries = entries;
    this.group = options.group;
    this.count = options.count;
    this.bufferBytes = checkTransfer("bufferBytes", options.bufferBytes);
    this.memory = allocate(options.count * options.bufferBytes, { alignBytes: PAGE_BYTES });
    this.pins = [this.memory, entries];
    this.#usedBytes = new Array<number>(options.count).fill(0);
  }

  /** Registers the ring and provides all buffers in order, or -errno (-EINVAL: this kernel has no such ring or flag). */
  static tryRegister(ring: Ring, options: BufferRingOptions): BufferRing | number {
    const { group, count, flags = 0 } = options;
    if (!(Number.isInteger(Math.log2(count)) && count >= 1 && count <= 32_768)) {
      throw new RangeError(`a buffer ring has a power of two of buffers, 1 to 32768, not ${count}`);
    }
    if (!Number.isInteger(group) || group < 0 || group > 0xffff) {
      throw new RangeError(`group must be a whole number from 0 to 65535, not ${group}`);
    }
    const entries = allocate(count * ENTRY.sizeBytes, { alignBytes: PAGE_BYTES });
    entries.bytes.fill(0);
    using argument = allocate(U.io_uring_buf_reg.sizeBytes);
    argument.bytes.fill(0);
    const at = U.io_uring_buf_reg.offsets;
    argument.view.setBigUint64(at.ring_addr, BigInt(entries.address), true);
    argument.view.setUint32(at.ring_entries, count, true);
    argument.view.setUint16(at.bgid, group, true);
    argument.view.setUint16(at.bgid + 2, flags, true);
    const result = register(ring, U.IORING_REGISTER_PBUF_RING, argument);
    if (result < 0) {
      entries[Symbol.dispose]();
      return result;
    }
    const buffers = new BufferRing(ring, entries, options);
    for (let id = 0; id < count; id += 1) buffers.provide(id);
    return buffers;
  }

  /** `tryRegister`, or a SyscallError. */
  static register(ring: Ring, options: BufferRingOptions): BufferRing {
    const result = BufferRing.tryRegister(ring, options);
    if (typeof result !== "number") return result;
    const hint = "this kernel lacks buffer rings (5.19) or the flag asked for (IOU_PBUF_RING_INC: 6.12)";
    checkedNegative(result, "io_uring_register", "IORING_REGISTER_PBUF_RING", hint);
    throw new Error("a refusal is negative");
  }

  /** io_uring_buf_ring_add and _advance: buffer `id` is the kernel's again, at the end of the queue. */
  provide(id: number): void {
    assert(Number.isInteger(id) && id >= 0 && id < this.count, `there is no buffer ${id}`);
    const base = (this.#tail & (this.count - 1)) * ENTRY.sizeBytes;
    const { view } = this.#entries;
    view.setBigUint64(base + ENTRY.offsets.addr, BigInt(this.memory.at(id * this.bufferBytes, this.bufferBytes)), true);
    view.setUint32(base + ENTRY.offsets.len, this.bufferBytes, true);
    view.setUint16(base + ENTRY.offsets.bid, id, true);
    this.#usedBytes[id] = 0;
    this.#tail = (this.#tail + 1) & 0xffff;
    // The kernel reads the tail with acquire: store it last, and atomically.
    Atomics.store(
      new Uint16Array(this.#entries.bytes.buffer, this.#entries.bytes.byteOffset + TAIL_AT, 1),
      0,
      this.#tail,
    );
  }

  /** The bytes of a completion with IORING_CQE_F_BUFFER; undefined for one without a buffer (an error, the end). */
  take(completion: Completion): Taken | undefined {
    const { flags, result } = completion;
    if ((flags & U.IORING_CQE_F_BUFFER) === 0 || result < 0) return undefined;
    const bufferId = flags >>> U.IORING_CQE_BUFFER_SHIFT;
    const done = (flags & U.IORING_CQE_F_BUF_MORE) === 0;
    const offsetBytes = this.#usedBytes[bufferId] ?? 0;
    const start = bufferId * this.bufferBytes + offsetBytes;
    const bytes = this.memory.bytes.subarray(start, start + Math.min(result, this.bufferBytes - offsetBytes));
    this.#usedBytes[bufferId] = done ? 0 : offsetBytes + result;
    return { bufferId, offsetBytes, bytes, done };
  }

  [Symbol.dispose](): void {
    if (!this.#ring.closed) {
      using argument = allocate(U.io_uring_buf_reg.sizeBytes);
      argument.bytes.fill(0);
      argument.view.setUint16(U.io_uring_buf_reg.offsets.bgid, this.group, true);
      checkedNegative(register(this.#ring, U.IORING_UNREGISTER_PBUF_RING, argument), "io_uring_register", "unregister");
    }
    for (const memory of this.pins) memory[Symbol.dispose]();
  }
}

/** `int io_uring_register(unsigned int fd, unsigned int opcode, void *arg, 1)`: 0, or -errno. io_uring_register(2). */
function register(ring: Ring, opcode: number, argument: Memory): number {
  return negated(libc.syscall(SYS.io_uring_register, ring.fd, opcode, argument.address, 1, 0, 0));
}
