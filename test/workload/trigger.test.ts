/** When the racy path counts as entered, door by door. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { ERRNO } from "../../src/sys/errno.ts";
import { TriggerWatch } from "../../src/workload/trigger.ts";

test("the nowait door: refused with growth and short results count, clean refusals and whole ones do not", () => {
  using watch = TriggerWatch.start({ door: "nowait" });
  const seen: (number | null)[] = [watch.reached];
  for (const [result, grewBytes] of [
    [-ERRNO.EAGAIN, 0],
    [8192, 8192],
    [4096, 4096],
    [-ERRNO.EAGAIN, 4096],
    [4096, 8192],
  ] as const) {
    watch.note(result, 8192, grewBytes);
    seen.push(watch.reached);
  }
  expect(seen).toEqual([0, 0, 0, 1, 2, 3]);
});

test("doors without an attempt that does not sleep never enter it", () => {
  for (const door of ["write", "write-position"]) {
    using watch = TriggerWatch.start({ door });
    watch.note(4096, 8192, 8192);
    expect(watch.reached).toBe(0);
    expect(watch.how).toContain("cannot be entered");
  }
});

test("an io_uring door proves the path by growth that is not the result, else by the tracepoint or not at all", () => {
  using watch = TriggerWatch.start({ door: "uring-append" });
  watch.note(8192, 8192, 8192);
  const tracing = process.getuid?.() === 0 && existsSync("/sys/kernel/tracing/events/io_uring/enable");
  expect(watch.reached).toBe(tracing ? 0 : null);
  expect(watch.how).toMatch(tracing ? /events|no tracepoint/ : /need root|shows no tracefs|no performance counters/);
  watch.note(8192, 8192, 12288);
  watch.note(8192, 8192, 0);
  expect(watch.reached).toBe(1);
});
