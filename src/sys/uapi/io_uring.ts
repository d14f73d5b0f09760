/** io_uring: <linux/io_uring.h> and the mapped `struct io_uring` of liburing, in C spelling. */
import type { BufferRingFlags, RecvSendFlags, SpliceFlags, SqeFlags } from "./flags.ts";
import { layout } from "./layout.ts";

export const IORING_OP_NOP = 0;
export const IORING_OP_READV = 1;
export const IORING_OP_WRITEV = 2;
export const IORING_OP_FSYNC = 3;
export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_SYNC_FILE_RANGE = 8;
export const IORING_OP_SENDMSG = 9;
export const IORING_OP_RECVMSG = 10;
export const IORING_OP_TIMEOUT = 11;
export const IORING_OP_ACCEPT = 13;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_LINK_TIMEOUT = 15;
export const IORING_OP_CONNECT = 16;
export const IORING_OP_FALLOCATE = 17;
export const IORING_OP_CLOSE = 19;
export const IORING_OP_READ = 22;
export const IORING_OP_WRITE = 23;
export const IORING_OP_SEND = 26;
export const IORING_OP_RECV = 27;
export const IORING_OP_SPLICE = 30;
export const IORING_OP_PROVIDE_BUFFERS = 31;
export const IORING_OP_TEE = 33;
export const IORING_OP_SHUTDOWN = 34;
export const IORING_OP_SOCKET = 45;
export const IORING_OP_SEND_ZC = 47;
export const IORING_OP_SENDMSG_ZC = 48;

export const IOSQE_FIXED_FILE = 1 as SqeFlags;
export const IOSQE_IO_DRAIN = 2 as SqeFlags;
export const IOSQE_IO_LINK = 4 as SqeFlags;
export const IOSQE_IO_HARDLINK = 8 as SqeFlags;
export const IOSQE_ASYNC = 16 as SqeFlags;
export const IOSQE_BUFFER_SELECT = 32 as SqeFlags;
export const IOSQE_CQE_SKIP_SUCCESS = 64 as SqeFlags;

export const IORING_CQE_F_BUFFER = 1;
export const IORING_CQE_F_MORE = 2;
export const IORING_CQE_F_SOCK_NONEMPTY = 4;
export const IORING_CQE_F_NOTIF = 8;
export const IORING_CQE_F_BUF_MORE = 16;
export const IORING_CQE_BUFFER_SHIFT = 16;

export const IORING_RECVSEND_POLL_FIRST = 1 as RecvSendFlags;
export const IORING_RECV_MULTISHOT = 2 as RecvSendFlags;
export const IORING_RECVSEND_FIXED_BUF = 4 as RecvSendFlags;
export const IORING_RECVSEND_BUNDLE = 16 as RecvSendFlags;
export const IORING_ACCEPT_MULTISHOT = 1;
export const IORING_POLL_ADD_MULTI = 1;

export const IORING_REGISTER_PBUF_RING = 22;
export const IORING_UNREGISTER_PBUF_RING = 23;
export const IOU_PBUF_RING_MMAP = 1 as BufferRingFlags;
export const IOU_PBUF_RING_INC = 2 as BufferRingFlags;

export const IORING_SETUP_IOPOLL = 1;
export const IORING_SETUP_SQPOLL = 2;
export const IORING_SETUP_CQSIZE = 8;
export const IORING_SETUP_CLAMP = 16;
export const IORING_SETUP_SUBMIT_ALL = 1 << 7;
export const IORING_SETUP_COOP_TASKRUN = 1 << 8;
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
export const IORING_SETUP_DEFER_TASKRUN = 1 << 13;

export const IORING_FEAT_SINGLE_MMAP = 1;
export const IORING_FEAT_NODROP = 2;
export const IORING_FEAT_RW_CUR_POS = 8;
export const IORING_FEAT_FAST_POLL = 32;

export const IORING_SQ_NEED_WAKEUP = 1;
export const IORING_SQ_CQ_OVERFLOW = 2;

export const IORING_FSYNC_DATASYNC = 1;
export const IORING_ASYNC_CANCEL_ALL = 1;
export const IORING_ASYNC_CANCEL_ANY = 4;
export const SPLICE_F_FD_IN_FIXED = 0x80000000 as SpliceFlags;

/** One submission entry, 64 bytes. Unions carry the name of the member this project uses. */
export const io_uring_sqe = layout("struct io_uring_sqe", 64, {
  opcode: 0,
  flags: 1,
  ioprio: 2,
  fd: 4,
  off: 8,
  splice_off_in: 16,
  addr: 16,
  len: 24,
  rw_flags: 28,
  fsync_flags: 28,
  splice_flags: 28,
  cancel_flags: 28,
  msg_flags: 28,
  user_data: 32,
  buf_index: 40,
  buf_group: 40,
  personality: 42,
  splice_fd_in: 44,
  addr3: 48,
});

/** One completion entry, 16 bytes. */
export const io_uring_cqe = layout("struct io_uring_cqe", 16, { user_data: 0, res: 8, flags: 12 });

/** One buffer of a buffer ring; entry 0 also holds the ring's tail, in its reserved field. */
export const io_uring_buf = layout("struct io_uring_buf", 16, { addr: 0, len: 8, bid: 12, resv: 14 });
/** `flags` (IOU_PBUF_RING_*) follow `bgid`; headers before Linux 6.6 call that field `pad`. */
export const io_uring_buf_reg = layout("struct io_uring_buf_reg", 40, { ring_addr: 0, ring_entries: 8, bgid: 12 });

export const io_uring_params = layout("struct io_uring_params", 120, {
  sq_entries: 0,
  cq_entries: 4,
  flags: 8,
  sq_thread_cpu: 12,
  sq_thread_idle: 16,
  features: 20,
  wq_fd: 24,
});

/** liburing's `struct io_uring`: the offsets are the same in 2.3, 2.9 and 2.15 (each was compiled). */
export const io_uring = layout("struct io_uring", 216, {
  "sq.khead": 0,
  "sq.ktail": 8,
  "sq.kflags": 32,
  "sq.sqes": 56,
  "sq.sqe_head": 64,
  "sq.sqe_tail": 68,
  "sq.ring_mask": 88,
  "sq.ring_entries": 92,
  "cq.khead": 104,
  "cq.ktail": 112,
  "cq.koverflow": 144,
  "cq.cqes": 152,
  "cq.ring_mask": 176,
  "cq.ring_entries": 180,
  flags: 192,
  ring_fd: 196,
  features: 200,
});
