#!/usr/bin/env bun
/**
 * verify: the judge alone, on any file, block device, pipe or stream; explains every byte that is not as it should be.
 *
 *   bun run verify.ts FILE                                  report 1's pattern: the u64 at byte 8j holds j
 *   bun run verify.ts FILE --pattern reference:ORIGINAL     the same bytes as another file
 *   nc -l 4000 | bun run verify.ts - --pattern zero         report 2's quick test: anything but zeros is wrong
 *   bun run verify.ts /dev/sdX --jobs 2 --svg map.svg
 *
 * Holes of sparse files are found with SEEK_DATA and not read. With --jobs, workers compare ranges; if any of them
 * finds a difference, one judge reads the file in order and explains it. Needs nothing but read permission.
 */
import {
  allocate,
  exists,
  Fd,
  Inconclusive,
  intact,
  intactInParallel,
  Judge,
  type Judgement,
  judgeInOrder,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  openFile,
  type Path,
  pathText,
  patternOf,
  renderSvg,
  runReproducer,
  SEEK_END,
  seek,
  skip,
  statFd,
  whyNoPattern,
  whyUnreadable,
  writeAll,
} from "bytewitness";

const PATTERN = /^(counter|tagged|zero|reference:.+)$/s;

await runReproducer({
  name: "verify",
  summary: "judge a file, a device or a stream, and explain every byte",
  positionals: { file: { kind: "path", description: "what to judge; - is standard input" } },
  options: {
    pattern: { kind: "text", default: "counter", description: "counter, tagged, zero or reference:FILE" },
    generation: { kind: "count", default: 0, max: 0xffffff, description: "generation of counter or tagged words" },
    writer: { kind: "count", default: 0, max: 255, description: "writer of tagged records" },
    recordBytes: { kind: "size", default: "4096", description: "length of tagged records" },
    expectBytes: { kind: "size", optional: true, description: "how long the stream is; a reference says it itself" },
    offset: { kind: "size", default: "0", description: "begin at this byte" },
    length: { kind: "size", optional: true, description: "judge only so many bytes" },
    jobs: { kind: "count", default: 1, min: 1, max: 64, description: "workers that compare ranges" },
    svg: { kind: "path", optional: true, description: "draw the map of the file into this new file" },
  },
  check: (args) => {
    if (!PATTERN.test(args.pattern)) return `--pattern is counter, tagged, zero or reference:FILE, not ${args.pattern}`;
    if (args.pattern.startsWith("reference:")) {
      const reason = whyUnreadable(args.pattern.slice("reference:".length));
      if (reason !== undefined) return `--pattern: ${reason}`;
    }
    if (args.svg !== undefined && exists(args.svg)) return `--svg: ${pathText(args.svg)} exists; name a new file`;
    return whyUnreadable(args.file ?? "-") ?? whyNoPattern(args);
  },
  run: async (run) => {
    const { args } = run;
    const path = args.file ?? "-";
    const stdin = pathText(path) === "-";
    const fd = stdin ? new Fd(0, "standard input") : openFile(path, O_RDONLY);
    const before = statFd(fd);
    const seekable = before.kind === "file" || before.kind === "block-device";
    const size = seekable ? seek(fd, 0, SEEK_END) : undefined;
    const { pattern, endBytes } = patternOf(args);
    const from = args.offset;
    const limit = args.length === undefined ? Infinity : from + args.length;
    const expected = args.expectBytes ?? endBytes;
    const expectBytes = expected === undefined ? undefined : Math.min(expected, limit);
    const to = Math.min(size ?? Infinity, limit);
    const total = Number.isFinite(to) ? { total: to - from } : {};
    const show = (bytes: number) => run.progress({ done: bytes, bytes, label: pattern.name, ...total });

    let judgement: Judgement | undefined;
    if (args.jobs > 1 && !stdin && size !== undefined && to > from && (expectBytes ?? to) === to) {
      const order = { path, args: { ...args }, range: { from, to } };
      if (await intactInParallel(order, args.jobs, show)) judgement = intact(from, to);
      else run.narrate("a range differs: reading the whole in order to explain it");
    }
    if (judgement === undefined) {
      const options = { pattern, startBytes: from, file: pathText(path) };
      const judge = new Judge(expectBytes === undefined ? options : { ...options, expectBytes });
      if (!seekable) await skip(fd, from);
      const end = await judgeInOrder(fd, judge, { from, to: seekable ? to : limit, seekable }, async (at) => {
        show(at - from);
        await run.breathe();
        return !run.stopped;
      });
      if (run.stopped) throw new Inconclusive("interrupted before the end");
      if (size !== undefined && end < to)
        throw new Inconclusive(`${fd.label} shrank from ${size} to ${end} bytes while it was read`);
      judgement = judge.finish();
    }
    const after = statFd(fd);
    if (before.kind === "file" && (after.mtimeNs !== before.mtimeNs || after.sizeBytes !== before.sizeBytes)) {
      throw new Inconclusive(`${fd.label} was changed while it was read`);
    }
    if (args.svg !== undefined) draw(args.svg, renderSvg(judgement.segments, { title: pathText(path) }));
    const { findings, findingsLeftOut, segments, verifiedBytes } = judgement;
    return { findings, findingsLeftOut, segments, totals: { bytesVerified: verifiedBytes, files: 1 } };
  },
});

function draw(path: Path, svg: string): void {
  const text = new TextEncoder().encode(svg);
  using memory = allocate(text.length);
  memory.bytes.set(text);
  using fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL);
  writeAll(fd, memory);
}
