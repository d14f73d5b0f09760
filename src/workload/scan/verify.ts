/**
 * One file, device or stream judged from end to end: in order, or compared by workers first, and explained.
 *
 * Owns what verify.ts does once its words are good: the window, the length that is expected, and what must not change
 * while it is read. Refuses to judge bytes itself: scan.ts reads them, and the judge decides.
 */
import type { Judgement } from "../../judge/finding.ts";
import { Judge } from "../../judge/judge.ts";
import { type Path, pathText } from "../../ops/file.ts";
import { Inconclusive, UsageError } from "../../ops/problems.ts";
import { statFd } from "../../ops/stat.ts";
import { type PatternArguments, parsePattern } from "../../pattern/spec.ts";
import type { RunContext } from "../context.ts";
import { type Input, isCharacterDevice, openInput, whyUnreadable } from "./input.ts";
import { scanOutcome } from "./outcome.ts";
import { type OpenedPattern, openPattern, referencePath, whyNoPattern } from "./patterns.ts";
import type { Rear } from "./rear.ts";
import {
  type Fed,
  type FeedOptions,
  intact,
  intactInParallel,
  judgeInOrder,
  type ReadAtMost,
  type ScanRange,
  skip,
} from "./scan.ts";

export interface VerifyArguments extends PatternArguments {
  readonly file: Path;
  /** The pattern as bytes: the path of a reference need not be UTF-8. */
  readonly patternBytes: Path;
  readonly expectBytes: number | undefined;
  readonly offset: number;
  readonly length: number | undefined;
  readonly jobs: number;
}

/**
 * What is wrong with the arguments together, undefined when nothing is; before anything is judged. `elsewhere`: the files
 * that they name are those of another machine.
 */
export function whyNot(
  args: Pick<VerifyArguments, "file" | "patternBytes" | "length"> & PatternArguments,
  { elsewhere }: { readonly elsewhere: boolean },
) {
  const { file } = args;
  const reference = referencePath(args.patternBytes);
  if (pathText(file) === "-" && reference !== undefined && pathText(reference) === "-")
    return "standard input cannot be both the file and the reference";
  if (elsewhere) return whyNoPattern(args, "elsewhere");
  const reason = whyUnreadable(file) ?? whyNoPattern(args, { path: reference });
  if (reason !== undefined) return reason;
  if (args.length === undefined && isCharacterDevice(file))
    return `${pathText(file)} is a character device, which need not have an end: give --length`;
  return undefined;
}

/** Judges; the outcome is one of the front desk's. */
export async function verify(run: RunContext, args: VerifyArguments) {
  const input = openInput(args.file);
  if (args.pattern === "fio") return byFio(run, input, args);
  const reference = referencePath(args.patternBytes);
  const opened = openPattern(args, reference, input);
  const { endBytes, reopenable, foundBytes, learned } = opened;
  begin(input, args.offset);
  const window = windowOf(args, input, endBytes);
  const { from, to, expected, expectBytes } = window;
  const inOrder = inOrderBy(run, { input, opened, args, window });

  let judgement: Judgement | undefined;
  let fed: Partial<Fed> = {};
  let differs = false;
  if (args.jobs > 1 && reopenable && input.sizeBytes !== undefined && to > from && (expectBytes ?? to) === to) {
    const order = { path: args.file, args: { ...args }, reference, range: { from, to } };
    const right = await intactInParallel(order, args.jobs, (bytes) => {
      run.progress({ done: bytes, bytes, label: opened.pattern.name, total: to - from });
      return !run.stopped;
    });
    if (right === true) judgement = intact(from, to);
    else if (right === false) run.narrate("a range differs: reading the whole in order to explain it");
    differs = right === false;
  }
  if (judgement === undefined) {
    const whole = (expectBytes ?? to) === to && args.jobs === 1;
    const read = await inOrder({ from, to }, { rear: whole ? rearOf(args, input, { from, to }) : undefined });
    const { endBytes, stopped, restRight } = read.fed;
    if (!stopped && restRight !== true && input.sizeBytes !== undefined && endBytes < to)
      throw new Inconclusive(`${input.fd.label} shrank from ${input.sizeBytes} to ${endBytes} bytes as it was read`);
    ({ judgement, fed } = read);
    if (restRight === true) judgement = intact(from, to);
  }
  const { stopped = false, unexplained = differs, endBytes: at } = fed;
  const first = { path: args.file, range: { from, to }, findings: judgement.findings };
  const second = async (range: ScanRange, reading: ReadAtMost) => {
    const { fed, judgement } = await inOrder(range, { reading });
    return fed.stopped ? undefined : judgement.findings;
  };
  const findings = stopped ? first.findings : await again(input, first, second);
  opened.assertUnchanged();
  assertSame(input);
  const lengthUnknown = expected === undefined && args.length === undefined;
  const open = { lengthChecked: expectBytes !== undefined, lengthUnknown, foundBytes, learned };
  return scanOutcome({ judgement, findings, stopped, unexplainedAt: unexplained ? at : undefined, ...open });
}

