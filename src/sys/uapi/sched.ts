/** Scheduling, counters, advice: <sched.h>, <linux/perf_event.h>, <asm/unistd.h>, <fcntl.h>, in C spelling. */
import { layout } from "./layout.ts";

export const SCHED_OTHER = 0;
export const SCHED_FIFO = 1;
export const SCHED_BATCH = 3;
export const SCHED_RESET_ON_FORK = 0x40000000;

// System call numbers differ between x86-64 and the generic table that aarch64 uses.
const x64 = process.arch === "x64";
export const SYS_sched_setscheduler = x64 ? 144 : 119;
export const SYS_sched_getscheduler = x64 ? 145 : 120;
export const SYS_perf_event_open = x64 ? 298 : 241;

export const POSIX_FADV_WILLNEED = 3;

export const PERF_TYPE_TRACEPOINT = 2;
export const PERF_FLAG_FD_CLOEXEC = 8;

/** perf_event_open(2): the first published size of the structure, which every kernel takes. */
export const PERF_ATTR_SIZE_VER0 = 64;
export const perf_event_attr = layout("struct perf_event_attr", 128, { type: 0, size: 4, config: 8 });
