/**
 * The public door: everything a reproducer needs, from one import.
 *
 * `import { openFile, O_APPEND, Ring, sqe, allocate, MiB, runReproducer } from "bytewitness"`
 */
export * from "./cli/args.ts";
export { Inconclusive, type Need, type Outcome, type Reproducer, type Run } from "./cli/contract.ts";
export { saveEvidence } from "./cli/evidence.ts";
export { jobIdentity, mergeJobs, runJobs } from "./cli/jobs.ts";
export { bytesText, secondsText } from "./cli/progress.ts";
export { argumentWords, shellWord } from "./cli/replay.ts";
export { runReproducer } from "./cli/reproducer.ts";
export { type ScratchFile, scratchFile, workDirectory } from "./cli/scratch-file.ts";
export { chooseTarget, removeLeftovers, type Target } from "./cli/target.ts";
export { VERSION } from "./cli/version.ts";
export { AddressError } from "./ops/address.ts";
export { AT_FILE_POSITION } from "./ops/check.ts";
export * from "./ops/clock.ts";
export { AssertionError, assert, checked, isSyscallError, SyscallError } from "./ops/errors.ts";
export * from "./ops/extent.ts";
export { duplicate, Fd, setNonblocking, statusFlags } from "./ops/fd.ts";
export * from "./ops/file.ts";
export * from "./ops/memory.ts";
export * from "./ops/mount.ts";
export * from "./ops/pipe.ts";
export { positionOf } from "./ops/position.ts";
export * from "./ops/ring.ts";
export { Interrupted, pendingSignal, retryEintr, throwIfInterrupted } from "./ops/signals.ts";
export * from "./ops/splice.ts";
export * as sqe from "./ops/sqe.ts";
export * from "./ops/stat.ts";
export { Thread } from "./ops/thread.ts";
export { tlsMissing } from "./ops/tls.ts";
export { Counter, type CounterOptions, counter } from "./pattern/counter.ts";
export type { Pattern } from "./pattern/pattern.ts";
export { reference } from "./pattern/reference.ts";
export { zero } from "./pattern/zero.ts";
export * from "./report/document.ts";
export * from "./report/index.ts";
export { ERRNO, errnoName } from "./sys/errno.ts";
export * from "./sys/uapi/fcntl.ts";
export * from "./sys/uapi/io_uring.ts";
export * from "./sys/uapi/mount.ts";
export * from "./sys/uapi/socket.ts";
export { type Claim, type ClaimsOptions, judgeClaims, letters } from "./verify/claims.ts";
export * from "./verify/finding.ts";
export { Judge, type JudgeOptions, judgeBytes } from "./verify/judge.ts";
export { DOOR_NAMES, DOORS, type DoorName } from "./workload/append/doors.ts";
export { INJECTIONS } from "./workload/append/inject.ts";
export { appendOptions } from "./workload/append/options.ts";
export { mergeSeries } from "./workload/append/outcome.ts";
export { chunkBytesMax } from "./workload/append/plan.ts";
export { runSeries, type SeriesResult } from "./workload/append/series.ts";
export { Calls } from "./workload/calls.ts";
export { Journal } from "./workload/journal.ts";
export * from "./workload/pressure/index.ts";
export { Random } from "./workload/random.ts";
export { readBack, triage } from "./workload/readback.ts";
export * from "./workload/relay/index.ts";