/** Below it no second thread is worth its start: what starts one is not loaded. */
const LARGE_BYTES = 512 * 1024 * 1024;

/** Who may compare the rear of a large file meanwhile, where the pattern needs no other file. */
function rearOf(args: VerifyArguments, { stat }: Input, range: ScanRange): Rear | undefined {
  if (stat.kind !== "file" || pathText(args.file) === "-" || parsePattern(args).kind !== "stream") return undefined;
  if (range.to - range.from < LARGE_BYTES) return undefined;
  const { Rear } = require("./rear.ts") as typeof import("./rear.ts");
  return new Rear({ path: args.file, args: { ...args }, reference: undefined, range });
}

/** The bytes that are judged, and how many the stream should have: in all, and up to the window's end. */
interface Bounds extends ScanRange {
  readonly limit: number;
  readonly expected: number | undefined;
  readonly expectBytes: number | undefined;
}

function windowOf(
  { offset: from, length, expectBytes: given }: VerifyArguments,
  input: Input,
  endBytes?: number,
): Bounds {
  const limit = length === undefined ? Infinity : from + length;
  const expected = given ?? endBytes;
  const expectBytes = expected === undefined ? undefined : Math.min(expected, limit);
  return { from, to: Math.min(input.sizeBytes ?? Infinity, limit), limit, expected, expectBytes };
}

/** Judges a range in order, from the file or by another reading of it. */
function inOrderBy(
  run: RunContext,
  { input, opened, args, window }: { input: Input; opened: OpenedPattern; args: VerifyArguments; window: Bounds },
) {
  const { from, to, limit, expected, expectBytes } = window;
  const { pattern } = opened;
  const total = Number.isFinite(to) ? { total: to - from } : {};
  const tick = async (at: number) => {
    run.progress({ done: at - from, bytes: at - from, label: pattern.name, ...total });
    await run.breathe();
    return !run.stopped;
  };
  return async (range: ScanRange, how: FeedOptions) => {
    const options = { pattern, startBytes: range.from, file: pathText(args.file) };
    // A window ends where it ends: the stream continues behind it, and nothing is missing there.
    const cut = expected !== undefined && expected > limit && (input.sizeBytes ?? 0) >= limit;
    const openEnd = cut || range.to < to;
    const endBytes = openEnd ? expected : expectBytes;
    const judge = new Judge({ ...options, openEnd, ...(endBytes === undefined ? {} : { expectBytes: endBytes }) });
    const fed = await judgeInOrder(input, judge, range, tick, how);
    return { fed, judgement: judge.finish({ cut: fed.stopped }) };
  };
}

/** What fio wrote is judged block by block, each by its own header. */
async function byFio(run: RunContext, input: Input, { file: path, expectBytes }: VerifyArguments) {
  const { judgeFio } = await import("./fio.ts");
  const total = input.sizeBytes ?? 0;
  const judged = (reading?: ReadAtMost) => {
    const tick = async (at: number) => {
      run.progress({ done: at, bytes: at, label: "fio", total });
      await run.breathe();
      return !run.stopped;
    };
    return judgeFio(input, expectBytes, { tick, reading });
  };
  const { judgement, payload, stopped } = await judged();
  const first = { path, range: { from: 0, to: total }, findings: judgement.findings };
  const second = async (_: ScanRange, reading: ReadAtMost) => {
    const { judgement, stopped } = await judged(reading);
    return stopped ? undefined : judgement.findings;
  };
  const findings = stopped ? first.findings : await again(input, first, second);
  assertSame(input);
  const lengthUnknown = expectBytes === undefined && findings.length === 0;
  return scanOutcome({
    ...{ judgement, findings, stopped, lengthChecked: expectBytes !== undefined, lengthUnknown },
    ...(payload && { payload }),
  });
}

// Loaded by the runs that need it: to load it all takes longer than to judge a clean megabyte.
async function again(...asked: Parameters<typeof import("./again.ts").readAgain>) {
  const [, { findings }] = asked;
  return findings.length === 0 ? [] : (await import("./again.ts")).readAgain(...asked);
}

/** Streams have no position: what comes before the offset is read and not judged. */
function begin(input: Input, offset: number): void {
  const end = input.sizeBytes ?? skip(input, offset);
  if (end >= offset) return;
  throw new UsageError(`--offset ${offset} is beyond the end of ${input.fd.label}, which has ${end} bytes`);
}

function assertSame({ fd, stat }: Input): void {
  if (stat.kind !== "file") return;
  const after = statFd(fd);
  if (after.mtimeNs === stat.mtimeNs && after.sizeBytes === stat.sizeBytes) return;
  throw new Inconclusive(`${fd.label} was changed while it was read`);
}
