#!/usr/bin/env bun
/**
 * verify: the judge alone, on any file, block device, pipe or stream; explains every byte that is not as it should be.
 *
 *   bun run verify.ts FILE                                  report 1's pattern: the u64 at byte 8j holds j
 *   bun run verify.ts FILE --pattern reference:ORIGINAL     the same bytes as another file, FIFO or <(command)
 *   nc -l 4000 | bun run verify.ts - --pattern zero         report 2's quick test: anything but zeros is wrong
 *   bun run verify.ts FILE --pattern lines                  text whose lines are numbered (seq 1 1000000, logs)
 *   bun run verify.ts FILE --pattern fio                    blocks that fio(1) wrote with verify=crc32c, md5, meta, …
 *   bun run verify.ts /dev/sdX --jobs 2 --pattern counter:width=32,unit=sectors
 *
 * Holes of sparse files are found with SEEK_DATA and not read. With --jobs, workers compare ranges; if any of them
 * finds a difference, one judge reads the file in order and explains it. Needs nothing but read permission.
 */
import { pathBytes } from "../src/cli/args.ts";
import { runReproducer } from "../src/cli/reproducer.ts";
import type { Judgement } from "../src/judge/finding.ts";
import { Judge } from "../src/judge/judge.ts";
import { Inconclusive, UsageError } from "../src/ops/errors.ts";
import { type Path, pathText } from "../src/ops/file.ts";
import { statFd } from "../src/ops/stat.ts";
import { GRAMMAR as PATTERN_GRAMMAR } from "../src/pattern/spec.ts";
import type { RunContext } from "../src/workload/context.ts";
import { type Input, isCharacterDevice, openInput, whyUnreadable } from "../src/workload/scan/input.ts";
import { MARK_OPTIONS } from "../src/workload/scan/options.ts";
import { scanOutcome } from "../src/workload/scan/outcome.ts";
import { openPattern, referencePath, whyNoPattern } from "../src/workload/scan/patterns.ts";
import {
  type Fed,
  intact,
  intactInParallel,
  judgeInOrder,
  type ReadAtMost,
  type ScanRange,
  skip,
} from "../src/workload/scan/scan.ts";

const NOT_FIO = { pattern: { not: "fio" } } as const;

