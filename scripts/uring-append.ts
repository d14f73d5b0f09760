/**
 * uring-append: does an io_uring append to an O_APPEND file on XFS write part of its data twice?
 *
 * What is exercised: buffered writev through io_uring with O_APPEND and offset -1. The kernel tries each write inline
 * with IOCB_NOWAIT; when that attempt stops half-way, a worker repeats the write at the new end of file.
 * What broken looks like: the completion reports "all written", the file is longer than the sum of the completions, and
 * the part that was already there is repeated, from a page boundary on. No error is ever returned.
 * Since when, fixed by: async buffered writes (v6.0) until "iomap: advance the iter directly on buffered writes"
 * (1a1a3b574b97, v6.15); stable: "iomap: don't revert iov_iter on partially completed buffered writes" (6.1.176, 6.12.94).
 * Needs: io_uring. The bug lives in XFS; without a PREFIX and as root the script makes an XFS of its own.
 * Run: bun run uring-append.ts [PREFIX] [SECONDS=60] [FILE_MB=48]
 */
import {
  allocate,
  MiB,
  missing,
  type Outcome,
  Pressure,
  type Run,
  runReproducer,
  sqe,
  tryWrite,
  tryWriteVectors,
} from "bytewitness";
import { ERRNO } from "bytewitness/uapi";
import type { Arguments } from "../src/cli/args.ts";
import { jobIdentity, mergeJobs, runJobs } from "../src/cli/jobs.ts";
import { argumentWords } from "../src/cli/replay.ts";
import { pathText } from "../src/ops/file.ts";
import { keepEvidence } from "../src/place/evidence.ts";
import { cleanLeftovers } from "../src/place/leftovers.ts";
import { chooseTarget, type Target } from "../src/place/target.ts";
import { DOOR_NAMES, type Ways } from "../src/workload/append/doors.ts";
import { type AppendSpecs, appendOptions } from "../src/workload/append/options.ts";
import { appendProgramOf, lookAgain, mergeSeries } from "../src/workload/append/outcome.ts";
import { chunkBytesMax } from "../src/workload/append/plan.ts";
import { runSeries, type SeriesOutcome } from "../src/workload/append/series.ts";

const name = "uring-append";

/** The calls, one after the other as they are made. What a call did not take is asked for again, as any caller does. */
const WAYS: Ways = {
  /** One request, or a chunk's pieces linked: the kernel tries each inline (IOCB_NOWAIT), io-wq does what that left. */
  uring: ({ ring, file, pieces, around }) => {
    for (const [tag, { vectors, offsetBytes, flags, sqeFlags }] of pieces.entries()) {
      ring.queue(sqe.writev(file, vectors, { offsetBytes, flags }), { tag, flags: sqeFlags });
    }
    around(() => ring.submit()); // the inline attempt is in here
    const results = pieces.map(() => -ERRNO.ECANCELED); // what follows a short piece is cancelled
    for (let missing = pieces.length; missing > 0; ) {
      ring.submitAndWait(1);
      for (const { tag, result } of ring.completions()) {
        results[tag] = result;
        missing -= 1;
      }
    }
    return results;
  },
  /** The same inline attempt, asked for by the caller: RWF_NOWAIT. What it refuses is asked for again without. */
  pwritev2: ({ file, vectors, offsetBytes, flags, around }) =>
    around(() => tryWriteVectors(file, vectors, { offsetBytes, flags })),
  /** Never an inline attempt. */
  write: ({ file, buffer, part, around }) => around(() => tryWrite(file, buffer, part)),
};

/** Copies, when the files' file system ends with the run; else they stay where they are. */
function kept(run: Run<unknown>, target: Target, files: readonly string[]) {
  if (target.vanishes) return keepEvidence(name, files, run.narrate);
  return { copied: new Map(files.map((file) => [file, file])), paths: files, lines: [] };
}

/** What a reader of the verdict must know of the place. */
function conditionsOf({ filesystem: { type } }: Target): string[] {
  if (type === "xfs") return [];
  return [`this file system is ${type}; the report's bug lives in XFS, so "clean" proves little here`];
}

function evidenceSection(lines: readonly string[]) {
  return lines.length === 0 ? [] : [{ title: "Evidence that could not be kept", lines }];
}

/** The same run in several processes at once; what a killed one leaves behind is removed. */
async function inJobs(run: Run<Arguments<AppendSpecs>>, target: Target): Promise<Outcome> {
  const { jobs, seconds } = run.args;
  const words = argumentWords(appendOptions, { ...run.args, prefix: pathText(target.prefix), jobs: 1 });
  const ends = await runJobs({ count: jobs, words, run, seconds });
  // What a killed job has made is in its register.
  for (const line of cleanLeftovers()) run.narrate(line);
  const merged = mergeJobs(ends);
  const { paths, lines } = kept(run, target, merged.artifacts ?? []);
  return { ...merged, artifacts: paths, sections: [...(merged.sections ?? []), ...evidenceSection(lines)] };
}

