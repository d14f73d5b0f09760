/**
 * Flags that know their call: a number with a family name that exists only for the compiler.
 *
 * Owns the type. A flag of another family is refused where one is wanted (`splice` takes no O_APPEND); a plain number
 * passes, and so does `A | B`, which TypeScript makes a plain number of.
 */
declare const family: unique symbol;

/** A C flag, or several or-ed together, of the named family. */
export type Flags<Family extends string> = number & { readonly [family]?: Family };

/** O_*: open(2). */
export type OpenFlags = Flags<"open">;
/** SEEK_*: lseek(2). */
export type Whence = Flags<"whence">;
/** FALLOC_FL_*: fallocate(2). */
export type FallocateMode = Flags<"fallocate">;
/** SYNC_FILE_RANGE_*: sync_file_range(2). */
export type SyncRangeFlags = Flags<"sync_file_range">;
/** RWF_*: pwritev2(2). */
export type ReadWriteFlags = Flags<"rwf">;
/** SPLICE_F_*: splice(2), tee(2), vmsplice(2). */
export type SpliceFlags = Flags<"splice">;
/** MFD_*: memfd_create(2). */
export type MemfdFlags = Flags<"memfd">;
/** MSG_*: send(2), recv(2). */
export type MessageFlags = Flags<"msg">;
/** SHUT_*: shutdown(2). */
export type ShutdownHow = Flags<"shutdown">;
/** POLL*: poll(2). */
export type PollEvents = Flags<"poll">;
/** EPOLL*: epoll_ctl(2). */
export type EpollEvents = Flags<"epoll">;
/** IOSQE_*: io_uring_enter(2). */
export type SqeFlags = Flags<"sqe">;
/** IORING_RECVSEND_*, IORING_RECV_MULTISHOT and kin: io_uring_enter(2). */
export type RecvSendFlags = Flags<"recvsend">;
/** IOU_PBUF_RING_*: io_uring_register(2). */
export type BufferRingFlags = Flags<"pbuf">;
/** PROT_*: mmap(2), mprotect(2). */
export type Protection = Flags<"prot">;
/** MAP_*: mmap(2). */
export type MapFlags = Flags<"map">;
/** MREMAP_*: mremap(2). */
export type RemapFlags = Flags<"mremap">;
/** MS_ASYNC, MS_SYNC, MS_INVALIDATE: msync(2). */
export type MsyncFlags = Flags<"msync">;
/** MADV_*: madvise(2). */
export type Advice = Flags<"madvise">;
/** MS_*: mount(2). */
export type MountFlags = Flags<"mount">;
/** LO_FLAGS_*: loop(4). */
export type LoopFlags = Flags<"loop">;