await runReproducer({
  name: "verify",
  summary: "judge a file, a device or a stream, and explain every byte",
  positionals: { file: { kind: "path", description: "what to judge; - is standard input" } },
  options: {
    pattern: { kind: "text", default: "counter", description: PATTERN_GRAMMAR },
    ...MARK_OPTIONS,
    expectBytes: { kind: "size", optional: true, description: "length of the stream; a reference has its own" },
    // What fio wrote is judged whole, in order, by its own headers.
    offset: { onlyWith: NOT_FIO, kind: "size", default: "0", description: "begin at this byte" },
    length: { onlyWith: NOT_FIO, kind: "size", optional: true, description: "judge only so many bytes" },
    jobs: {
      onlyWith: { ...NOT_FIO, file: { not: "-" } },
      kind: "count",
      default: 1,
      min: 1,
      max: 64,
      description: "workers that compare ranges",
    },
    svg: {
      onlyWith: NOT_FIO,
      kind: "path",
      newFile: true,
      optional: true,
      description: "draw the map of the file into this new file",
    },
  },
  check: (args) => {
    const file = args.file ?? "-";
    const reference = referencePath(pathBytes(args.pattern));
    if (pathText(file) === "-" && reference !== undefined && pathText(reference) === "-")
      return "standard input cannot be both the file and the reference";
    const reason = whyUnreadable(file) ?? whyNoPattern(args, reference);
    if (reason !== undefined) return reason;
    if (args.length === undefined && isCharacterDevice(file))
      return `${pathText(file)} is a character device, which need not have an end: give --length`;
    return undefined;
  },
  run: async (run) => {
    const { args } = run;
    const path = args.file ?? "-";
    const { offset: from } = args;
    const input = openInput(path);
    const reference = referencePath(pathBytes(args.pattern));
    if (args.pattern === "fio") return byFio(run, { path, input, expectBytes: args.expectBytes });
    const { pattern, endBytes, reopenable, doubt, assertUnchanged } = openPattern(args, reference, input);
    begin(input, from);
    const limit = args.length === undefined ? Infinity : from + args.length;
    const expected = args.expectBytes ?? endBytes;
    const expectBytes = expected === undefined ? undefined : Math.min(expected, limit);
    const to = Math.min(input.sizeBytes ?? Infinity, limit);
    const total = Number.isFinite(to) ? { total: to - from } : {};
    const show = (bytes: number) => run.progress({ done: bytes, bytes, label: pattern.name, ...total });

    const inOrder = async (range: ScanRange, reading?: ReadAtMost) => {
      const options = { pattern, startBytes: range.from, file: pathText(path) };
      // A window ends where it ends: the stream continues behind it, and nothing is missing there.
      const cut = expected !== undefined && expected > limit && (input.sizeBytes ?? 0) >= limit;
      const openEnd = cut || range.to < to;
      const endBytes = openEnd ? expected : expectBytes;
      const judge = new Judge({ ...options, openEnd, ...(endBytes === undefined ? {} : { expectBytes: endBytes }) });
      const tick = async (at: number) => {
        show(at - from);
        await run.breathe();
        return !run.stopped;
      };
      const fed = await judgeInOrder(input, judge, range, tick, reading);
      return { fed, judgement: judge.finish({ cut: fed.stopped }) };
    };

    let judgement: Judgement | undefined;
    let fed: Partial<Fed> = {};
    let differs = false;
    if (args.jobs > 1 && reopenable && input.sizeBytes !== undefined && to > from && (expectBytes ?? to) === to) {
      const order = { path, args: { ...args }, reference, range: { from, to } };
      const right = await intactInParallel(order, args.jobs, (bytes) => {
        show(bytes);
        return !run.stopped;
      });
      if (right === true) judgement = intact(from, to);
      else if (right === false) run.narrate("a range differs: reading the whole in order to explain it");
      differs = right === false;
    }
    if (judgement === undefined) {
      const read = await inOrder({ from, to });
      const { endBytes, stopped } = read.fed;
      if (!stopped && input.sizeBytes !== undefined && endBytes < to)
        throw new Inconclusive(`${input.fd.label} shrank from ${input.sizeBytes} to ${endBytes} bytes as it was read`);
      ({ judgement, fed } = read);
    }
    const { stopped = false, unexplained = differs, endBytes: at } = fed;
    const first = { path, range: { from, to }, findings: judgement.findings };
    const second = async (range: ScanRange, reading: ReadAtMost) => {
      const { fed, judgement } = await inOrder(range, reading);
      return fed.stopped ? undefined : judgement.findings;
    };
    const findings = stopped ? first.findings : await again(input, first, second);
    const { segments } = judgement;
    const draw = async () => (await import("../src/report/svg.ts")).renderSvg(segments, { title: pathText(path) });
    assertUnchanged();
    assertSame(input);
    const lengthUnknown = expected === undefined && args.length === undefined;
    const open = { lengthChecked: expectBytes !== undefined, lengthUnknown, doubt };
    return {
      ...scanOutcome({ judgement, findings, stopped, unexplainedAt: unexplained ? at : undefined, ...open }),
      documents: args.svg === undefined ? {} : { svg: await draw() },
    };
  },
});

// Loaded by the runs that need it: to load it all takes longer than to judge a clean megabyte.
async function again(...asked: Parameters<typeof import("../src/workload/scan/again.ts").readAgain>) {
  const [, { findings }] = asked;
  return findings.length === 0 ? [] : (await import("../src/workload/scan/again.ts")).readAgain(...asked);
}

/** What fio wrote is judged block by block, each by its own header. */
async function byFio(
  run: RunContext,
  { path, input, expectBytes }: { path: Path; input: Input; expectBytes: number | undefined },
) {
  const { judgeFio } = await import("../src/workload/scan/fio.ts");
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

/** Streams have no position: what comes before the offset is read and not judged. */
function begin(input: Input, offset: number): void {
  const end = input.sizeBytes ?? skip(input.fd, offset);
  if (end >= offset) return;
  throw new UsageError(`--offset ${offset} is beyond the end of ${input.fd.label}, which has ${end} bytes`);
}

function assertSame({ fd, stat }: Input): void {
  if (stat.kind !== "file") return;
  const after = statFd(fd);
  if (after.mtimeNs === stat.mtimeNs && after.sizeBytes === stat.sizeBytes) return;
  throw new Inconclusive(`${fd.label} was changed while it was read`);
}
