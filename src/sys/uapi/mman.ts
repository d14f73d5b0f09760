/** Mappings, advice and swap: <sys/mman.h>, <linux/mman.h>, <sys/swap.h>, in C spelling, for x86-64 and aarch64. */
import type { Advice, MapFlags, MemfdFlags, MsyncFlags, Protection, RemapFlags } from "./flags.ts";

export const PROT_NONE = 0 as Protection;
export const PROT_READ = 1 as Protection;
export const PROT_WRITE = 2 as Protection;

export const MAP_SHARED = 1 as MapFlags;
export const MAP_PRIVATE = 2 as MapFlags;
export const MAP_FIXED = 0x10 as MapFlags;
export const MAP_ANONYMOUS = 0x20 as MapFlags;
export const MAP_NORESERVE = 0x4000 as MapFlags;
export const MAP_POPULATE = 0x8000 as MapFlags;
export const MAP_HUGETLB = 0x40000 as MapFlags;
export const MAP_FIXED_NOREPLACE = 0x100000 as MapFlags;

export const MREMAP_MAYMOVE = 1 as RemapFlags;
export const MREMAP_FIXED = 2 as RemapFlags;
export const MREMAP_DONTUNMAP = 4 as RemapFlags;

export const MS_ASYNC = 1 as MsyncFlags;
export const MS_INVALIDATE = 2 as MsyncFlags;
export const MS_SYNC = 4 as MsyncFlags;

export const MADV_NORMAL = 0 as Advice;
export const MADV_RANDOM = 1 as Advice;
export const MADV_SEQUENTIAL = 2 as Advice;
export const MADV_WILLNEED = 3 as Advice;
export const MADV_DONTNEED = 4 as Advice;
export const MADV_FREE = 8 as Advice;
export const MADV_REMOVE = 9 as Advice;
export const MADV_MERGEABLE = 12 as Advice;
export const MADV_UNMERGEABLE = 13 as Advice;
export const MADV_HUGEPAGE = 14 as Advice;
export const MADV_NOHUGEPAGE = 15 as Advice;
export const MADV_COLD = 20 as Advice;
export const MADV_PAGEOUT = 21 as Advice;
export const MADV_POPULATE_READ = 22 as Advice;
export const MADV_POPULATE_WRITE = 23 as Advice;
export const MADV_COLLAPSE = 25 as Advice;

export const SWAP_FLAG_PREFER = 0x8000;

export const MFD_CLOEXEC = 1 as MemfdFlags;
export const MFD_ALLOW_SEALING = 2 as MemfdFlags;
export const MFD_HUGETLB = 4 as MemfdFlags;
