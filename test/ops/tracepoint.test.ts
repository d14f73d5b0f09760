/** Counting tracepoints, and the constants of <sched.h> and <linux/perf_event.h> against the C compiler. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { TracepointCounter } from "../../src/ops/tracepoint.ts";
import { libc } from "../../src/sys/libc.ts";
import * as sched from "../../src/sys/uapi/sched.ts";
import { lacking, needed } from "../needed.ts";

const SYSCALLS = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";
const tracing = process.getuid?.() === 0 && existsSync(SYSCALLS);
const untraced = () =>
  !tracing && lacking("tracefs with system calls", "run as root where /sys/kernel/tracing is mounted", true);

test.skipIf(tracing)("an event that cannot be asked for is unknown, not absent", () => {
  const opened = TracepointCounter.open({ system: "io_uring", name: "io_uring_short_write" });
  expect("why" in opened ? opened.why : "opened").toBe("unknown");
});

test.skipIf(untraced())("calls of this thread are counted, and an event that does not exist is absent", () => {
  const opened = TracepointCounter.open({ system: "raw_syscalls", name: "sys_enter" });
  if (!("counter" in opened)) throw new Error(opened.reason);
  using counter = opened.counter;
  const before = counter.read();
  for (let i = 0; i < 100; i++) libc.getppid();
  // The two reads count themselves, too.
  expect(counter.read() - before).toBe(101);
  const missing = TracepointCounter.open({ system: "raw_syscalls", name: "no_such_event" });
  expect(missing).toEqual({ why: "absent", reason: "no tracepoint raw_syscalls:no_such_event" });
});

test.skipIf(needed("gcc"))("constants and layout are the C compiler's", async () => {
  const { perf_event_attr, ...constants } = sched;
  const names = Object.keys(constants) as (keyof typeof constants)[];
  const at = perf_event_attr.offsets;
  const lines = [
    ...names.map((name) => `printf("${name} %lld\\n", (long long)(${name}));`),
    ...Object.keys(at).map((field) => `printf("${field} %zu\\n", offsetof(struct perf_event_attr, ${field}));`),
  ];
  const headers = ["stddef.h", "stdio.h", "fcntl.h", "sched.h", "sys/syscall.h", "linux/perf_event.h"];
  const include = headers.map((header) => `#include <${header}>\n`).join("");
  const source = `#define _GNU_SOURCE\n${include}int main(void) {\n${lines.join("\n")}\nreturn 0; }\n`;
  const program = `${tmpdir()}/bytewitness-sched-${process.pid}`;
  const compiled = Bun.spawnSync(["gcc", "-x", "c", "-w", "-", "-o", program], { stdin: Buffer.from(source) });
  expect(compiled.stderr.toString()).toBe("");
  const printed = Bun.spawnSync([program]).stdout.toString().trim().split("\n");
  await Bun.file(program).delete();
  const expected = [...names.map((name) => `${name} ${constants[name]}`)];
  expect(printed).toEqual([...expected, ...Object.entries(at).map(([field, offset]) => `${field} ${offset}`)]);
});
