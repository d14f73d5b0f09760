#!/usr/bin/env bun
/**
 * append-tear: is one append still one piece, when others append to the same file?
 *
 * What is exercised: a large io_uring append (O_APPEND, offset -1) while another writer appends small records by plain
 * write(2). The kernel tries the large one inline; stopped half-way (by a device that takes no more, or by writeback
 * that holds the inode), it lets go of the file, and a worker appends the rest later, behind whatever came between.
 * What broken looks like: a record whose single completion returned "all written" lies in two pieces with another writer's
 * bytes between. Nothing is lost and nothing is repeated, so no sum of sizes shows it.
 * Since when, fixed by: XFS since async buffered writes (v6.0); the fixes of report 1 do not change it; unfixed in 7.2.
 * Needs: io_uring and XFS. Without DIR and as root the script makes an XFS of its own, whose device takes 4 MiB at a
 * time (Linux 6.2 and later). Elsewhere a loop of sync_file_range(2) replaces it, a hundred times weaker.
 * Run: bun run append-tear.ts [DIR] [SECONDS=30] [--control all]
 */
import {
  type LogRaceResult,
  MiB,
  mergeRaces,
  prepareStage,
  raceLog,
  rateText,
  runReproducer,
  type WriterSpec,
} from "bytewitness";

/**
 * Who races in each case, and under what. Writer 0 sends the records that may tear. The calls of a writer, in their
 * order, are in src/workload/record-writer.ts: fill, fdatasync, futimens (without it nothing is tried inline), append.
 */
function racers(largeBytes: number, smallBytes: number, help: Pick<WriterSpec, "sync" | "pressureFor">) {
  const large = { recordBytes: largeBytes, prime: true, ...help };
  const other: WriterSpec = { door: "write", recordBytes: smallBytes, gapUs: 100 };
  return {
    none: [{ door: "uring", ...large }, other],
    // Controls: each takes one ingredient away, and every record must then lie whole.
    async: [{ door: "uring-async", ...large }, other],
    linked: [{ door: "uring", ...large, second: { recordBytes: smallBytes, linked: true } }],
    write: [{ door: "write", ...large }, other],
    "no-writeback": [{ door: "uring", ...large }, other],
  } satisfies Record<string, readonly WriterSpec[]>;
}
const CONTROLS = ["async", "linked", "write", "no-writeback"] as const;

const PROMISES = [
  'open(2) documents for O_APPEND that "the modification of the file offset and the write operation are performed as a single',
  'atomic step", and POSIX (write) that "no intervening file modification operation shall occur" between them: each piece',
  "of an append lands at the end of the file and overwrites nothing. Neither promises that one io_uring request is one write",
  "operation: io_uring_enter(2) promises no order among requests that are not linked, and POSIX (write, rationale)",
  '"does not specify behavior of concurrent writes to a file from multiple processes".',
];

await runReproducer({
  name: "append-tear",
  summary: "large io_uring appends alongside small plain ones: do records stay whole?",
  known: { fix: "", firstFixed: [], affectedSince: "6.0", source: "torn on every kernel tried, 6.1.170 to 7.2.13" },
  positionals: {
    dir: { kind: "path", optional: true, description: "where files go (else BYTEWITNESS_DIR, its own XFS, TMPDIR)" },
    seconds: { kind: "duration", default: "30s", description: "how long to race, all cases together" },
  },
  options: {
    torn: { kind: "count", default: 20, min: 1, description: "stop when this many records are torn" },
    large: { kind: "size", optional: true, min: 64, description: "large records (4MiB; 8MiB without a dirty limit)" },
    small: { kind: "size", default: "4KiB", min: 64, description: "small records" },
    dirtyLimit: {
      onlyWith: { control: { not: "no-writeback" } },
      kind: "size",
      optional: true,
      description: "dirty pages of the device (4MiB on its own XFS)",
    },
    control: { kind: "choice", choices: ["none", ...CONTROLS, "all"], default: "none", description: "must stay whole" },
  },
  check: ({ large = 64, small }) => {
    if (large % 8 !== 0 || small % 8 !== 0) return "--large and --small must be multiples of 8 bytes";
    return Math.max(large, small) > 16 * MiB ? "--large and --small are at most 16MiB" : undefined;
  },

  run: async (run) => {
    const { dir: directory, seconds, torn: tornMax, dirtyLimit: bytes, control, small } = run.args;
    const stage = prepareStage(run, { name: "append-tear", directory, neededBytes: 256 * MiB });
    const results: LogRaceResult[] = [];
    const lines: string[] = [];

    const names = control === "all" ? CONTROLS : ([control] as const);
    const endsAt = run.elapsedSeconds + seconds;
    for (const [index, name] of names.entries()) {
      // What stops the inline write half-way: a device that takes little; elsewhere a memory group's limit where cgroup2
      // allows one, and writeback that holds the inode.
      const quiet = name === "no-writeback";
      using slow = quiet ? undefined : await stage.slowDown({ bytes, ownBytes: 4 * MiB });
      const elsewhere = !quiet && slow === undefined;
      const largeBytes = run.args.large ?? (elsewhere ? 8 * MiB : 4 * MiB);
      // fdatasync before each large record: while the device holds others back, no inline write begins.
      const help = { sync: slow !== undefined, pressureFor: elsewhere ? stage.directory : undefined };
      const result = await raceLog(run, stage, {
        writers: racers(largeBytes, small, help)[name],
        writebackEveryUs: elsewhere ? 100 : undefined,
        seconds: Math.max(0, endsAt - run.elapsedSeconds) / (names.length - index), // making threads takes time, too
        tornMax,
        firstFile: results.reduce((files, { totals }) => files + totals.files, 0),
      });
      results.push(result);
      const { torn, records, firstTornSeconds } = result;
      const first = firstTornSeconds === undefined ? "" : `; the first within ${firstTornSeconds.toFixed(1)} s`;
      const title = name === "none" ? "io_uring alongside write" : `control ${name}`;
      lines.push(`${title.padEnd(21)} torn ${rateText({ hits: torn, attempts: records })}${first}`);
      if (run.stopped) break;
    }
    return {
      ...mergeRaces(results, { listedMax: 5 }),
      ...stage.where,
      sections: [
        { title: "Large records in pieces", lines },
        { title: "What was promised", lines: PROMISES },
        { title: "Conditions", lines: stage.conditions },
      ],
    };
  },
});
