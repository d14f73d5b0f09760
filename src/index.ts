/**
 * The public door: everything a reproducer needs, from one import, in four blocks. Constants, in C spelling, come through
 * the second door, "bytewitness/uapi". `bun run reference.ts door.md` writes all of it down, prototypes and docstrings.
 *
 * `import { openFile, write, scratchFile, runReproducer } from "bytewitness"; import { O_APPEND } from "bytewitness/uapi"`
 */
import "./cli/guard.ts";

// ── calls: the kernel, one verb for each ────────────────────────────────────────────────────────────────────────────

export { type OwnSwap, ownSwap, type ReclaimableGroup, reclaimableGroup, swapReadahead } from "./machine/swap.ts";
export type { Address } from "./ops/address.ts";
export { type CopyOptions, copyFileRange, sendFile, tryCopyFileRange, trySendFile } from "./ops/copy.ts";
export { Inconclusive, isSyscallError, SyscallError } from "./ops/errors.ts";
export { Fd } from "./ops/fd.ts";
export {
  type BufferPart,
  IoVectors,
  openFile,
  openMemfd,
  type Path,
  type ReadWriteOptions,
  read,
  readFully,
  tryWrite,
  tryWriteVectors,
  write,
  writeAll,
} from "./ops/file.ts";
export { type Scratch, type ScratchOptions, syncAll } from "./ops/filesystem.ts";
export { AT_FILE_POSITION } from "./ops/integers.ts";
export { type LoopImage, type LoopOptions, loopImage } from "./ops/loop.ts";
export {
  type AdviceOptions,
  type MappedRange,
  type Mapping,
  type MappingPlace,
  madvise,
  mapAnonymous,
  mapFile,
  mprotect,
  mremap,
  msync,
  munmap,
} from "./ops/mapping.ts";
export { allocate, type KernelBuffer, type Memory, type MemoryOwner } from "./ops/memory.ts";
export { mount, unmount } from "./ops/mount.ts";
export { openPipe, type PipeOptions, queuedBytes } from "./ops/pipe.ts";
export { positionOf } from "./ops/position.ts";
export { type Process, startProcess } from "./ops/process/process.ts";
export { BufferRing, type BufferRingOptions, type Taken } from "./ops/ring/buffers.ts";
export type { Completion } from "./ops/ring/completion.ts";
export * as sqe from "./ops/ring/request.ts";
export { Ring, type RingOptions } from "./ops/ring/ring.ts";
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
export { getOption, type SocketOption, setOption, trySetOption } from "./ops/socket-option.ts";
export { type FileRange, fallocate, nextData, seek, sync, truncate } from "./ops/space.ts";
export {
  type SpliceOptions,
  splice,
  spliceExactly,
  type TransferOptions,
  tee,
  trySplice,
  tryTee,
  tryVmsplice,
  vmsplice,
} from "./ops/splice.ts";
export { type Filesystem, filesystemOf, type Stat, statFd } from "./ops/stat.ts";
export { type SwapArea, swapOff, swapOn } from "./ops/swap.ts";
export { Barrier } from "./ops/thread/barrier.ts";
export {
  type RaceOptions,
  type RaceResult,
  type Runner,
  race,
  runner,
  startThreads,
  type Threads,
} from "./ops/thread/race.ts";
export { Thread } from "./ops/thread/thread.ts";
export {
  loadsTls,
  startTls,
  type TlsCipher,
  type TlsKeys,
  testKeys,
  tryExpectNoPadding,
} from "./ops/tls.ts";
export * as tlsRecord from "./ops/tls-record.ts";
export { readWhole } from "./ops/whole.ts";

// ── bytes: sizes, patterns and records ──────────────────────────────────────────────────────────────────────────────

export { type ClaimsOptions, letters } from "./judge/claims.ts";
export { type CounterOptions, counter } from "./pattern/counter.ts";
export type { Pattern } from "./pattern/pattern.ts";
export { fillRecords, type RecordTag, readRecord } from "./pattern/record.ts";
export { reference } from "./pattern/reference.ts";
export { type TaggedOptions, tagged } from "./pattern/tagged.ts";
export { zero } from "./pattern/zero.ts";
export { bytesText, GiB, KiB, MiB, PAGE_BYTES } from "./units.ts";
export { Random } from "./workload/random.ts";

// ── judging: what came back ─────────────────────────────────────────────────────────────────────────────────────────

export { type Claim, judgeClaims } from "./judge/claims.ts";
export type { CallReference, Finding, Judgement, Segment } from "./judge/finding.ts";
export { type AccountOptions, accountRecords, type RecordsAccount } from "./judge/gone-records.ts";
export { Judge, type JudgeOptions, judgeBytes } from "./judge/judge.ts";
export type { LogExpectation, LogJudgement, WriterTally } from "./judge/log-terms.ts";
export { judgeRecordLog } from "./judge/record-log.ts";
export { judgeViews, type View } from "./judge/views.ts";
export { accountLog } from "./workload/breathing.ts";
export { judgeFile } from "./workload/judge-file.ts";

// ── running: a reproducer from its arguments to its report ──────────────────────────────────────────────────────────

export { runCommand } from "./cli/command.ts";
export type { Need, Reproducer, Run } from "./cli/contract.ts";
export { runReproducer } from "./cli/reproducer.ts";
export { allowHugePages } from "./machine/hugepages.ts";
export { type Ksm, useKsm } from "./machine/ksm.ts";
export * as missing from "./machine/missing.ts";
export { UsageError } from "./ops/errors.ts";
export { scratchFilesystem } from "./ops/filesystem.ts";
export { saveEvidence } from "./place/evidence.ts";
export {
  type FilesystemPlace,
  loadsFilesystem,
  needsFilesystem,
  placeOnFilesystem,
  type WantedFilesystem,
} from "./place/filesystem.ts";
export { type ScratchFile, scratchFile } from "./place/scratch-file.ts";
export { prepareStage, type Stage } from "./place/stage.ts";
export type { Known, RunReport, Totals, Trigger } from "./report/document.ts";
export { rateText } from "./report/rate.ts";
export { appendProgramOf } from "./workload/append/outcome.ts";
export type { Outcome } from "./workload/context.ts";
export { PRESSURES, Pressure } from "./workload/pressure/index.ts";
export { type LogRace, type LogRaceResult, mergeRaces, raceLog } from "./workload/race/log.ts";
export type { WriterSpec } from "./workload/race/race.ts";
export type { JudgedOptions, Tally } from "./workload/tally.ts";
