/** Mounts, loop devices, namespaces, limits, processes: <sys/mount.h>, <linux/loop.h>, <sched.h>, <sys/prctl.h>. */
import type { LoopFlags, MountFlags } from "./flags.ts";
import { layout } from "./layout.ts";

export const MS_RDONLY = 1 as MountFlags;
export const MS_NOSUID = 2 as MountFlags;
export const MS_NODEV = 4 as MountFlags;
export const MS_NOEXEC = 8 as MountFlags;
export const MS_SYNCHRONOUS = 16 as MountFlags;
export const MS_REMOUNT = 32 as MountFlags;
export const MS_DIRSYNC = 128 as MountFlags;
export const MS_NOATIME = 1024 as MountFlags;
export const MS_NODIRATIME = 2048 as MountFlags;
export const MS_BIND = 4096 as MountFlags;
export const MS_MOVE = 8192 as MountFlags;
export const MS_REC = 16384 as MountFlags;
export const MS_UNBINDABLE = (1 << 17) as MountFlags;
export const MS_PRIVATE = (1 << 18) as MountFlags;
export const MS_SLAVE = (1 << 19) as MountFlags;
export const MS_SHARED = (1 << 20) as MountFlags;
export const MS_RELATIME = (1 << 21) as MountFlags;
export const MS_STRICTATIME = (1 << 24) as MountFlags;
export const MS_LAZYTIME = (1 << 25) as MountFlags;
export const MNT_DETACH = 2;

export const CLONE_FS = 0x00000200;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWNET = 0x40000000;
export const CLONE_NEWUSER = 0x10000000;

export const LOOP_SET_FD = 0x4c00;
export const LOOP_CLR_FD = 0x4c01;
export const LOOP_CONFIGURE = 0x4c0a;
export const LOOP_CTL_GET_FREE = 0x4c82;
export const LO_FLAGS_READ_ONLY = 1 as LoopFlags;
export const LO_FLAGS_AUTOCLEAR = 4 as LoopFlags;
export const LO_FLAGS_DIRECT_IO = 16 as LoopFlags;

export const BLKGETSIZE64 = 0x80081272;
export const FIONREAD = 0x541b;
export const FIFREEZE = 0xc0045877;
export const FITHAW = 0xc0045878;

export const PR_SET_PDEATHSIG = 1;
export const PR_SET_NAME = 15;

export const RLIMIT_FSIZE = 1;
export const RLIMIT_NPROC = 6;
export const RLIMIT_NOFILE = 7;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;

export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGXFSZ = 25;

export const XFS_SUPER_MAGIC = 0x58465342;
export const EXT4_SUPER_MAGIC = 0xef53;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const TMPFS_MAGIC = 0x01021994;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const NFS_SUPER_MAGIC = 0x6969;

export const loop_info64 = layout("struct loop_info64", 232, {
  lo_offset: 24,
  lo_sizelimit: 32,
  lo_flags: 52,
  lo_file_name: 56,
});
export const loop_config = layout("struct loop_config", 304, { fd: 0, block_size: 4, info: 8 });
