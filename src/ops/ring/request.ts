/**
 * io_uring requests as values: one function per operation, named as in io_uring_enter(2).
 *
 * Owns what goes into a submission entry and which buffers must stay pinned until its completion. Makes no call;
 * `Ring.queue` queues the value. Offsets follow pwritev2(2): AT_FILE_POSITION is the file position, or with O_APPEND the
 * end of the file.
 */
import type {
  MessageFlags,
  PollEvents,
  ReadWriteFlags,
  RecvSendFlags,
  SpliceFlags,
  SyncRangeFlags,
} from "../../sys/uapi/flags.ts";
import * as U from "../../sys/uapi/io_uring.ts";
import { SOCK_CLOEXEC } from "../../sys/uapi/socket.ts";
import type { Fd } from "../fd.ts";
import type { BufferPart, IoVectors } from "../file.ts";
import { checkOffset, checkPosition, checkTransfer, checkUint } from "../integers.ts";
import type { KernelBuffer } from "../memory.ts";

/** A request ready to be queued. Numbers are checked; `pins` stay allocated until the completion arrives. */
export interface Request {
  readonly name: string;
  readonly opcode: number;
  readonly fd: number;
  readonly offsetBytes: number;
  readonly address: number;
  readonly length: number;
  /** The union of rw_flags, fsync_flags, splice_flags, msg_flags. */
  readonly opFlags: number;
  readonly pins: readonly KernelBuffer[];
  readonly spliceFdIn: number;
  /** The descriptors behind `fd` and `spliceFdIn`: they stay open until the kernel has looked them up. */
  readonly fds: readonly Fd[];
  /** IOSQE_* bits that the operation itself needs; `queue` adds the caller's. */
  readonly entryFlags: number;
  /** IORING_RECVSEND_* and kin: the operation's own flags that found no other place. */
  readonly ioprio: number;
  /** The group of a buffer ring, with IOSQE_BUFFER_SELECT. */
  readonly bufferGroup: number;
}

const NO_PINS: readonly KernelBuffer[] = [];
const NO_FDS: readonly Fd[] = [];

interface Fields extends Partial<Omit<Request, "fd" | "spliceFdIn" | "fds">> {
  readonly file?: Fd;
  readonly spliceFrom?: Fd;
}

function request(name: string, opcode: number, fields: Fields): Request {
  const { file, spliceFrom } = fields;
  return {
    name,
    opcode,
    fd: file === undefined ? -1 : file.number,
    offsetBytes: fields.offsetBytes ?? 0,
    address: fields.address ?? 0,
    length: fields.length ?? 0,
    opFlags: fields.opFlags ?? 0,
    pins: fields.pins ?? NO_PINS,
    spliceFdIn: spliceFrom === undefined ? 0 : spliceFrom.number,
    fds: file === undefined ? NO_FDS : spliceFrom === undefined ? [file] : [file, spliceFrom],
    entryFlags: fields.entryFlags ?? 0,
    ioprio: fields.ioprio ?? 0,
    bufferGroup: fields.bufferGroup ?? 0,
  };
}

/** IORING_OP_NOP: completes with 0. */
export function nop(): Request {
  return request("nop", U.IORING_OP_NOP, {});
}

export interface At {
  /** A byte offset, or AT_FILE_POSITION. Always written: two numbers that could be swapped have names. */
  readonly offsetBytes: number;
  /** RWF_* flags of pwritev2(2). */
  readonly flags?: ReadWriteFlags;
}

function vectors(name: string, opcode: number, fd: Fd, list: IoVectors, at: At): Request {
  return request(name, opcode, {
    file: fd,
    offsetBytes: checkPosition("offsetBytes", at.offsetBytes),
    address: list.memory.at(0),
    length: list.count,
    opFlags: checkUint("flags", at.flags ?? 0),
    pins: [list.memory, ...list.buffers],
  });
}

