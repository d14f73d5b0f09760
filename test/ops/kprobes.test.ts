/** What is written to kprobe_events, and that only our own probes are taken away. The lab's guests have the real one. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addProbe, isProbe, moduleOf, probeOwners, removeProbes } from "../../src/ops/kprobes.ts";

const root = mkdtempSync(join(tmpdir(), "bytewitness-kprobes-"));
afterAll(() => rmSync(root, { recursive: true }));
const file = join(root, "kprobe_events");
const written = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
const group = `bytewitness_${process.pid}`;

test("a probe at the entry, one with the result, one with arguments; both of one function have names of their own", () => {
  writeFileSync(file, "");
  expect(addProbe(root, "kprobe:do_splice")).toBe(`${group}/do_splice`);
  expect(addProbe(root, "kretprobe:do_splice")).toBe(`${group}/do_splice_returned`);
  expect(addProbe(root, "kprobe:move(old=$arg3 new=$arg4)")).toBe(`${group}/move`);
  expect(addProbe(root, "kretprobe:tls:tls_sw_recvmsg")).toBe(`${group}/tls_sw_recvmsg_returned`);
  expect([moduleOf("kretprobe:tls:tls_sw_recvmsg"), moduleOf("kprobe:do_splice")]).toEqual(["tls", undefined]);
  expect(written()).toEqual([
    `p:${group}/do_splice do_splice `,
    `r:${group}/do_splice_returned do_splice result=$retval:s64`,
    `p:${group}/move move old=$arg3 new=$arg4`,
    `r:${group}/tls_sw_recvmsg_returned tls_sw_recvmsg result=$retval:s64`,
  ]);
});

test("a kernel without probes refuses them, and what is not a probe is none", () => {
  expect(addProbe(join(root, "nothing"), "kprobe:do_splice")).toBeUndefined();
  expect(addProbe(root, "kprobe:two words")).toBeUndefined();
  expect(["io_uring:io_uring_complete", "kprobe:x y", "kprobe:"].filter(isProbe)).toEqual([]);
  expect(probeOwners(join(root, "nothing"))).toEqual([]);
});

test("only the probes of one process are removed; those of others, and of other programs, stay", () => {
  // As the kernel lists them.
  writeFileSync(file, "p:bytewitness_7/a a\nr16:bytewitness_7/b_returned b\np:bytewitness_8/a a\np:other/a a\n");
  expect(probeOwners(root)).toEqual([7, 8]);
  removeProbes(root, 7);
  expect(written().slice(4)).toEqual(["-:bytewitness_7/a", "-:bytewitness_7/b_returned"]);
});

test("what reproducers declare is in one of the two forms, and at least four of the gallery declare something", () => {
  const directory = join(import.meta.dir, "../../scripts/gallery");
  const declared = readdirSync(directory).flatMap((name) => {
    const text = readFileSync(join(directory, name), "utf8");
    const [, list] = /\n {2}events: \[([^\]]*)\]/.exec(text) ?? [];
    return list === undefined ? [] : [[...list.matchAll(/"([^"]+)"/g)].map(([, event]) => event as string)];
  });
  expect(declared.length).toBeGreaterThanOrEqual(4);
  for (const event of declared.flat())
    expect([event, isProbe(event) || /^(?!kprobe|kretprobe)\w+:\w+$/.test(event)]).toEqual([event, true]);
});
