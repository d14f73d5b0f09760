/** The private tracer where it is available, and in words where it is not. The lab's guests have it; see test/scripts/lab. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { KernelTracer, removeStaleInstances } from "../../src/ops/tracefs.ts";

const INSTANCES = "/sys/kernel/tracing/instances";

test("a tracer is an instance of its own, names what is missing, and is gone afterwards; or the reason is one line", () => {
  const started = KernelTracer.start(["sched:sched_process_fork", "no_such:event"]);
  if (typeof started === "string") {
    expect(started).toMatch(/^(the kernel's tracer needs root|this kernel shows no tracefs|no tracing instance)/);
    return;
  }
  using tracer = started;
  expect(readdirSync(INSTANCES)).toContain(`bytewitness-${process.pid}`);
  Bun.spawnSync(["true"]);
  expect(tracer.missing).toEqual(["no_such:event"]);
  expect(tracer.stop()).toContain("sched_process_fork");
  tracer[Symbol.dispose]();
  expect(existsSync(`${INSTANCES}/bytewitness-${process.pid}`)).toBe(false);
});

test("without an instance of a process that is gone there is nothing to remove", () => {
  expect(removeStaleInstances()).toEqual([]);
});
