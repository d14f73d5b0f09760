#!/usr/bin/env bun
/**
 * two-rings: an example of the API in Workers: two rings in two threads, one progress counter, one report.
 *
 * What is exercised: io_uring writes from two threads of one process, each with a ring, a buffer arena and a file of
 * its own, while the main thread shows progress from a counter that both raise.
 * What broken looks like: a thread's file that is not its thread's stream, for example because buffers were shared.
 * Needs: io_uring and a writable directory.
 * Run: bun run two-rings.ts [DIR] [--megabytes 64]
 */
import {
  allocate,
  counter,
  type Fd,
  judgeFile,
  KiB,
  MiB,
  Ring,
  race,
  runner,
  runReproducer,
  SyscallError,
  scratchFile,
  sqe,
} from "bytewitness";

const CHUNK_BYTES = 256 * KiB;

/** Runs in the threads: one ring, one buffer, the writes one after the other. `doneChunks` is shared by all. */
export function writeStream(
  file: Fd,
  { generation, bytes }: { generation: number; bytes: number },
  doneChunks: Int32Array,
) {
  using ring = new Ring({ entries: 4 });
  using buffer = allocate(CHUNK_BYTES);
  const pattern = counter({ generation });
  for (let offsetBytes = 0; offsetBytes < bytes; offsetBytes += CHUNK_BYTES) {
    pattern.fill(buffer.bytes, offsetBytes);
    for (let done = 0; done < CHUNK_BYTES; ) {
      const part = { bufferOffsetBytes: done, lengthBytes: CHUNK_BYTES - done };
      const result = ring.run(sqe.write(file, buffer, { offsetBytes: offsetBytes + done, ...part }));
      if (result <= 0) throw new SyscallError("io_uring write", -result, `at ${offsetBytes + done}`);
      done += result; // a short result is data: continue after it
    }
    Atomics.add(doneChunks, 0, 1);
  }
}

await runReproducer({
  name: "two-rings",
  summary: "two io_uring rings in two threads, with one progress counter",
  positionals: { dir: { kind: "path", optional: true, description: "where the files go (BYTEWITNESS_DIR, TMPDIR)" } },
  options: { megabytes: { kind: "count", default: 64, min: 1, max: 4096, description: "MiB for each thread" } },

  run: async (run) => {
    const bytes = run.args.megabytes * MiB;
    const doneChunks = new Int32Array(new SharedArrayBuffer(4));
    const files = [1, 2].map((generation) => {
      return { generation, ...scratchFile(run, { directory: run.args.dir, name: `two-rings-${generation}` }) };
    });
    const runners = files.map(({ fd, generation }) => runner(writeStream, fd, { generation, bytes }, doneChunks));
    const timer = setInterval(() => {
      const doneBytes = Atomics.load(doneChunks, 0) * CHUNK_BYTES;
      run.progress({ done: doneBytes, total: 2 * bytes, bytes: doneBytes, label: "two rings" });
    }, 50);
    await race(runners).finally(() => clearInterval(timer));

    for (const file of files) {
      const pattern = counter({ generation: file.generation });
      run.tally.judged(judgeFile(file.path, { pattern, expectBytes: bytes }), { file });
    }
    const chunks = Atomics.load(doneChunks, 0);
    run.tally.wroteMany(chunks, chunks * CHUNK_BYTES);
    return { trigger: { reached: null, attempts: chunks, how: "this example looks for no race in the kernel" } };
  },
});
