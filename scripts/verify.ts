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
 * Holes of sparse files are found with SEEK_DATA and not read. A large file that comes faster than from a disk is compared
 * from its end by a second thread; with --jobs, workers compare ranges. If any of them finds a difference, one judge reads
 * the file in order and explains it. Needs nothing but read permission.
 */
import { pathBytes } from "../src/cli/args.ts";
import { isForElsewhere } from "../src/cli/describe.ts";
import { runReproducer } from "../src/cli/reproducer.ts";
import type { Path } from "../src/ops/file.ts";
import { GRAMMAR as PATTERN_GRAMMAR } from "../src/pattern/grammar.ts";
import { MARK_OPTIONS } from "../src/workload/scan/options.ts";

/** Loaded when the words are good: version, help and wrong words load the desk alone. */
const judging = () => require("../src/workload/scan/verify.ts") as typeof import("../src/workload/scan/verify.ts");

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
  prepare: () => import("../src/workload/scan/verify.ts"),
  breathes: true,
  check: (args) => judging().whyNot(asked(args), { elsewhere: isForElsewhere() }),
  run: async (run) => {
    const outcome = await judging().verify(run, { ...run.args, ...asked(run.args) });
    if (run.args.svg === undefined) return outcome;
    const { renderSvg } = await import("../src/report/svg.ts");
    const { withGaps } = await import("../src/report/strip.ts");
    const { pathText } = await import("../src/ops/file.ts");
    const segments = withGaps(outcome.segments ?? [], outcome.findings);
    return { ...outcome, documents: { svg: renderSvg(segments, { title: pathText(asked(run.args).file) }) } };
  },
});

/** Without a FILE, standard input; the pattern as the kernel has it, for a reference whose path is not UTF-8. */
function asked<Args extends { file?: Path; pattern: string }>(args: Args) {
  return { ...args, file: args.file ?? "-", patternBytes: pathBytes(args.pattern) };
}
