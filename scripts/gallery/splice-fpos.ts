#!/usr/bin/env bun
/**
 * splice-fpos: does splice(pipe -> file) set a shared file position back, so that the next write destroys data?
 *
 * What is exercised: splice(2) from a pipe to a file with a NULL offset, on an open file that two writers share. The
 * kernel reads the file position, sleeps on the empty pipe, and stores the position when it returns, although it wrote
 * nothing and the other writer has moved the position meanwhile.
 * What broken looks like: splice returns 0 (end of pipe) or EINTR; the position jumps back over the other writer's
 * record, whose write(2) was acknowledged; the next write lands on top of it. No write returns an error.
 * Since when, fixed by: end of pipe is bad on every kernel tried, 5.10 to 7.2; the interrupted splice is mended by
 * "splice: avoid stale f_pos writeback on error" (seen in stable 6.12.117, not in 7.2.13).
 * Needs: a writable directory; no root, no particular file system.
 * Run: bun run splice-fpos.ts [DIR] [--variant end-of-pipe|interrupted|both]
 */
import {
  allocate,
  Inconclusive,
  judgeClaims,
  letters,
  openPipe,
  positionOf,
  read,
  runReproducer,
  scratchFile,
  statFd,
  Thread,
  trySplice,
  write,
} from "bytewitness";

const VARIANTS = ["end-of-pipe", "interrupted"] as const;
const RECORDS = {
  header: letters("A", 100),
  other: letters("B", 50_000),
  next: letters("C", 100),
};

await runReproducer({
  name: "splice-fpos",
  summary: "splice(pipe -> file) that waits while another writer uses the same open file",
  program: "splice-fpos",
  events: ["kretprobe:iter_file_splice_write", "kretprobe:vfs_write", "kretprobe:do_splice"],
  known: ({ variant }) =>
    variant === "interrupted"
      ? {
          fix: "splice: avoid stale f_pos writeback on error",
          firstFixed: ["6.12.117", "7.3.4"],
          source: "changelogs of linux 6.12.117-1 and 7.3.4-1",
        }
      : { fix: "", firstFixed: [], source: "every kernel tried, 5.10.218 to 7.3.4" },
  racyPath: "the thread was seen asleep in splice (/proc/self/task/TID/syscall)",
  positionals: {
    dir: { kind: "path", optional: true, description: "where the file goes (else BYTEWITNESS_DIR, TMPDIR)" },
  },
  options: {
    variant: { kind: "choice", choices: [...VARIANTS, "both"], default: "both", description: "how the splice ends" },
    timeout: { kind: "duration", default: "10s", description: "how long the other writer's call may take" },
  },

  run: async (run) => {
    const { tally } = run;
    for (const variant of VARIANTS.filter((name) => run.args.variant === name || run.args.variant === "both")) {
      const scratch = scratchFile(run, { directory: run.args.dir, name: `splice-fpos-${variant}` });
      const file = scratch.fd;
      using buffer = allocate(RECORDS.other.length);
      const put = (what: string, record: Uint8Array) => {
        buffer.bytes.set(record);
        return tally.wrote(what, record.length, write(file, buffer, { lengthBytes: record.length }));
      };
      using others = await Thread.start();

      // 1. This writer's header: the shared position is now 100.
      const header = put("write (header)", RECORDS.header);

      // 2. A second thread splices out of an empty pipe. Asleep, it has read the position and holds it.
      using pipe = openPipe();
      using thread = await Thread.start();
      const splicing = thread.call(trySplice, pipe.readEnd, file, { lengthBytes: 65_536, flags: 0 });
      tally.tried(await thread.asleep("splice"));

      // 3. The other writer of the same open file appends its record: the position is now 50100. Where the splice sleeps
      // with the file's lock held (overlayfs of 6.1), that write waits for the splice, and there is nothing to see.
      buffer.bytes.set(RECORDS.other);
      const writing = others.call(write, file, buffer, { lengthBytes: RECORDS.other.length });
      const acknowledged = await Promise.race([writing, Bun.sleep(run.args.timeout * 1000)]);
      if (acknowledged === undefined) {
        pipe.writeEnd.close();
        await Promise.all([splicing, writing]);
        throw new Inconclusive("the write waits until the splice has ended: this file system locks the file meanwhile");
      }
      const other = tally.wrote("write (other)", RECORDS.other.length, acknowledged);
      const beforeBytes = positionOf(file);

      // 4. The splice ends without having moved a byte, and stores the position that it had read.
      if (variant === "end-of-pipe") pipe.writeEnd.close();
      else thread.interrupt();
      const spliced = tally.called("splice", 65_536, await splicing);
      const afterBytes = positionOf(file);

      // 5. The next write belongs behind the other writer's record.
      const next = put("write (next)", RECORDS.next);

      using back = allocate(statFd(file).sizeBytes);
      const verifiedBytes = read(file, back, { offsetBytes: 0 });
      const ended = spliced.result < 0 ? "was interrupted (EINTR)" : `returned ${spliced.result}`;
      const findings = judgeClaims(
        back.bytes,
        [
          { name: "the header", offsetBytes: 0, bytes: RECORDS.header, call: header },
          { name: "the other writer's record", offsetBytes: 100, bytes: RECORDS.other, call: other },
          { name: "the next write", offsetBytes: afterBytes, bytes: RECORDS.next, call: next },
        ],
        {
          file: scratch.path,
          cause: `splice ${ended} and set the position back, f_pos ${beforeBytes} -> ${afterBytes}`,
        },
      );
      tally.judged({ findings, verifiedBytes }, { file: scratch });
      tally.line("File position", `${variant.padEnd(12)} splice ${ended}; f_pos ${beforeBytes} -> ${afterBytes}`);
    }
  },
});
