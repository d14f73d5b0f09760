/**
 * What the arguments of the C functions mean: enough to print a call as strace does, and to write it down as C.
 *
 * Owns one table. A function that is not in it is recorded by its numbers alone.
 */

/**
 * `fd` a descriptor · `path` a C string · `in` bytes that the kernel reads and `out` bytes that it fills, as long as the
 * argument named `length` · `vectors` an array of struct iovec · `pair` two descriptors that it makes · `offset` a file
 * offset, -1 for the file position · `offset*` the address of one, or 0 · `mapped` an address in a mapping, or 0 · `pointer` an
 * address that is 0 or not ours to follow · the rest are numbers.
 */
export type ParameterKind =
  | "fd"
  | "path"
  | "in"
  | "out"
  | "vectors"
  | "pair"
  | "offset"
  | "offset*"
  | "mapped"
  | "pointer"
  | "length"
  | "count"
  | "number"
  | "flags";

export interface Parameter {
  readonly name: string;
  readonly kind: ParameterKind;
  /** The family of constants that the flags belong to: "O", "RWF", "SPLICE_F", "MAP", "PROT", … */
  readonly family?: string;
}

export interface CallSignature {
  readonly parameters: readonly Parameter[];
  /** What the result is: a new descriptor, a count of bytes, an address, or only success. */
  readonly gives: "fd" | "count" | "address" | "nothing";
}

function parameter(text: string): Parameter {
  const [name = "", kind = "number", family] = text.split(":");
  return { name, kind: kind as ParameterKind, ...(family === undefined ? {} : { family }) };
}

function call(gives: CallSignature["gives"], ...parameters: readonly string[]): CallSignature {
  return { gives, parameters: parameters.map(parameter) };
}

const POSITIONAL = ["fd:fd", "vectors:vectors", "count:count", "offset:offset"];
const AT_OFFSET = ["length:length", "offset:offset", "flags:flags:RWF"];

