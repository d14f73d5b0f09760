/** What pressure does where it cannot do all: it reports that, primes the file, and leaves nothing behind. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spinUntilTick } from "../../src/ops/clock.ts";
import type { Fd } from "../../src/ops/fd.ts";
import { openFile } from "../../src/ops/file.ts";
import { MiB } from "../../src/ops/memory.ts";
import { statFd } from "../../src/ops/stat.ts";
import { O_APPEND, O_CREAT, O_EXCL, O_RDWR } from "../../src/sys/uapi/fcntl.ts";
import { PRESSURES, Pressure, type PressureMode } from "../../src/workload/pressure/index.ts";
import { Prime } from "../../src/workload/pressure/prime.ts";
import { WorkerKeeper } from "../../src/workload/pressure/worker-keeper.ts";
import { until } from "../until.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-pressure-"));
afterAll(() => rmSync(directory, { recursive: true }));

function start(mode: PressureMode, narrated: string[] = []): Pressure {
  const common = { directory, appendBytesMax: 8 * MiB, chunkFixed: false };
  return Pressure.start({ mode, ...common, narrate: (line) => narrated.push(line) });
}

let files = 0;
const fresh = () => openFile(join(directory, `f.${files++}`), { flags: O_CREAT | O_EXCL | O_RDWR | O_APPEND });

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ""; // The descriptor of the listing itself.
  }
}

/** What another process would find: our group, our policy, our exemption. */
const traces = () => ({
  cgroup: readFileSync("/proc/self/cgroup", "utf8"),
  policy: readFileSync(`/proc/self/task/${process.pid}/stat`, "utf8").split(") ")[1]?.split(" ")[38],
  score: readFileSync("/proc/self/oom_score_adj", "utf8"),
  // Rings and nameless files alone: a Worker's own descriptors close a moment after it was asked to end.
  open: readdirSync("/proc/self/fd").filter((fd) => /io_uring|\(deleted\)/.test(linkOf(fd))).length,
});

test("every mode applies what it can, runs the call once, and leaves no trace", () => {
  start("auto")[Symbol.dispose](); // What stays open for the life of the process (the arena, liburing) is open now.
  for (const mode of PRESSURES) {
    const before = traces();
    expect(before.policy).toBe("0");
    const narrated: string[] = [];
    let calls = 0;
    {
      using pressure = start(mode, narrated);
      using fd = fresh();
      pressure.fileOpened(fd, 16 * MiB);
      const result = pressure.attempt(fd, 8 * MiB, () => {
        calls += 1;
        return 42;
      });
      pressure.afterAppend({ requestedBytes: 8 * MiB, result: 42, grewBytes: 0 });
      pressure.fileDone(fd);
      expect({ mode, result, settings: pressure.settings.mode }).toEqual({ mode, result: 42, settings: mode });
      expect(pressure.line.length).toBeGreaterThan(10);
    }
    expect({ mode, calls, ...traces() }).toEqual({ mode, calls: 1, ...before });
  }
});

test("a rehearsal is repeated until an attempt was let in, and never without pressure", () => {
  const rehearsed = (mode: PressureMode, growsAt: number) => {
    using pressure = start(mode);
    let calls = 0;
    const append = (file: Fd) => {
      calls += 1;
      const call = () => (calls < growsAt ? 0 : writeSync(file.number, "let in"));
      pressure.attempt(file, 4096, call);
    };
    pressure.rehearse(fresh, append, 4096);
    return calls;
  };
  expect([rehearsed("prime", 1), rehearsed("prime", 3), rehearsed("prime", 99), rehearsed("none", 1)]).toEqual([
    1, 3, 6, 0,
  ]);
});

test("the prime holds as long as its tick", () => {
  const prime = new Prime();
  using fd = fresh();
  // A busy machine can take the processor away in between.
  let holds = false;
  for (let tries = 0; tries < 50 && !holds; tries++) {
    prime.stamp(fd);
    holds = prime.holds;
  }
  prime.stamp(fd);
  spinUntilTick();
  expect([holds, prime.holds]).toEqual([true, false]);
  prime.end();
});

test("none changes nothing: no touch, no suggestion, one line", () => {
  using pressure = start("none");
  using fd = fresh();
  const mtimeNs = statFd(fd).mtimeNs;
  spinUntilTick();
  pressure.fileOpened(fd, 16 * MiB);
  pressure.attempt(fd, 8 * MiB, () => 0);
  const { mtimeNs: after, allocatedBytes } = statFd(fd);
  expect({ after, allocatedBytes }).toEqual({ after: mtimeNs, allocatedBytes: 0 });
  const ran = [pressure.line, pressure.chunkBytes, pressure.fileBytes];
  expect(ran).toEqual(["none: the workload as it is", undefined, undefined]);
});

test("the prime makes mtime the tick in which the call runs", () => {
  using pressure = start("prime");
  using fd = fresh();
  let ageMs = Number.POSITIVE_INFINITY;
  // A tick is at most 10 ms long (HZ=100). A loaded machine may take the processor from us in between: the best counts.
  for (let attempt = 0; attempt < 100 && ageMs >= 15; attempt++) {
    spinUntilTick();
    pressure.attempt(fd, 8 * MiB, () => {
      ageMs = Math.min(ageMs, Date.now() - Number(statFd(fd).mtimeNs / 1_000_000n));
      return 0;
    });
  }
  expect(ageMs).toBeLessThan(15);
});

test("auto reserves blocks beyond the end of a fresh file", () => {
  using pressure = start("auto");
  using fd = fresh();
  pressure.fileOpened(fd, 4 * MiB);
  const { sizeBytes, allocatedBytes } = statFd(fd);
  expect(sizeBytes).toBe(0);
  expect(allocatedBytes).toBe(pressure.settings.keepSize === true ? 6 * MiB : 0);
});

test("the writeback thread works on the file it follows and rests when asked to", async () => {
  using pressure = start("writeback");
  using fd = fresh();
  pressure.fileOpened(fd, MiB);
  const calls = () => Number(pressure.settings.writebackCalls);
  await until("ten calls of the thread", () => calls() >= 10);
  pressure.fileDone(fd);
  let before = calls();
  await until("two looks at the same count", () => {
    const now = calls();
    const rests = now === before;
    before = now;
    return rests;
  });
});

function threadNames(): string[] {
  return readdirSync("/proc/self/task").map((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8");
    } catch {
      // Threads of the runtime and idle workers end at any moment.
      return "";
    }
  });
}

test("the keeper makes a worker for io_uring and gives its ring back", () => {
  const rings = () => traces().open;
  const before = rings();
  const keeper = WorkerKeeper.start();
  if (keeper === undefined) return expect(rings()).toBe(before);
  expect(threadNames().filter((comm) => comm.startsWith("iou-wrk")).length).toBeGreaterThan(0);
  expect(rings()).toBe(before + 1);
  keeper[Symbol.dispose]();
  expect(rings()).toBe(before);
});
