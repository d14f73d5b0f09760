/**
 * Where and how the calling thread is scheduled: sched(7), sched_setaffinity(2).
 *
 * Owns the set of processors, and a short stay in SCHED_FIFO, so that a woken kernel worker does not take the processor between two system calls.
 * Threads made meanwhile start with the ordinary policy (SCHED_RESET_ON_FORK). Refuses to keep it: the caller leaves.
 */
import { libc } from "../sys/libc.ts";
import { SCHED_FIFO, SCHED_OTHER, SCHED_RESET_ON_FORK, SYS_sched_setscheduler } from "../sys/uapi/sched.ts";
import { checked } from "./errors.ts";
import { allocate, type Memory, onFirstUse } from "./memory.ts";

/** struct sched_param: one int, the priority. The first call allocates, so that later ones, under a limit, do not. */
function priority(value: number): Memory {
  const memory = allocate(64);
  memory.view.setInt32(0, value, true);
  return memory;
}

/** 1 is the lowest of SCHED_FIFO; SCHED_OTHER takes 0 only. */
const parameters = onFirstUse(() => ({ lowest: priority(1), none: priority(0) }));

/** `sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 1)`; false without CAP_SYS_NICE or RLIMIT_RTPRIO. */
export function enterFifo(): boolean {
  return (
    libc.syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, parameters().lowest.address, 0, 0, 0) ===
    0
  );
}

/** Back to SCHED_OTHER. */
export function leaveFifo(): void {
  libc.syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, parameters().none.address, 0, 0, 0);
}

/** 1024 processors, glibc's cpu_set_t. */
const CPU_SET_BYTES = 128;

/** `int sched_getaffinity(0, size_t cpusetsize, cpu_set_t *mask)`: the numbers of the processors, rising. */
export function allowedProcessors(): number[] {
  using mask = allocate(CPU_SET_BYTES);
  mask.bytes.fill(0);
  checked(libc.sched_getaffinity(0, CPU_SET_BYTES, mask.address), "sched_getaffinity");
  return Array.from({ length: CPU_SET_BYTES * 8 }, (_, number) => number).filter(
    (number) => ((mask.bytes[number >> 3] as number) & (1 << (number & 7))) !== 0,
  );
}

/** `int sched_getcpu(void)`: the number of the processor that the calling thread runs on. */
export function currentProcessor(): number {
  return checked(libc.sched_getcpu(), "sched_getcpu");
}

/** `int sched_setaffinity(0, size_t cpusetsize, const cpu_set_t *mask)`: the calling thread runs on these alone. */
export function pinToProcessors(processors: readonly number[]): void {
  using mask = allocate(CPU_SET_BYTES);
  mask.bytes.fill(0);
  for (const number of processors) mask.bytes[number >> 3] = (mask.bytes[number >> 3] as number) | (1 << (number & 7));
  checked(libc.sched_setaffinity(0, CPU_SET_BYTES, mask.address), "sched_setaffinity", () => processors.join(","));
}
