#!/usr/bin/env bun
/**
 * fill: the writer that goes with verify: bytes that record where they belong, into a file, a block device or a pipe, so that
 * a copy, a backup, a tunnel, a network file system can be tested by whoever carries them.
 *
 *   bun run fill.ts FILE --bytes 10GiB                      a new file; never an existing one
 *   bun run fill.ts - --bytes 1TiB | ssh HOST … | bun run verify.ts - --expect-bytes 1TiB
 *   bun run fill.ts /dev/sdX --write direct                 all of a device that nothing uses and that holds nothing
 *   bun run fill.ts FILE --bytes 10GiB --resume             what is there is verified, then it continues
 *
 * The last line is the command that verifies it. With -, stdout is the data and everything else goes to stderr. A device
 * that is mounted (or swap, or part of another device) is refused always, one that holds something unless
 * --overwrite-device confirms that it may be lost.
 */
import { bytesText, isSyscallError, runCommand, UsageError } from "bytewitness";
import { abortable, signalName } from "../src/cli/interruption.ts";
import { Progress } from "../src/cli/progress.ts";
import { isTerminal, oneLine, printLine, printProblem } from "../src/cli/streams.ts";
import { commandLine, commandOf } from "../src/machine/invocation.ts";
import { type Path, pathText } from "../src/ops/file.ts";
import { Interrupted, pendingSignal } from "../src/ops/signals.ts";
import { GRAMMAR as PATTERN_GRAMMAR } from "../src/pattern/grammar.ts";
import { lines } from "../src/pattern/lines.ts";
import { parsePattern } from "../src/pattern/spec.ts";
import { EXIT } from "../src/report/document.ts";
import { grouped, plural } from "../src/units.ts";
import { fill } from "../src/workload/fill/fill.ts";
import { openTarget, reopenTarget, WRITE_MODES, type WriteMode } from "../src/workload/fill/target.ts";
import { MARK_OPTIONS } from "../src/workload/scan/options.ts";

const BYTES_OF_A_LOOK = 16 * 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;

/** Standard output has no end to go on from, and nothing to sync. */
const NO_STREAM = { file: { not: "-" } } as const;

await runCommand({
  name: "fill",
  summary: "write bytes that record where they belong, for verify.ts to judge",
  positionals: { file: { kind: "path", description: "a new file, a block device, a FIFO; - is standard output" } },
  options: {
    bytes: { kind: "size", min: 1, optional: true, description: "how much; a device's own size unless given" },
    pattern: { kind: "text", default: "counter", description: PATTERN_GRAMMAR.replace(/, reference.*/, "") },
    ...MARK_OPTIONS,
    write: {
      onlyWith: NO_STREAM,
      kind: "choice",
      choices: WRITE_MODES,
      default: "buffered",
      description: "buffered; fsync: the same, and fsync at the end; direct: O_DIRECT, and fsync at the end",
    },
    block: {
      kind: "size",
      min: 512,
      max: 256 * 1024 * 1024,
      default: String(BLOCK_BYTES),
      description: "bytes of one write",
    },
    resume: { onlyWith: NO_STREAM, kind: "flag", description: "verify what is there, and go on where it ends" },
    overwriteDevice: {
      onlyWith: NO_STREAM,
      kind: "flag",
      description: "a device may lose what it holds (one in use is refused all the same)",
    },
    quiet: { kind: "flag", description: "no progress on stderr" },
  },
  run: ({ args, print }) =>
    abortable(
      () => run(args, print),
      (line) => printProblem("fill", line),
    ),
});