/** IORING_OP_WRITEV. The vectors' own `buffers` are pinned with the list. */
export function writev(fd: Fd, list: IoVectors, at: At): Request {
  return vectors("writev", U.IORING_OP_WRITEV, fd, list, at);
}

/** IORING_OP_READV. */
export function readv(fd: Fd, list: IoVectors, at: At): Request {
  return vectors("readv", U.IORING_OP_READV, fd, list, at);
}

type BufferedPart = BufferPart & { readonly offsetBytes: number; readonly flags?: number; readonly ioprio?: number };

function buffered(name: string, opcode: number, fd: Fd, memory: KernelBuffer, at: BufferedPart): Request {
  const start = at.bufferOffsetBytes ?? 0;
  const length = checkTransfer("lengthBytes", at.lengthBytes ?? memory.lengthBytes - start);
  return request(name, opcode, {
    file: fd,
    offsetBytes: checkPosition("offsetBytes", at.offsetBytes),
    address: memory.at(start, length),
    length,
    opFlags: checkUint("flags", at.flags ?? 0),
    ioprio: checkUint("ioprio", at.ioprio ?? 0),
    pins: [memory],
  });
}

/** IORING_OP_WRITE. */
export function write(fd: Fd, memory: KernelBuffer, at: At & BufferPart): Request {
  return buffered("write", U.IORING_OP_WRITE, fd, memory, at);
}

/** IORING_OP_READ. */
export function read(fd: Fd, memory: KernelBuffer, at: At & BufferPart): Request {
  return buffered("read", U.IORING_OP_READ, fd, memory, at);
}

/** IORING_OP_SEND; `flags` are MSG_*. send(2). */
export function send(fd: Fd, memory: KernelBuffer, options: BufferPart & { flags?: MessageFlags } = {}): Request {
  return buffered("send", U.IORING_OP_SEND, fd, memory, { offsetBytes: 0, ...options });
}

/** IORING_OP_RECV; `flags` are MSG_*. recv(2). */
export function recv(fd: Fd, memory: KernelBuffer, options: BufferPart & { flags?: MessageFlags } = {}): Request {
  return buffered("recv", U.IORING_OP_RECV, fd, memory, { offsetBytes: 0, ...options });
}

/**
 * IORING_OP_SEND_ZC: the kernel sends from the buffer itself. Completes twice: with the count (IORING_CQE_F_MORE), and
 * when the buffer may be reused (IORING_CQE_F_NOTIF); it stays pinned until then. io_uring_enter(2), Linux 6.0.
 */
export function sendZc(
  fd: Fd,
  memory: KernelBuffer,
  options: BufferPart & { flags?: MessageFlags; ioprio?: RecvSendFlags } = {},
) {
  return buffered("send_zc", U.IORING_OP_SEND_ZC, fd, memory, { offsetBytes: 0, ...options });
}

/** What a request takes its buffers from: a BufferRing. */
export interface BufferGroup {
  readonly group: number;
  /** All memory behind the group; pinned while a request may use it. */
  readonly pins: readonly KernelBuffer[];
}

export interface SelectOptions {
  /** Most bytes of one completion; 0 is the size of the buffer that the kernel selects. */
  readonly lengthBytes?: number;
  readonly flags?: MessageFlags;
  /** IORING_RECVSEND_BUNDLE, IORING_RECVSEND_POLL_FIRST, … */
  readonly ioprio?: RecvSendFlags;
}

function selecting(name: string, opcode: number, fd: Fd, buffers: BufferGroup, options: SelectOptions): Request {
  return request(name, opcode, {
    file: fd,
    length: checkTransfer("lengthBytes", options.lengthBytes ?? 0),
    opFlags: checkUint("flags", options.flags ?? 0),
    ioprio: checkUint("ioprio", options.ioprio ?? 0),
    entryFlags: U.IOSQE_BUFFER_SELECT,
    bufferGroup: buffers.group,
    pins: buffers.pins,
  });
}

