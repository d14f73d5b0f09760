/** Files and times: <fcntl.h>, <sys/stat.h>, <linux/fs.h>, in C spelling, for x86-64. */
import type { FallocateMode, OpenFlags, ReadWriteFlags, SpliceFlags, SyncRangeFlags, Whence } from "./flags.ts";
import { layout } from "./layout.ts";

export const O_RDONLY = 0 as OpenFlags;
export const O_WRONLY = 1 as OpenFlags;
/** The bits of the direction. */
export const O_ACCMODE = 3;
export const O_RDWR = 2 as OpenFlags;
export const O_CREAT = 0o100 as OpenFlags;
export const O_EXCL = 0o200 as OpenFlags;
export const O_TRUNC = 0o1000 as OpenFlags;
export const O_APPEND = 0o2000 as OpenFlags;
export const O_NONBLOCK = 0o4000 as OpenFlags;
export const O_DSYNC = 0o10000 as OpenFlags;
// The next three differ on aarch64 (O_DIRECTORY 040000, O_NOFOLLOW 0100000, O_DIRECT 0200000).
export const O_DIRECT = (process.arch === "arm64" ? 0o200000 : 0o40000) as OpenFlags;
export const O_DIRECTORY = (process.arch === "arm64" ? 0o40000 : 0o200000) as OpenFlags;
export const O_NOFOLLOW = (process.arch === "arm64" ? 0o100000 : 0o400000) as OpenFlags;
export const O_CLOEXEC = 0o2000000 as OpenFlags;
export const O_PATH = 0o10000000 as OpenFlags;
export const O_TMPFILE = (0o20000000 | O_DIRECTORY) as OpenFlags;

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_SYMLINK_NOFOLLOW = 0x100;

export const SEEK_SET = 0 as Whence;
export const SEEK_CUR = 1 as Whence;
export const SEEK_END = 2 as Whence;
export const SEEK_DATA = 3 as Whence;
export const SEEK_HOLE = 4 as Whence;

export const F_DUPFD_CLOEXEC = 1030;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const FD_CLOEXEC = 1;

export const FALLOC_FL_KEEP_SIZE = 1 as FallocateMode;
export const FALLOC_FL_PUNCH_HOLE = 2 as FallocateMode;
export const FALLOC_FL_COLLAPSE_RANGE = 8 as FallocateMode;
export const FALLOC_FL_ZERO_RANGE = 0x10 as FallocateMode;
export const FALLOC_FL_INSERT_RANGE = 0x20 as FallocateMode;
export const FALLOC_FL_UNSHARE_RANGE = 0x40 as FallocateMode;

export const SYNC_FILE_RANGE_WAIT_BEFORE = 1 as SyncRangeFlags;
export const SYNC_FILE_RANGE_WRITE = 2 as SyncRangeFlags;
export const SYNC_FILE_RANGE_WAIT_AFTER = 4 as SyncRangeFlags;

export const POSIX_FADV_NORMAL = 0;
export const POSIX_FADV_SEQUENTIAL = 2;
export const POSIX_FADV_DONTNEED = 4;

export const RWF_HIPRI = 0x1 as ReadWriteFlags;
export const RWF_DSYNC = 0x2 as ReadWriteFlags;
export const RWF_SYNC = 0x4 as ReadWriteFlags;
export const RWF_NOWAIT = 0x8 as ReadWriteFlags;
export const RWF_APPEND = 0x10 as ReadWriteFlags;

export const SPLICE_F_MOVE = 1 as SpliceFlags;
export const SPLICE_F_NONBLOCK = 2 as SpliceFlags;
export const SPLICE_F_MORE = 4 as SpliceFlags;
export const SPLICE_F_GIFT = 8 as SpliceFlags;

export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

export const F_ADD_SEALS = 1033;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFSOCK = 0o140000;

export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
export const STATX_MNT_ID = 0x1000;

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_REALTIME_COARSE = 5;
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** readv(2): one buffer of a scatter/gather list. */
export const iovec = layout("struct iovec", 16, { iov_base: 0, iov_len: 8 });

/** statx(2); fields this project reads. */
export const statx = layout("struct statx", 256, {
  stx_mask: 0,
  stx_blksize: 4,
  stx_nlink: 16,
  stx_uid: 20,
  stx_gid: 24,
  stx_mode: 28,
  stx_ino: 32,
  stx_size: 40,
  stx_blocks: 48,
  stx_btime: 80,
  stx_mtime: 112,
  stx_rdev_major: 128,
  stx_dev_major: 136,
  stx_dev_minor: 140,
  stx_mnt_id: 144,
});

/** statfs(2) on 64-bit kernels. */
export const statfs = layout("struct statfs", 120, {
  f_type: 0,
  f_bsize: 8,
  f_blocks: 16,
  f_bfree: 24,
  f_bavail: 32,
});

export const timespec = layout("struct timespec", 16, { tv_sec: 0, tv_nsec: 8 });
export const rlimit = layout("struct rlimit", 16, { rlim_cur: 0, rlim_max: 8 });
