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
import { Progress } from "../src/cli/progress.ts";
import { isTerminal, oneLine, printLine, printProblem } from "../src/cli/streams.ts";
import { commandLine, commandOf } from "../src/machine/invocation.ts";
import { pathText } from "../src/ops/file.ts";
import { lines } from "../src/pattern/lines.ts";
import { GRAMMAR as PATTERN_GRAMMAR } from "../src/pattern/grammar.ts";
import { parsePattern } from "../src/pattern/spec.ts";
import { EXIT } from "../src/report/document.ts";
import { fill } from "../src/workload/fill/fill.ts";
import { openTarget, reopenTarget, WRITE_MODES } from "../src/workload/fill/target.ts";
import { MARK_OPTIONS } from "../src/workload/scan/options.ts";

const BYTES_OF_A_LOOK = 16 * 1024 * 1024;

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
    block: { kind: "size", min: 512, max: 256 * 1024 * 1024, default: "1MiB", description: "bytes of one write" },
    resume: { onlyWith: NO_STREAM, kind: "flag", description: "verify what is there, and go on where it ends" },
    overwriteDevice: {
      onlyWith: NO_STREAM,
      kind: "flag",
      description: "a device may lose what it holds (one in use is refused all the same)",
    },
    quiet: { kind: "flag", description: "no progress on stderr" },
  },
  run: async ({ args, print }) => {
    const path = args.file ?? "-";
    const label = pathText(path);
    const pattern = patternOf(args);
    if (args.write === "direct" && args.block % 4096 !== 0)
      throw new UsageError("--write direct: --block is a multiple of 4096");
    const options = { path, bytes: args.bytes, mode: args.write, overwriteDevice: args.overwriteDevice };
    const target = args.resume ? reopenTarget(options, pattern) : openTarget(options);
    const progress = new Progress({ quiet: args.quiet, terminal: isTerminal(2) });
    const narrate = label === "-" ? (line: string) => printLine(line) : print;
    const { doneBytes, bytes, kind } = target;
    if (doneBytes > 0) progress.narrate(`${doneBytes} bytes are there and right: going on behind them`);

    const started = performance.now();
    let at = doneBytes;
    let lookAt = 0;
    try {
      at = await fill({ target, pattern, mode: args.write, blockBytes: args.block }, async (reached) => {
        at = reached;
        if (reached < lookAt) return true;
        lookAt = reached + BYTES_OF_A_LOOK;
        progress.update({ done: reached, total: bytes, bytes: reached - doneBytes, label: pattern.name });
        return true;
      });
      if (kind !== "stream") target.fd.close();
    } catch (error) {
      progress.clear();
      if (!isSyscallError(error)) throw error;
      const again =
        kind === "stream"
          ? ""
          : `; what is there stays: ${command("fill", path, args, ["--bytes", String(bytes), "--resume"])}`;
      printProblem("fill", `${error.message}, after ${at} of ${bytes} bytes${again}`);
      return EXIT.inconclusive;
    }
    progress.clear();
    const seconds = (performance.now() - started) / 1000;
    narrate(
      `${bytesText(bytes - doneBytes)} (${bytes - doneBytes} bytes) written to ${oneLine(label)} in ${seconds.toFixed(2)} s`,
    );
    // What is behind the filled part of a device is not too much.
    narrate(command("verify", path, args, [target.isLonger ? "--length" : "--expect-bytes", String(bytes)]));
    return EXIT.clean;
  },
});

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
function command(script: string, path: string | Uint8Array, args: Args, more: readonly string[]): string {
  const words: (string | Uint8Array)[] = [path];
  if (args.pattern !== "counter") words.push("--pattern", args.pattern);
  if (args.generation !== 0) words.push("--generation", String(args.generation));
  if (args.writer !== 0) words.push("--writer", String(args.writer));
  if (args.recordBytes !== 4096) words.push("--record-bytes", String(args.recordBytes));
  return commandLine(commandOf(script), [...words, ...more]);
}
