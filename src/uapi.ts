/**
 * The second door: the kernel's constants and structures, in C spelling, with their types.
 *
 * `import { O_APPEND, SPLICE_F_MOVE, TLS_RX } from "bytewitness/uapi"`
 *
 * Owns no value: they are transcribed once, by header, under sys/uapi, and each is proven against the C compiler.
 */
export { ERRNO, type ErrnoName, errnoName } from "./sys/errno.ts";
export * from "./sys/uapi/fcntl.ts";
export type * from "./sys/uapi/flags.ts";
export * from "./sys/uapi/io_uring.ts";
export type { Layout } from "./sys/uapi/layout.ts";
export * from "./sys/uapi/mman.ts";
export * from "./sys/uapi/mount.ts";
export * from "./sys/uapi/sched.ts";
export * from "./sys/uapi/socket.ts";
