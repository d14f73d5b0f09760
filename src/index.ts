/**
 * The public door: everything a reproducer needs, from one import.
 *
 * `import { openFile, O_APPEND, Ring, sqe, allocate, MiB, runReproducer } from "bytewitness"`
 */
export * from "./cli/args.ts";
export { runCommand } from "./cli/command.ts";
export type { Need, Reproducer, Run } from "./cli/contract.ts";
export { jobIdentity, mergeJobs, runJobs } from "./cli/jobs.ts";
export { Progress } from "./cli/progress.ts";
export { argumentWords, shellWord } from "./cli/replay.ts";
export { runReproducer } from "./cli/reproducer.ts";
export { VERSION } from "./cli/version.ts";
export { type Claim, type ClaimsOptions, judgeClaims, letters } from "./judge/claims.ts";
export * from "./judge/finding.ts";
export { type AccountOptions, goneRecords, type RecordsAccount, repeatedRecords } from "./judge/gone-records.ts";
export { Judge, type JudgeOptions, judgeBytes } from "./judge/judge.ts";
export { judgeRecordLog, type LogExpectation, type LogJudgement, type WriterTally } from "./judge/record-log.ts";
export { allowHugePages, HUGE_PAGE_BYTES, hugePagesMissing } from "./machine/hugepages.ts";
export { type Ksm, ksmMissing, mergedPages, useKsm } from "./machine/ksm.ts";
export {
  acquireLease,
  fileSettings,
  type Lease,
  LeaseBusy,
  LeaseRefused,
  type LeaseSpec,
  leaseWhenFree,
} from "./machine/lease.ts";
export { ioUringMissing } from "./machine/needs.ts";
export { examine, machineLine } from "./machine/probes.ts";
export { type OwnSwap, ownSwap, swapMissing } from "./machine/swap.ts";
export { type Address, AddressError } from "./ops/address.ts";
export * from "./ops/clock.ts";
export * from "./ops/copy.ts";
export { AssertionError, assert, checked, Inconclusive, isSyscallError, SyscallError } from "./ops/errors.ts";
export { duplicate, Fd, setNonblocking, statusFlags } from "./ops/fd.ts";
export * from "./ops/file.ts";
export * from "./ops/filesystem.ts";
export { AT_FILE_POSITION } from "./ops/integers.ts";
export { lend } from "./ops/lend.ts";
export * from "./ops/loop.ts";
export * from "./ops/mapping.ts";
export * from "./ops/memory.ts";
export * from "./ops/mount.ts";
export * from "./ops/pipe.ts";
export { positionOf } from "./ops/position.ts";
export { Process, startProcess } from "./ops/process/process.ts";
export * from "./ops/reclaim.ts";
export { BufferRing, type BufferRingOptions, type Taken } from "./ops/ring/buffers.ts";
export { type Completion, completed } from "./ops/ring/completion.ts";
export * as sqe from "./ops/ring/request.ts";
export * from "./ops/ring/ring.ts";
export { Interrupted, pendingSignal, retryEintr, throwIfInterrupted } from "./ops/signals.ts";
export {
  bindTo,
  type Connection,
  connectedPair,
  connectTo,
  listenOn,
  localAddress,
  type MessageOptions,
  openSocket,
  receive,
  type SocketKind,
  send,
  shutdownSocket,
  socketPair,
  tryAccept,
  tryConnect,
  tryReceive,
  trySend,
} from "./ops/socket.ts";
export { getOption, type SocketOption, setOption, setReceiveTimeout, trySetOption } from "./ops/socket-option.ts";
export * from "./ops/space.ts";
export * from "./ops/splice.ts";
export * from "./ops/stat.ts";
export * from "./ops/swap.ts";
export { Barrier } from "./ops/thread/barrier.ts";
export { inModule } from "./ops/thread/functions.ts";
export { type RaceOptions, type Runner, race, runner, startThreads, type Threads } from "./ops/thread/race.ts";
export { Thread } from "./ops/thread/thread.ts";
export {
  loadsTls,
  startTls,
  type TlsCipher,
  type TlsKeys,
  testKeys,
  tlsMissing,
  tryExpectNoPadding,
} from "./ops/tls.ts";
export { openRecord, sealRecord, type TlsRecord } from "./ops/tls-record.ts";
export { readWhole } from "./ops/whole.ts";
export { constant } from "./pattern/constant.ts";
export { Counter, type CounterOptions, counter } from "./pattern/counter.ts";
export { type NumberedOptions, numbered } from "./pattern/numbered.ts";
export type { Pattern } from "./pattern/pattern.ts";
export { prng } from "./pattern/prng.ts";
export { fillRecord, type RecordTag, readRecord } from "./pattern/record.ts";
export { reference } from "./pattern/reference.ts";
export { GRAMMAR as PATTERN_GRAMMAR, type PatternArguments, parsePattern } from "./pattern/spec.ts";
export { type TaggedOptions, tagged } from "./pattern/tagged.ts";
export { zero } from "./pattern/zero.ts";
export { keepEvidence, saveEvidence } from "./place/evidence.ts";
export {
  type FilesystemPlace,
  type FilesystemWish,
  loadsFilesystem,
  needsFilesystem,
  placeOnFilesystem,
} from "./place/filesystem.ts";
export { cleanLeftovers } from "./place/leftovers.ts";
export { type ScratchFile, scratchFile, workDirectory } from "./place/scratch-file.ts";
export { prepareStage, type Stage } from "./place/stage.ts";
export { chooseTarget, type Target } from "./place/target.ts";
export * from "./report/document.ts";
export * from "./report/index.ts";
export { type Rate, rateOf, rateText } from "./report/rate.ts";
export { ERRNO, errnoName } from "./sys/errno.ts";
export * from "./sys/uapi/fcntl.ts";
export * from "./sys/uapi/io_uring.ts";
export * from "./sys/uapi/mman.ts";
export * from "./sys/uapi/mount.ts";
export * from "./sys/uapi/socket.ts";
export { bytesText, secondsText } from "./units.ts";
export { DOOR_NAMES, DOORS, type DoorName } from "./workload/append/doors.ts";
export { INJECTIONS } from "./workload/append/inject.ts";
export { type AppendSpecs, appendOptions } from "./workload/append/options.ts";
export { lookAgain, mergeSeries } from "./workload/append/outcome.ts";
export { chunkBytesMax } from "./workload/append/plan.ts";
export { runSeries, type SeriesResult } from "./workload/append/series.ts";
export { Calls } from "./workload/calls.ts";
export type { Outcome } from "./workload/context.ts";
export {
  type DirtyLimit,
  deviceHasDirtyLimit,
  dirtyLimitOf,
  limitDirty,
  limitDirtyWhenFree,
} from "./workload/dirty-limit.ts";
export { fill, WRITE_MODES, type WriteMode } from "./workload/fill/fill.ts";
export { openTarget, reopenTarget } from "./workload/fill/target.ts";
export { Journal } from "./workload/journal.ts";
export { judgeFile } from "./workload/judge-file.ts";
export * from "./workload/pressure/index.ts";
export { type LogRace, type LogRaceResult, mergeRaces, raceLog } from "./workload/race/log.ts";
export { RecordRace, type WriterSpec } from "./workload/race/race.ts";
export { Random } from "./workload/random.ts";
export { readBack, triage } from "./workload/readback.ts";
export * from "./workload/relay/index.ts";
export { type Input, isCharacterDevice, openInput, whyUnreadable } from "./workload/scan/input.ts";
export { type OpenedPattern, openPattern, referencePath, whyNoPattern } from "./workload/scan/patterns.ts";
export { intact, intactInParallel, judgeInOrder, skip } from "./workload/scan/scan.ts";
export { TriggerWatch } from "./workload/trigger.ts";