/** Under which conditions the run was made, and what became of its evidence. */
function conditionSections(lines: readonly string[], evidence: readonly string[]) {
  return [{ title: "Conditions", lines }, ...evidenceSection(evidence)];
}

await runReproducer({
  name,
  summary: "appends through io_uring and checks that every byte is there once, where it belongs",
  ownTimeline: true,
  known: {
    fix: "iomap: don't revert iov_iter on partially completed buffered writes",
    firstFixed: ["6.1.176", "6.12.94", "6.15"],
    affectedSince: "6.0",
    source: "changelogs of linux 6.1.176-1 and 6.12.94-1; mainline 1a1a3b574b97, v6.15",
  },
  ...appendOptions,
  requires: [
    {
      name: "io_uring",
      probe: ({ door }) => (door === "all" || door.startsWith("uring") ? missing.ioUring() : undefined),
    },
  ],
  check: ({ chunkMin, chunkMax, jobs, prefix }) => {
    if (chunkMin > chunkMax) return `--chunk-min ${chunkMin} is larger than --chunk-max ${chunkMax}; swap them`;
    if (jobs > 1 && prefix instanceof Uint8Array) return "--jobs needs a PREFIX in UTF-8; run one job, or rename it";
    return undefined;
  },

  run: async (run) => {
    const { args } = run;
    const job = jobIdentity();
    const chunkBytes = { min: args.chunkMin, max: args.chunkMax };
    const plan = { seed: run.seed, fileBytes: args.fileMb * MiB, chunkBytes };

    // A file can pass its target by one chunk, and an affected kernel can write a chunk twice.
    const neededBytes = (plan.fileBytes + 2 * chunkBytesMax(plan)) * args.jobs;
    const target = chooseTarget({ prefix: args.prefix, name: "repro", neededBytes, defer: run.defer, job });
    if (target.description !== undefined) run.narrate(`files go to ${target.description}`);
    const { type, options } = target.filesystem;
    const about = conditionsOf(target);
    for (const line of about) run.narrate(line);
    const where = { filesystem: type, ...(options !== undefined && { mountOptions: options }) };
    if (args.jobs > 1) return { ...(await inJobs(run, target)), ...where };

    // The buffer is filled before any memory limit is set: it must not count against the page cache's headroom.
    using buffer = allocate(Math.max(chunkBytesMax(plan), args.pressure === "none" ? 0 : 64 * MiB));
    buffer.bytes.fill(0xff, 0, chunkBytesMax(plan));
    using pressure = Pressure.start({
      mode: args.pressure,
      directory: target.directory,
      appendBytesMax: buffer.lengthBytes,
      chunkFixed: args.chunkMin !== MiB || args.chunkMax !== 24 * MiB,
      narrate: run.narrate,
    });
    run.narrate(`pressure: ${pressure.line}`);

    const doors = args.door === "all" ? DOOR_NAMES : [args.door];
    const results: SeriesOutcome[] = [];
    for (const door of doors) {
      const prefix = doors.length === 1 ? target.prefix : `${pathText(target.prefix)}.${door}`;
      const series = await runSeries(
        {
          ...{ prefix, door, ways: WAYS, plan, buffer, pressure },
          seconds: Math.min(args.seconds, job?.secondsLeft ?? args.seconds) / doors.length,
          numbering: { first: job?.index ?? 0, step: job?.count ?? 1 },
          filesMax: args.files,
          appendsMax: args.appends,
          queueDepth: args.queueDepth,
          async: args.async,
          fsync: args.fsync,
          keep: args.keep,
          inject: job === undefined || job.index === 0 ? args.inject : undefined,
        },
        run,
      );
      results.push(series);
      if (run.stopped) break;
    }

    const merged = mergeSeries(results);
    const refused = results.find((result) => result.refused !== undefined)?.refused;
    const evidence = kept(
      run,
      target,
      merged.kept.map(({ path }) => pathText(path)),
    );
    return {
      ...merged,
      ...where,
      artifacts: evidence.paths,
      ...appendProgramOf(merged.findings, args.door, pressure.settings),
      workload: { prefix: pathText(target.prefix), pressure: pressure.settings },
      sections: [
        ...(merged.sections ?? []),
        ...lookAgain(
          merged.kept.filter((file) => evidence.copied.has(pathText(file.path))),
          evidence.paths,
        ),
        ...conditionSections([...about, `pressure: ${pressure.line}`], evidence.lines),
      ],
      ...pressure.verdict,
      // A refused call ends the run early; what it verified before is reported, but it is not the run that was asked for.
      ...(refused === undefined ? {} : { verdict: "inconclusive", reason: `the run ended early: ${refused.message}` }),
    };
  },
});