export const SIGNATURES: Readonly<Record<string, CallSignature>> = {
  open: call("fd", "path:path", "flags:flags:open", "mode:flags:octal"),
  openat: call("fd", "dirfd:fd", "path:path", "flags:flags:open", "mode:flags:octal"),
  close: call("nothing", "fd:fd"),
  dup: call("fd", "fd:fd"),
  read: call("count", "fd:fd", "buffer:out", "length:length"),
  write: call("count", "fd:fd", "buffer:in", "length:length"),
  pread: call("count", "fd:fd", "buffer:out", "length:length", "offset:offset"),
  pwrite: call("count", "fd:fd", "buffer:in", "length:length", "offset:offset"),
  preadv2: call("count", ...POSITIONAL, "flags:flags:RWF"),
  pwritev2: call("count", ...POSITIONAL, "flags:flags:RWF"),
  writev: call("count", "fd:fd", "vectors:vectors", "count:count"),
  readv: call("count", "fd:fd", "vectors:vectors", "count:count"),
  lseek: call("count", "fd:fd", "offset:number", "whence:flags:SEEK"),
  ftruncate: call("nothing", "fd:fd", "length:number"),
  fallocate: call("nothing", "fd:fd", "mode:flags:FALLOC_FL", "offset:number", "length:number"),
  fsync: call("nothing", "fd:fd"),
  fdatasync: call("nothing", "fd:fd"),
  sync_file_range: call("nothing", "fd:fd", "offset:number", "length:number", "flags:flags:SYNC_FILE_RANGE"),
  posix_fadvise: call("nothing", "fd:fd", "offset:number", "length:number", "advice:flags:POSIX_FADV"),
  copy_file_range: call(
    "count",
    "in:fd",
    "inOffset:offset*",
    "out:fd",
    "outOffset:offset*",
    "length:length",
    "flags:number",
  ),
  sendfile: call("count", "out:fd", "in:fd", "offset:offset*", "length:length"),
  futimens: call("nothing", "fd:fd", "times:pointer"),
  unlink: call("nothing", "path:path"),
  mkdir: call("nothing", "path:path", "mode:flags:octal"),
  memfd_create: call("fd", "name:path", "flags:flags:MFD"),
  pipe2: call("nothing", "pipe:pair", "flags:flags:O"),
  splice: call(
    "count",
    "in:fd",
    "inOffset:offset*",
    "out:fd",
    "outOffset:offset*",
    "length:length",
    "flags:flags:SPLICE_F",
  ),
  tee: call("count", "in:fd", "out:fd", "length:length", "flags:flags:SPLICE_F"),
  socket: call("fd", "domain:flags:AF", "type:flags:SOCK", "protocol:number"),
  socketpair: call("nothing", "domain:flags:AF", "type:flags:SOCK", "protocol:number", "pair:pair"),
  bind: call("nothing", "fd:fd", "address:in", "length:length"),
  listen: call("nothing", "fd:fd", "backlog:number"),
  accept4: call("fd", "fd:fd", "address:pointer", "length:pointer", "flags:flags:SOCK"),
  connect: call("nothing", "fd:fd", "address:in", "length:length"),
  shutdown: call("nothing", "fd:fd", "how:number"),
  setsockopt: call("nothing", "fd:fd", "level:number", "option:number", "value:in", "length:length"),
  send: call("count", "fd:fd", "buffer:in", "length:length", "flags:flags:MSG"),
  recv: call("count", "fd:fd", "buffer:out", "length:length", "flags:flags:MSG"),
  sendmsg: call("count", "fd:fd", "message:pointer", "flags:flags:MSG"),
  recvmsg: call("count", "fd:fd", "message:pointer", "flags:flags:MSG"),
  mmap: call(
    "address",
    "address:mapped",
    "length:number",
    "protection:flags:PROT",
    "flags:flags:MAP",
    "fd:fd",
    "offset:number",
  ),
  mremap: call(
    "address",
    "address:mapped",
    "length:number",
    "newLength:number",
    "flags:flags:MREMAP",
    "newAddress:mapped",
  ),
  munmap: call("nothing", "address:mapped", "length:number"),
  madvise: call("nothing", "address:mapped", "length:number", "advice:flags:MADV"),
  mprotect: call("nothing", "address:mapped", "length:number", "protection:flags:PROT"),
  // No call: stores into a mapping (stores.ts).
  store: call("nothing", "address:mapped", "bytes:in", "length:length"),
  msync: call("nothing", "address:mapped", "length:number", "flags:flags:MS"),
  io_uring_queue_init_params: call("nothing", "entries:number", "ring:pointer", "parameters:pointer"),
  io_uring_submit_and_wait: call("nothing", "ring:pointer", "completions:number"),
  io_uring_get_events: call("nothing", "ring:pointer"),
  io_uring_queue_exit: call("nothing", "ring:pointer"),
  // Requests of a ring (ops/ring/watched.ts).
  "io_uring writev": call("count", ...POSITIONAL, "flags:flags:RWF"),
  "io_uring readv": call("count", ...POSITIONAL, "flags:flags:RWF"),
  "io_uring write": call("count", "fd:fd", "buffer:in", ...AT_OFFSET),
  "io_uring read": call("count", "fd:fd", "buffer:out", ...AT_OFFSET),
  "io_uring send": call("count", "fd:fd", "buffer:in", "length:length", "flags:flags:MSG"),
  "io_uring send_zc": call("count", "fd:fd", "buffer:in", "length:length", "flags:flags:MSG"),
  "io_uring recv": call("count", "fd:fd", "buffer:out", "length:length", "flags:flags:MSG"),
  "io_uring recv multishot": call("count", "fd:fd", "buffer:out", "length:length", "flags:flags:MSG"),
  "io_uring splice": call("count", "in:fd", "out:fd", "length:length", "flags:flags:SPLICE_F"),
  "io_uring tee": call("count", "in:fd", "out:fd", "length:length", "flags:flags:SPLICE_F"),
  "io_uring accept": call("fd", "fd:fd", "flags:flags:SOCK"),
  "io_uring poll_add": call("nothing", "fd:fd", "events:number"),
  "io_uring fsync": call("nothing", "fd:fd", "flags:number"),
  "io_uring sync_file_range": call("nothing", "fd:fd", "offset:number", "length:number", "flags:flags:SYNC_FILE_RANGE"),
};
