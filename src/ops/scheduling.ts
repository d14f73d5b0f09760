/**
 * The scheduling policy of the calling thread: sched(7).
 *
 * Owns a short stay in SCHED_FIFO, so that a woken kernel worker does not take the processor between two system calls.
 * Threads made meanwhile start with the ordinary policy (SCHED_RESET_ON_FORK). Refuses to keep it: the caller leaves.
 */
import { libc } from "../sys/libc.ts";
import { SCHED_FIFO, SCHED_OTHER, SCHED_RESET_ON_FORK, SYS_sched_setscheduler } from "../sys/uapi/sched.ts";
import { allocate } from "./memory.ts";

/** struct sched_param: one int, the priority (1 is the lowest of SCHED_FIFO). */
const lowest = allocate(64);
lowest.view.setInt32(0, 1, true);
const none = allocate(64);
none.view.setInt32(0, 0, true);

/** `sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 1)`; false without CAP_SYS_NICE or RLIMIT_RTPRIO. */
export function enterFifo(): boolean {
  return libc.syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, lowest.address, 0, 0, 0) === 0;
}

/** Back to SCHED_OTHER. */
export function leaveFifo(): void {
  libc.syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, none.address, 0, 0, 0);
}
