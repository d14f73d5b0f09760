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
  lend,
  MiB,
  Ring,
  runReproducer,
  SyscallError,
  scratchFile,
  sqe,
} from "bytewitness";

declare const self: Worker;

const CHUNK_BYTES = 256 * KiB;

/** What a thread gets. A descriptor's number means the same file in every thread; a SharedArrayBuffer is not copied. */
interface Task {
  readonly file: number;
  readonly generation: number;
  readonly bytes: number;
  readonly doneChunks: SharedArrayBuffer;
}

/** Runs in the threads: one ring, one buffer, the writes one after the other. */
function writeStream({ file, generation, bytes, doneChunks }: Task): void {
  using ring = new Ring({ entries: 4 });
  using buffer = allocate(CHUNK_BYTES);
  const fd: Fd = lend(file); // the main thread owns it and closes it
  const pattern = counter({ generation });
  for (let offsetBytes = 0; offsetBytes < bytes; offsetBytes += CHUNK_BYTES) {
    pattern.fill(buffer.bytes, offsetBytes);
    for (let done = 0; done < CHUNK_BYTES; ) {
      const part = { bufferOffsetBytes: done, lengthBytes: CHUNK_BYTES - done };
      const result = ring.run(sqe.write(fd, buffer, { offsetBytes: offsetBytes + done, ...part }));
      if (result <= 0) throw new SyscallError("io_uring write", -result, `at ${offsetBytes + done}`);
      done += result; // a short result is data: go on behind it
    }
    Atomics.add(new Int32Array(doneChunks), 0, 1);
  }
}

/** Starts a thread on this very file and resolves when its stream is written. */
function inThread(task: Task): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const worker = new Worker(import.meta.url);
  worker.onmessage = ({ data }) => (data === "done" ? resolve() : reject(new Error(data)));
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(task);
  return promise.finally(() => worker.terminate());
}

if (Bun.isMainThread) {
  await runReproducer({
    name: "two-rings",
    summary: "two io_uring rings in two threads, with one progress counter",
    positionals: { dir: { kind: "path", optional: true, description: "where the files go (BYTEWITNESS_DIR, TMPDIR)" } },
    options: { megabytes: { kind: "count", default: 64, min: 1, max: 4096, description: "MiB for each thread" } },

    run: async (run) => {
      const bytes = run.args.megabytes * MiB;
      const doneChunks = new SharedArrayBuffer(4);
      const files = [1, 2].map((generation) => {
        return { generation, ...scratchFile(run, { directory: run.args.dir, name: `two-rings-${generation}` }) };
      });
      const writing = files.map(({ fd, generation }) => inThread({ file: fd.number, generation, bytes, doneChunks }));

      const timer = setInterval(() => {
        const doneBytes = Atomics.load(new Int32Array(doneChunks), 0) * CHUNK_BYTES;
        run.progress({ done: doneBytes, total: 2 * bytes, bytes: doneBytes, label: "two rings" });
      }, 50);
      await Promise.all(writing).finally(() => clearInterval(timer));

      const judgements = files.map(({ path, generation }) => {
        return judgeFile(path, { pattern: counter({ generation }), expectBytes: bytes });
      });
      const bad = files.filter((_, index) => (judgements[index]?.findings.length ?? 0) > 0);
      for (const { keep } of bad) keep();
      const chunks = Atomics.load(new Int32Array(doneChunks), 0);
      return {
        findings: judgements.flatMap((judgement) => judgement.findings),
        totals: {
          ...{ bytesWritten: chunks * CHUNK_BYTES, files: files.length, calls: chunks },
          bytesVerified: judgements.reduce((sum, judgement) => sum + judgement.verifiedBytes, 0),
        },
        trigger: { reached: null, attempts: chunks, how: "this example looks for no race in the kernel" },
        artifacts: bad.map(({ path }) => path),
      };
    },
  });
} else {
  self.onmessage = ({ data: task }: MessageEvent<Task>) => {
    try {
      writeStream(task);
      self.postMessage("done");
    } catch (error) {
      self.postMessage(error instanceof Error ? error.message : String(error));
    }
  };
}
