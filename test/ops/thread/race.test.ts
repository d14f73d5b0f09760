/** Functions of a user's own in threads and processes: a script that exports them, run as a process. */
import { expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { plain } from "../../../src/ops/thread/crossing.ts";
import { Barrier } from "../../../src/ops/thread/barrier.ts";
import { race, runner } from "../../../src/ops/thread/race.ts";

const SCRIPT = `${import.meta.dir}/../fixtures/own-functions.ts`;

test("exported functions run in threads and processes; results, descriptors and errors come back as what they are", async () => {
  const child = Bun.spawn([process.execPath, SCRIPT], { stdout: "pipe", stderr: "pipe", timeout: 60_000 });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(err).toBe("");
  const { threads, processes, pid } = JSON.parse(out);
  const allowed = Bun.spawnSync(["nproc"]).stdout.toString().trim();
  expect(threads.at).toEqual({ tag: "thread", pid, fds: 2, processors: Number(allowed) });
  const { collided, ...rest } = threads;
  expect(rest).toEqual({
    ...{ at: threads.at, filled: 64, byte: 7, pinnedNow: false, position: 64 },
    overlapped: true,
    race: [
      ["a", 1],
      ["b", 1],
    ],
    syscall: "SyscallError: read EBADF",
    inconclusive: "Inconclusive: Inconclusive: cannot know",
    own: "Error: TypeError: our own",
    late: "Inconclusive: Inconclusive: the race did not end within 50 ms",
    unknown: expect.stringContaining('does not export a function "notExported"'),
  });
  // Two threads that met lost increments of each other; one after the other they would have lost none.
  if (availableParallelism() > 1) expect(collided).toBeLessThan(400_000);
  expect(collided).toBeGreaterThan(0);
  expect(processes).toEqual({
    ...{ first: 1000, second: 1000, position: 2000, other: true, at: ["process", 2] },
    syscall: "SyscallError: read EBADF",
    inconclusive: "Inconclusive: Inconclusive: cannot know",
    vanished: expect.stringMatching(/^Inconclusive: .*ended by SIGKILL before its function "vanish" returned$/),
    buffer: expect.stringContaining("a process does not share this one's memory"),
    late: true,
    killed: expect.stringContaining("ended by SIGKILL"),
  });
}, 90_000);

test("a child ends with its parent, also when that is killed", async () => {
  const parent = Bun.spawn([process.execPath, SCRIPT, "sleeper"], { stdout: "pipe", timeout: 60_000 });
  const reader = parent.stdout.getReader();
  const pid = Number(new TextDecoder().decode((await reader.read()).value));
  const alive = async () =>
    (
      await Bun.file(`/proc/${pid}/stat`)
        .text()
        .catch(() => "Z")
    ).includes(") Z") === false;
  const inRead = async () =>
    (
      await Bun.file(`/proc/${pid}/syscall`)
        .text()
        .catch(() => "")
    ).startsWith("0 ");
  while (!(await inRead())) await Bun.sleep(5);
  parent.kill("SIGKILL");
  await parent.exited;
  const deadline = performance.now() + 20_000;
  const gone = async () => !(await Bun.file(`/proc/${pid}/status`).exists()) || !(await alive());
  while (!(await gone()) && performance.now() < deadline) await Bun.sleep(5);
  expect(await gone()).toBe(true);
}, 60_000);

/** Never called: the compiler checks that each result has the type of its own runner. */
export async function mixedRace(): Promise<[number, string]> {
  const { results } = await race([runner(Math.max, 1, 2), runner(String, 3)]);
  const [most, text] = results;
  return [most, text];
}

test("a function among the arguments is refused by name, in lists and objects too", () => {
  const seen = { fds: [], buffers: [] };
  function callback() {}
  for (const arg of [callback, [1, callback], { on: callback }]) {
    expect(() => plain(arg, seen)).toThrow('the function "callback" cannot cross to another thread or process');
  }
});

test("a barrier is for one thread or more, and one thread never waits", () => {
  expect(() => new Barrier(0)).toThrow("1 thread or more");
  const alone = new Barrier(1);
  for (let round = 0; round < 3; round += 1) alone.wait();
});

test("a launcher that imports the script and has itself in argv is not an obstacle", async () => {
  const launcher = `process.argv[1] = ${JSON.stringify(SCRIPT)}; await import(process.argv[1]);`;
  const child = Bun.spawn([process.execPath, "-e", launcher], { stdout: "pipe", stderr: "pipe", timeout: 60_000 });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(err).toBe("");
  expect(JSON.parse(out).threads.filled).toBe(64);
}, 90_000);
