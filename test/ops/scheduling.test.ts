/** A short stay in SCHED_FIFO, and a short exemption from the out-of-memory killer, both seen in /proc. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { OomExemption } from "../../src/ops/oom.ts";
import { enterFifo, leaveFifo } from "../../src/ops/scheduling.ts";
import { SCHED_FIFO, SCHED_OTHER } from "../../src/sys/uapi/sched.ts";
import { needed } from "../needed.ts";

/** Field 41 of /proc/PID/stat (proc(5)); the main thread's number is the process's. */
function policy(): number {
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
}

test.skipIf(needed("root"))("real time is entered and left", () => {
  expect(policy()).toBe(SCHED_OTHER);
  expect(enterFifo()).toBe(true);
  const within = policy();
  leaveFifo();
  expect([within, policy()]).toEqual([SCHED_FIFO, SCHED_OTHER]);
});

test.skipIf(needed("CAP_SYS_RESOURCE"))("the exemption holds only between begin and end", () => {
  const score = () => readFileSync("/proc/self/oom_score_adj", "utf8").trim();
  const before = score();
  using exemption = OomExemption.open();
  if (exemption === undefined) throw new Error("CAP_SYS_RESOURCE is there, and no exemption was given");
  const seen = [score()];
  exemption.begin();
  seen.push(score());
  exemption.end();
  seen.push(score());
  expect(seen).toEqual([before, "-1000", before]);
});

test.skipIf(needed("root", "setpriv", "a public checkout"))(
  "without privileges both are refused with the reason",
  () => {
    const code = `
    const { enterFifo } = await import("${new URL("../../src/ops/scheduling.ts", import.meta.url).pathname}");
    const { OomExemption } = await import("${new URL("../../src/ops/oom.ts", import.meta.url).pathname}");
    console.log(enterFifo(), OomExemption.open() === undefined);`;
    const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"];
    const child = Bun.spawnSync([...drop, process.execPath, "-e", code], { timeout: 10_000, cwd: "/" });
    expect(child.stdout.toString()).toBe("false true\n");
  },
);
