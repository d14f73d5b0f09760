/** The second thread against the real kernel: results, errors, sleep seen in /proc, interruption, refusals. */
import { expect, test } from "bun:test";
import { SyscallError } from "../../../src/ops/errors.ts";
import { Fd } from "../../../src/ops/fd.ts";
import { read, write } from "../../../src/ops/file.ts";
import { allocate } from "../../../src/ops/memory.ts";
import { openPipe } from "../../../src/ops/pipe.ts";
import { trySplice } from "../../../src/ops/splice.ts";
import { Thread } from "../../../src/ops/thread/thread.ts";
import { ERRNO } from "../../../src/sys/errno.ts";

test("a verb runs in the other thread on this thread's descriptors and buffers", async () => {
  using thread = await Thread.start();
  using pipe = openPipe();
  using there = allocate(8);
  using here = allocate(8);
  there.bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(thread.tid).not.toBe(process.pid);
  expect(await thread.call(write, pipe.writeEnd, there)).toBe(8);
  expect(read(pipe.readEnd, here)).toBe(8);
  expect([...here.bytes]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(there.pinned).toBe(false);
});

test("a refused call is the same SyscallError as in this thread", async () => {
  using thread = await Thread.start();
  using buffer = allocate(8);
  const failed = await thread.call(write, new Fd(999_999, "nothing"), buffer).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(SyscallError);
  expect(failed).toMatchObject({ call: "write", code: "EBADF", args: "nothing" });
});

test("asleep() is true only while the thread is blocked in the named call, and interrupt() ends it with EINTR", async () => {
  using thread = await Thread.start();
  using pipe = openPipe();
  using sink = openPipe();
  expect(await thread.asleep("splice", 50)).toBe(false);
  const call = thread.call(trySplice, pipe.readEnd, sink.writeEnd, { lengthBytes: 4096, flags: 0 });
  expect(await thread.asleep("write", 20)).toBe(false);
  expect(await thread.asleep("splice")).toBe(true);
  thread.interrupt();
  expect(await call).toBe(-ERRNO.EINTR);
  expect(await thread.asleep("splice", 50)).toBe(false);
});

test("an error while a call is under way is the only one: disposal adds no unhandled rejection", () => {
  const script = `import { allocate, openPipe, read, Thread } from "${import.meta.dir}/../../../src/index.ts";
    const work = async () => {
      using thread = await Thread.start(); using pipe = openPipe(); const buffer = allocate(8);
      void thread.call(read, pipe.readEnd, buffer);
      if (!(await thread.asleep("read", 20_000))) throw new Error("never asleep");
      throw new Error("the script's own");
    };
    await work().catch((error) => console.log(error.message));`;
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  expect({ exitCode, stdout: String(stdout), stderr: String(stderr) }).toEqual({
    exitCode: 0,
    stdout: "the script's own\n",
    stderr: "",
  });
}, 60_000);

test("closures and a second call at once are refused with a sentence", async () => {
  using thread = await Thread.start();
  using pipe = openPipe();
  using buffer = allocate(1);
  expect(() => thread.call(() => 1)).toThrow("cannot run in another thread");
  const waiting = thread.call(read, pipe.readEnd, buffer);
  expect(() => thread.call(read, pipe.readEnd, buffer)).toThrow("has a call under way");
  pipe.writeEnd.close();
  expect(await waiting).toBe(0);
});

test("a process ends with an idle thread, waits for a call, and ends with a thread asleep in the kernel", () => {
  const run = (body: string) => {
    const script = `import { allocate, openPipe, read, Thread, write } from "${import.meta.dir}/../../../src/index.ts";
      const thread = await Thread.start(); const pipe = openPipe(); const buffer = allocate(8); ${body}`;
    const child = Bun.spawnSync([process.execPath, "-e", script], { timeout: 10_000 });
    return { code: child.exitCode, out: child.stdout.toString() };
  };
  expect(run(`console.log("idle")`)).toEqual({ code: 0, out: "idle\n" });
  expect(run(`console.log(await thread.call(write, pipe.writeEnd, buffer))`)).toEqual({ code: 0, out: "8\n" });
  const asleep = `thread.call(read, pipe.readEnd, buffer).catch(() => console.log("given up"));
    console.log(await thread.asleep("read")); thread[Symbol.dispose]();`;
  expect(run(asleep)).toEqual({ code: 0, out: "true\ngiven up\n" });
});

test("a disposed thread that sleeps in the kernel keeps its buffer until it has ended", async () => {
  using pipe = openPipe();
  const buffer = allocate(64);
  const thread = await Thread.start();
  const call = thread.call(read, pipe.readEnd, buffer);
  const refused = call.catch((error: Error) => error.message);
  expect(await thread.asleep("read", 30_000)).toBe(true);
  thread[Symbol.dispose]();
  expect(await refused).toContain("disposed of while its call was under way");
  buffer[Symbol.dispose]();
  // The kernel will still write here: the memory is no one else's.
  expect(buffer.pinned).toBe(true);
  using one = allocate(1);
  write(pipe.writeEnd, one);
  while (buffer.pinned) await Bun.sleep(5);
  expect(() => buffer.bytes).toThrow("a released buffer was used");
}, 60_000);