/** IORING_OP_RECV into a buffer that the kernel selects from a buffer ring; `BufferRing.take` finds the bytes. */
export function recvSelect(fd: Fd, buffers: BufferGroup, options: SelectOptions = {}): Request {
  return selecting("recv", U.IORING_OP_RECV, fd, buffers, options);
}

/** IORING_OP_RECV with IORING_RECV_MULTISHOT: one request, a completion per arrival, each with IORING_CQE_F_MORE. */
export function recvMultishot(fd: Fd, buffers: BufferGroup, options: Omit<SelectOptions, "lengthBytes"> = {}): Request {
  const ioprio = (options.ioprio ?? 0) | U.IORING_RECV_MULTISHOT;
  return selecting("recv multishot", U.IORING_OP_RECV, fd, buffers, { ...options, ioprio });
}

/** IORING_OP_SEND from buffers of a ring, in their order; with IORING_RECVSEND_BUNDLE as many as there are (6.10). */
export function sendSelect(fd: Fd, buffers: BufferGroup, options: SelectOptions = {}): Request {
  return selecting("send", U.IORING_OP_SEND, fd, buffers, options);
}

/** IORING_OP_ACCEPT: completes with the new descriptor (close-on-exec), or with `multishot` with one after the other. */
export function accept(fd: Fd, options: { multishot: boolean }): Request {
  const ioprio = options.multishot ? U.IORING_ACCEPT_MULTISHOT : 0;
  return request("accept", U.IORING_OP_ACCEPT, { file: fd, opFlags: SOCK_CLOEXEC, ioprio });
}

/** IORING_OP_FSYNC; `dataOnly` is fdatasync(2). */
export function fsync(fd: Fd, options: { dataOnly?: boolean } = {}): Request {
  const opFlags = options.dataOnly === true ? U.IORING_FSYNC_DATASYNC : 0;
  return request("fsync", U.IORING_OP_FSYNC, { file: fd, opFlags });
}

/** IORING_OP_SYNC_FILE_RANGE; `flags` as in sync_file_range(2). */
export function syncFileRange(
  fd: Fd,
  range: { offsetBytes: number; lengthBytes: number; flags: SyncRangeFlags },
): Request {
  return request("sync_file_range", U.IORING_OP_SYNC_FILE_RANGE, {
    file: fd,
    offsetBytes: checkOffset("offsetBytes", range.offsetBytes),
    length: checkUint("lengthBytes", range.lengthBytes),
    opFlags: checkUint("flags", range.flags),
  });
}

/** IORING_OP_SPLICE between two descriptors at their own positions; `flags` are SPLICE_F_*. splice(2). */
export function splice(from: Fd, to: Fd, options: { lengthBytes: number; flags: SpliceFlags }): Request {
  return request("splice", U.IORING_OP_SPLICE, {
    file: to,
    offsetBytes: -1,
    // splice_off_in shares its place with addr; -1 there means "no offset" too.
    address: -1,
    length: checkTransfer("lengthBytes", options.lengthBytes),
    opFlags: checkUint("flags", options.flags),
    spliceFrom: from,
  });
}

/** IORING_OP_TEE between two pipes. tee(2). */
export function tee(from: Fd, to: Fd, options: { lengthBytes: number; flags: SpliceFlags }): Request {
  return request("tee", U.IORING_OP_TEE, {
    file: to,
    length: checkTransfer("lengthBytes", options.lengthBytes),
    opFlags: checkUint("flags", options.flags),
    spliceFrom: from,
  });
}

/** IORING_OP_POLL_ADD, one shot; completes with the ready POLL* bits. */
export function pollAdd(fd: Fd, { events }: { readonly events: PollEvents }): Request {
  return request("poll_add", U.IORING_OP_POLL_ADD, { file: fd, opFlags: checkUint("events", events) });
}

/** IORING_OP_ASYNC_CANCEL of the request whose user_data is `userData`; 0, -ENOENT or -EALREADY. */
export function asyncCancel(userData: number): Request {
  return request("async_cancel", U.IORING_OP_ASYNC_CANCEL, { address: checkOffset("userData", userData) });
}