async function run(args: FillArgs, print: (line: string) => void): Promise<number> {
  const path = args.file ?? "-";
  const pattern = patternOf(args);
  if (args.write === "direct" && args.block % 4096 !== 0)
    throw new UsageError("--write direct: --block is a multiple of 4096");
  const options = { path, bytes: args.bytes, mode: args.write, overwriteDevice: args.overwriteDevice };
  const target = args.resume ? reopenTarget(options, pattern) : openTarget(options);
  const progress = new Progress({ quiet: args.quiet, terminal: isTerminal(2) });
  const { doneBytes, bytes, kind } = target;
  if (doneBytes > 0) progress.narrate(`${plural(doneBytes, "byte")} are there and right: going on behind them`);

  const started = performance.now();
  let at = doneBytes;
  let lookAt = 0;
  const goOn = async (reached: number) => {
    at = reached;
    if (pendingSignal() !== 0) return false;
    if (reached < lookAt) return true;
    lookAt = reached + BYTES_OF_A_LOOK;
    progress.update({ done: reached, total: bytes, bytes: reached - doneBytes, label: pattern.name });
    // Signals are answered when the event loop turns.
    await new Promise(setImmediate);
    return true;
  };
  let problem: string | undefined;
  try {
    at = await fill({ target, pattern, mode: args.write, blockBytes: args.block }, goOn);
    if (at < bytes) problem = stopped();
    if (kind !== "stream") target.fd.close();
  } catch (error) {
    if (!isSyscallError(error) && !(error instanceof Interrupted)) throw error;
    problem = isSyscallError(error) ? error.message : stopped();
  }
  progress.clear();
  if (problem !== undefined) {
    const again = command("fill", { ...args, file: path }, ["--bytes", String(bytes), ...writing(args), "--resume"]);
    const stays = kind === "stream" ? "" : `; what is there stays: ${again}`;
    printProblem("fill", `${problem}, after ${grouped(at)} of ${plural(bytes, "byte")}${stays}`);
    return EXIT.inconclusive;
  }
  // Where stdout is the data, everything else is on stderr.
  const narrate = target.isStdout === true ? (line: string) => printLine(line) : print;
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  narrate(`${writtenText(bytes - doneBytes)} written to ${oneLine(pathText(path))} in ${seconds} s`);
  // Who reads a pipe has the bytes, and the pipe none any more.
  const file = kind === "stream" ? "-" : path;
  // What is behind the filled part of a device is not too much.
  narrate(command("verify", { ...args, file }, [target.isLonger ? "--length" : "--expect-bytes", String(bytes)]));
  return EXIT.clean;
}

interface FillArgs extends Args {
  readonly file?: Path;
  readonly bytes: number | undefined;
  readonly write: WriteMode;
  readonly block: number;
  readonly resume: boolean;
  readonly overwriteDevice: boolean;
  readonly quiet: boolean;
}

function stopped(): string {
  return `stopped by ${signalName(pendingSignal())}`;
}

/** "3.00 MiB (3,145,728 bytes)", and below 1 KiB the count alone. */
function writtenText(bytes: number): string {
  return bytes < 1024 ? plural(bytes, "byte") : `${bytesText(bytes)} (${plural(bytes, "byte")})`;
}

/** The flags that state how it is written, where they are not the defaults. */
function writing({ write, block, overwriteDevice }: FillArgs): string[] {
  return [
    ...(write === "buffered" ? [] : ["--write", write]),
    ...(block === BLOCK_BYTES ? [] : ["--block", String(block)]),
    ...(overwriteDevice ? ["--overwrite-device"] : []),
  ];
}

type Args = Parameters<typeof parsePattern>[0];

function patternOf(args: Args) {
  try {
    const spec = parsePattern(args);
    if (spec.kind === "stream") return spec.pattern;
    if (spec.kind === "lines") return lines(spec.options);
    throw new UsageError(`--pattern ${spec.kind} is for verify.ts; fill.ts writes patterns of its own`);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

/** A command line that works when pasted. */
function command(script: string, args: Args & { readonly file: Path }, more: readonly string[]): string {
  const words: (string | Uint8Array)[] = [args.file];
  if (args.pattern !== "counter") words.push("--pattern", args.pattern);
  if (args.generation !== 0) words.push("--generation", String(args.generation));
  if (args.writer !== 0) words.push("--writer", String(args.writer));
  if (args.recordBytes !== 4096) words.push("--record-bytes", String(args.recordBytes));
  return commandLine(commandOf(script), [...words, ...more]);
}
