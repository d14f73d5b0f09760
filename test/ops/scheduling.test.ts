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

/** Containers often take this capability from their root: bit 24 of CapEff (capabilities(7)). */
const mayExempt = () => {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
};

test("the exemption stands only between begin and end", () => {
  const score = () => readFileSync("/proc/self/oom_score_adj", "utf8").trim();
  const before = score();
  using exemption = OomExemption.open();
  expect(exemption !== undefined).toBe(mayExempt());
  if (exemption === undefined) return;
  const seen = [score()];
  exemption.begin();
  seen.push(score());
  exemption.end();
  seen.push(score());
  expect(seen).toEqual([before, "-1000", before]);
});

test.skipIf(needed("root", "setpriv"))("without privileges both say so", () => {
  const code = `
    const { enterFifo } = await import("${new URL("../../src/ops/scheduling.ts", import.meta.url).pathname}");
    const { OomExemption } = await import("${new URL("../../src/ops/oom.ts", import.meta.url).pathname}");
    console.log(enterFifo(), OomExemption.open() === undefined);`;
  const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"];
  const child = Bun.spawnSync([...drop, process.execPath, "-e", code], { timeout: 10_000, cwd: "/" });
  expect(child.stdout.toString()).toBe("false true\n");
});
