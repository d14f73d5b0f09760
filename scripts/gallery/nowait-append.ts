#!/usr/bin/env bun
/**
 * nowait-append: does a refused append grow the file all the same, so that a correct retry writes data twice?
 *
 * What is exercised: pwritev2(2) with RWF_NOWAIT on an O_APPEND file, and what any correct caller does with its answer:
 * the bytes that were not reported as written are written again. It is report 1 without io_uring.
 * What broken looks like: the call reports -EAGAIN (or a short count) while the file grew by more; the retry appends the
 * same bytes once more, and they are in the file twice.
 * Since when, fixed by: XFS since buffered NOWAIT writes (v6.0) until "iomap: advance the iter directly on buffered
 * writes" (1a1a3b574b97, v6.15); stable: "iomap: don't revert iov_iter on partially completed buffered writes"
 * (6.1.176, 6.12.94).
 * Needs: a file system with buffered NOWAIT writes (XFS, btrfs); without DIR and as root the script makes an XFS of its
 * own. The path is entered only under pressure: a cgroup2 memory limit, or a device that takes little at a time.
 * Run: bun run nowait-append.ts [DIR] [SECONDS=10]
 */
import {
  allocate,
  appendProgramOf,
  counter,
  IoVectors,
  judgeFile,
  MiB,
  PRESSURES,
  Pressure,
  prepareStage,
  runReproducer,
  SyscallError,
  statFd,
  sync,
  tryWriteVectors,
  writeAll,
} from "bytewitness";
import { ERRNO, RWF_NOWAIT } from "bytewitness/uapi";

const NO_NOWAIT = "buffered RWF_NOWAIT writes: XFS has them since v6.0, other file systems later or never";

const OWN_XFS = process.geteuid?.() === 0 ? "" : "; as root it has an XFS of its own";

await runReproducer({
  name: "nowait-append",
  summary: "pwritev2(RWF_NOWAIT) on O_APPEND, retried as a correct caller does",
  ownTimeline: true,
  known: {
    fix: "iomap: don't revert iov_iter on partially completed buffered writes",
    firstFixed: ["6.1.176", "6.12.94", "6.15"],
    affectedSince: "6.0",
    source: "changelogs of linux 6.1.176-1 and 6.12.94-1; mainline 1a1a3b574b97, v6.15",
  },
  positionals: {
    dir: { kind: "path", optional: true, description: "where files go (else BYTEWITNESS_DIR, its own XFS, TMPDIR)" },
    seconds: { kind: "duration", default: "10s", description: "how long to try; the first damage ends the run" },
  },
  options: {
    pressure: { kind: "choice", choices: PRESSURES, default: "auto", description: "what makes the kernel refuse" },
    dirtyLimit: {
      kind: "size",
      optional: true,
      onlyWith: { pressure: { not: "none" } },
      description: "dirty pages of the device (4MiB on its own XFS)",
    },
  },

  run: async (run) => {
    const { dir: directory, seconds, pressure: mode, dirtyLimit } = run.args;
    const stage = prepareStage(run, { name: "nowait-append", directory, neededBytes: 256 * MiB });
    using _slow = await stage.slowDown({ bytes: dirtyLimit, ownBytes: mode === "none" ? undefined : 4 * MiB });
    using buffer = allocate(64 * MiB);
    using vectors = new IoVectors(1, [buffer]);
    const load = { directory: stage.directory, appendBytesMax: buffer.lengthBytes, chunkFixed: false };
    using pressure = Pressure.start({ mode, ...load, narrate: run.narrate });
    run.narrate(`pressure: ${pressure.line}`);
    const random = run.random("lengths");
    const { tally } = run;
    const seen = { refused: 0, short: 0, forgotten: 0 };

    const endsAt = run.elapsedSeconds + seconds; // after the preparations
    for (let index = 0; tally.findings.length === 0 && run.elapsedSeconds < endsAt && !run.stopped; index += 1) {
      const pattern = counter({ generation: index });
      const { min, max } = pressure.chunkBytes ?? { min: 8 * MiB, max: 24 * MiB };
      const lengthBytes = random.between(min, Math.min(max, buffer.lengthBytes)) & ~7;
      pattern.fill(buffer.bytes.subarray(0, lengthBytes), 0);
      vectors.clear().add(buffer, { lengthBytes });
      const firstCall = tally.callCount;
      using file = stage.create(index); // a new file, O_APPEND
      pressure.fileOpened(file, lengthBytes);

      // The append under test: asked not to wait, the kernel writes what it can and returns how much that was.
      const append = () => tryWriteVectors(file, vectors, { flags: RWF_NOWAIT });
      const result = pressure.attempt(file, lengthBytes, append);
      const grewBytes = statFd(file).sizeBytes;
      pressure.afterAppend({ requestedBytes: lengthBytes, result, grewBytes });
      tally.wrote("pwritev2(RWF_NOWAIT)", lengthBytes, result);
      if (result === -ERRNO.EOPNOTSUPP && index === 0)
        return {
          verdict: "skipped",
          reason: `no buffered RWF_NOWAIT writes here; XFS has them since v6.0, other file systems later or never${OWN_XFS}`,
          ...stage.where,
        };
      if (result < 0 && result !== -ERRNO.EAGAIN)
        throw new SyscallError("pwritev2", -result, `"${file.label}"`, NO_NOWAIT);
      if (result < 0) seen.refused += 1;
      else if (result < lengthBytes) seen.short += 1;
      if (grewBytes > Math.max(0, result)) seen.forgotten += 1;
      pressure.fileDone(file);

      // What a correct caller does: whatever was not acknowledged is written again, waiting this time.
      const doneBytes = Math.max(0, result);
      writeAll(file, buffer, { bufferOffsetBytes: doneBytes, lengthBytes: lengthBytes - doneBytes });
      tally.wrote("write (retry)", lengthBytes - doneBytes, lengthBytes - doneBytes);
      sync(file); // so that the next file starts with all the room there is
      const judgement = judgeFile(file.label, { pattern, expectBytes: lengthBytes });
      const cause = `pwritev2 returned ${result < 0 ? "-EAGAIN" : result} while the file grew by ${grewBytes}`;
      const written = { path: file.label, keep: () => stage.keep(file.label) };
      const bad = tally.judged(judgement, { file: written, calls: tally.callsSince(firstCall), cause });
      if (!bad) stage.remove(file.label);
      run.progress({ done: run.elapsedSeconds, total: seconds, bytes: tally.totals.bytesWritten });
      await run.breathe();
    }
    const { refused, short, forgotten } = seen;
    const { findings } = tally;
    const how = `${short} short counts; ${refused} times -EAGAIN; ${forgotten} answers of less than the file grew by`;
    const first = findings.length === 0 ? {} : { firstFindingSeconds: Number(run.elapsedSeconds.toFixed(3)) };
    return {
      ...pressure.verdict,
      totals: { ...seen, ...first },
      // Stopped half-way, the kernel kept its progress (short) or forgot it; a bare -EAGAIN never began.
      trigger: { reached: Math.max(short, forgotten), attempts: tally.totals.files, how },
      ...appendProgramOf(findings, "nowait", pressure.settings),
      ...stage.where,
      sections: [{ title: "Conditions", lines: [...stage.conditions, `pressure: ${pressure.line}`] }],
    };
  },
});
