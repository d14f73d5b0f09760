/**
 * Clocks: clock_gettime(2).
 *
 * Owns the kernel's clocks. The coarse clock moves once per kernel tick (4 ms at HZ=250); XFS stamps mtime with
 * it, which is what the append race depends on.
 */
import { libc } from "../sys/libc.ts";
import { CLOCK_MONOTONIC, CLOCK_REALTIME_COARSE, timespec } from "../sys/uapi/fcntl.ts";
import { allocate, onFirstUse } from "./memory.ts";

const answer = onFirstUse(() => {
  const memory = allocate(timespec.sizeBytes);
  return { address: memory.address, words: memory.words };
});

/** Nanoseconds of a clock, as a double: exact for monotonic clocks, to 256 ns for real time. */
function nanoseconds(clock: number): number {
  const { address, words } = answer();
  libc.clock_gettime(clock, address);
  return (words[0] as number) * 1e9 + (words[1] as number) * 4294967296e9 + (words[2] as number);
}

/** CLOCK_MONOTONIC in nanoseconds. */
export function monotonicNs(): number {
  return nanoseconds(CLOCK_MONOTONIC);
}

/** CLOCK_REALTIME_COARSE in nanoseconds: two equal answers are of one kernel tick. */
export function coarseNs(): number {
  return nanoseconds(CLOCK_REALTIME_COARSE);
}

/** Spins until CLOCK_REALTIME_COARSE moves: the start of a kernel tick. The nanoseconds it took, at most about 10 ms. */
export function spinUntilTick(): number {
  const started = monotonicNs();
  const coarse = coarseNs();
  while (coarseNs() === coarse) {
    if (monotonicNs() - started > 50e6) break; // a tickless guest must not hang us
  }
  return monotonicNs() - started;
}
